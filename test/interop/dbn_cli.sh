#!/usr/bin/env bash
# dbn-tail against the official dbn program: CSV, TSV, JSON, metadata and DBN must be equal
# byte for byte, for the newest version of the program and for an older one. Installs them
# with cargo into a cache directory, once; DBN_CLI names an installed program to compare
# with instead, and DBN_TESTDATA a directory of further DBN files.
set -euo pipefail
cd "$(dirname "$0")/../.."
versions=(0.73.0 0.54.0)
export DBN_TAIL=${DBN_TAIL:-$PWD/build/bin/dbn-tail}
[ -x "$DBN_TAIL" ] || { echo "interop: $DBN_TAIL is missing; run make build" >&2; exit 1; }

programs=()
if [ -n "${DBN_CLI:-}" ]; then
  programs=("$DBN_CLI")
else
  for version in "${versions[@]}"; do
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/dbnloop/dbn-cli-$version
    if [ ! -x "$cache/bin/dbn" ]; then
      command -v cargo >/dev/null || {
        echo "interop: cargo is missing; install Rust, or set DBN_CLI to a dbn program of version ${versions[0]}" >&2
        exit 1
      }
      cargo install --quiet --locked --version "$version" --root "$cache" dbn-cli
    fi
    programs+=("$cache/bin/dbn")
  done
fi

for DBN_CLI in "${programs[@]}"; do
  export DBN_CLI
  echo "interop: comparing with $("$DBN_CLI" --version)"
  CGO_ENABLED=0 go test -count=1 -timeout 60m -v -run OfTheOfficialTool ./test/interop |
    { grep -E '^(dbn-tail and|---|FAIL|ok|panic)|differ|fails|official |ours  ' || true; }
done
