#!/bin/bash
# Builds the image and tries it as users run it: nobody's uid, read-only root, no capabilities, no network.
#
#   deploy/docker/build-check.sh                                   BASE: Debian 12 and its Python (tools/debian-root.sh)
#   BASE=docker.io/library/python:3.13-slim-bookworm deploy/docker/build-check.sh
#
# For root on Linux, with podman and runc; the first form, with mmdebstrap, needs no registry of images.
set -euo pipefail
cd "$(dirname "$0")/../.."
store=$PWD/.cache/podman
config=$(mktemp -d)
ours=smtp-exporter-check-$$

podman() { # with storage of its own; runc, because crun refuses machines with both versions of cgroups
  STORAGE_DRIVER=${STORAGE_DRIVER:-overlay} command podman --root "$store/root" --runroot "$store/run" \
    --runtime runc --cgroup-manager cgroupfs --events-backend none --log-level fatal "$@"
}

run() { # as the README and the compose file do. Podman's own limits are more than some machines allow
  podman run --network none --read-only --read-only-tmpfs=false --cap-drop ALL --security-opt no-new-privileges \
    --timeout 900 --ulimit nofile=8192:8192 --ulimit nproc=4096:4096 "$@"
}

step() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; podman logs "$ours" >&2 || true; exit 1; }
within() { # within SECONDS COMMAND...: until it succeeds
  local end=$((SECONDS + $1))
  until "${@:2}" >/dev/null 2>&1; do ((SECONDS < end)) || return; sleep 0.5; done
}
ended() { podman rm --force --time 0 "$ours" >/dev/null 2>&1 || true; rm -rf "$config"; }
trap ended EXIT

if [[ -z ${BASE:-} ]]; then
  BASE=localhost/debian
  CI=true tools/debian-root.sh
fi

# the machine's own roots: it may reach the package index through a proxy of its own
podman build --quiet --isolation chroot --network host --format docker --build-arg "BASE=$BASE" \
  --volume /etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt:ro \
  --ignorefile deploy/docker/Dockerfile.dockerignore --file deploy/docker/Dockerfile --tag smtp-exporter . >/dev/null
size() { podman image inspect --format '{{.Size}}' "$1" | awk '{ printf "%.0f MB", $1 / 1e6 }'; }
step "built: $(size smtp-exporter), of which the base is $(size "$BASE"): $(run --rm smtp-exporter --version)"

left=$(run --rm --entrypoint sh smtp-exporter -c '
  for each in cc gcc c++ ld make hatchling; do command -v $each; done
  ls -d /src /build /opt/smtp-exporter/bin/pip* 2>/dev/null' || true)
[[ -z $left ]] || fail "left over from the build: $left"
step 'no compiler, no build tool is left'

printf 'targets: [{host: 127.0.0.1, ports: [25]}]\n' >"$config/smtp-exporter.yaml"
chmod -R a+rX "$config"
run --detach --name "$ours" --volume "$config:/etc/smtp-exporter:ro" smtp-exporter >/dev/null
within 30 podman healthcheck run "$ours" || fail 'run: the health check does not pass'
podman stop --time 10 "$ours" >/dev/null
[[ $(podman inspect --format '{{.State.ExitCode}}' "$ours") == 0 ]] || fail 'run: SIGTERM did not end it with 0'
podman rm "$ours" >/dev/null
step 'run: healthy without a place to write, ended by SIGTERM with 0'

demo='import re, urllib.request
seen = urllib.request.urlopen("http://127.0.0.1:10225/metrics").read().decode()
servers = int(re.search(r"^smtp_exporter_endpoints (\d+)", seen, re.M)[1])
probed, fine, broken = (len(re.findall(series, seen, re.M)) for series in (
    "^smtp_probes_total", "^smtp_probe_success.* 1$", "^smtp_probe_success.* 0$"))
print(f"{servers} servers probed, {fine} well and {broken} broken")
assert probed == servers and fine and broken'
run --detach --name "$ours" --tmpfs /tmp smtp-exporter demo >/dev/null
within 60 podman exec "$ours" python -c "$demo" || fail 'demo: not all of its servers were probed'
podman healthcheck run "$ours" >/dev/null || fail 'demo: the health check does not pass'
step "demo: $(podman exec "$ours" python -c "$demo"), by uid $(podman exec "$ours" id -u)"
