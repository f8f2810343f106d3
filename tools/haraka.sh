#!/bin/bash
# Haraka for the tests with real servers: from the npm registry, in the versions of tools/haraka/package-lock.json, into
# .cache. Says nothing where it is there. Nothing of it is shipped, and no script of a package runs.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=.cache/haraka
cmp -s tools/haraka/package-lock.json $folder/package-lock.json && exit
work=$folder.new
rm -rf $folder $work
mkdir -p $work
cp tools/haraka/*.json $work
npm ci --prefix $work --silent --ignore-scripts --omit=optional --no-audit --no-fund >/dev/null 2>&1 || { echo "tools: Haraka cannot be had: the tests with it will not run" >&2; [[ ${CI:-} != true ]]; exit; }
mv $work $folder
