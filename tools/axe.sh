#!/bin/bash
# axe-core for the accessibility test of the status page: one pinned file from the npm registry, into .cache.
# Says nothing where it is there. Nothing of it is shipped, and no script of the package runs.
set -euo pipefail
cd "$(dirname "$0")/.."
version=4.14.1
sha512=FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==
file=.cache/axe-core-$version.min.js
[[ -s $file ]] && exit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p .cache
(cd "$work" && npm pack --silent --ignore-scripts "axe-core@$version" >/dev/null 2>&1) || { echo "tools: axe-core cannot be had: the test of the page with it will not run" >&2; [[ ${CI:-} != true ]]; exit; }
[[ $(openssl dgst -sha512 -binary "$work/axe-core-$version.tgz" | base64 -w0) == "$sha512" ]] || { echo "tools: axe-core $version is not what it was: its checksum differs" >&2; exit 1; }
tar -xzOf "$work/axe-core-$version.tgz" package/axe.min.js >"$work/axe.js"
mv "$work/axe.js" "$file"
