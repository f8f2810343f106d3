#!/bin/bash
# What a release is, in a folder: wheel, sdist, the locked requirements with their hashes, an SBOM of all that these
# install (CycloneDX, here on this Python), and checksums. `make release`; tools/release.sh FOLDER ENVIRONMENT
#
# The wheel is installed as users do, in a new virtual environment, and the SBOM is taken of that. Two runs of one
# checkout on one machine give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
dist=${1:-dist} bin=.venv/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
installed=${2:-$work/installed}

rm -rf "${dist:?}"
said=$($bin/hatchling build --directory "$dist" 2>&1) || { echo "$said" >&2; exit 1; }
version=$($bin/hatchling version)
cp requirements.lock "$dist/"

$bin/python -m venv --without-pip "$installed" # which is none of the agent's parts
pip=("$bin/python" -m pip --python "$installed/bin/python" --disable-pip-version-check -qq install --no-compile)
"${pip[@]}" --require-hashes -r "$dist/requirements.lock"
"${pip[@]}" --no-deps --no-index "$dist/smtp_exporter-$version-py3-none-any.whl"
said=$("$installed/bin/smtp-exporter" --version)
[[ $said == "smtp-exporter $version "* ]] || { echo "not $version, but $said" >&2; exit 1; }
"$installed/bin/smtp-exporter" check-config config.example.yaml >/dev/null

sed "s/^dynamic = .*/version = \"$version\"/" pyproject.toml >"$work/pyproject.toml"
$bin/cyclonedx-py environment --pyproject "$work/pyproject.toml" --output-reproducible \
  --output-file "$dist/smtp-exporter-$version.cdx.json" "$installed/bin/python"
(cd "$dist" && sha256sum -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)
