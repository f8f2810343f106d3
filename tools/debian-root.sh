#!/bin/bash
# A root filesystem of Debian 12 with Python and systemd, as the image localhost/debian of podman's storage in
# .cache/podman: the image is built on it, and the unit runs in it. Says nothing where it is there.
# Debian's own packages and checks of signatures; no registry of images.
set -euo pipefail
cd "$(dirname "$0")/.."
store=$PWD/.cache/podman

podman() {
  STORAGE_DRIVER=${STORAGE_DRIVER:-overlay} command podman --root "$store/root" --runroot "$store/run" "$@"
}

missing=$(for each in mmdebstrap podman runc unshare; do command -v $each >/dev/null || echo $each; done)
if [[ $EUID != 0 || -n $missing ]]; then
  echo "tools: image and unit will NOT be tried: that takes root, mmdebstrap, podman and runc" >&2
  [[ ${CI:-} != true ]]
  exit
fi
podman image exists localhost/debian && exit
echo 'tools: a root filesystem of Debian'
packages=ca-certificates,procps,python-is-python3,python3,python3-pip,python3-venv,systemd-sysv
exclude=--dpkgopt=path-exclude=/usr/share
cd / # which every namespace has
# made in memory: a disk takes twice the time
unshare --mount sh -c 'mount -t tmpfs tmpfs /mnt && TMPDIR=/mnt exec "$@"' sh \
  mmdebstrap --quiet --variant=apt --include=$packages --dpkgopt=force-unsafe-io \
  "$exclude/doc/*" "$exclude/info/*" "$exclude/locale/*" "$exclude/man/*" bookworm - |
  podman import --quiet - localhost/debian >/dev/null
