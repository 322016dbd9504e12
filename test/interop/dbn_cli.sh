#!/usr/bin/env bash
# dbn-tail against the official dbn program: CSV, TSV, JSON, metadata and DBN must be equal
# byte for byte. Installs the program with cargo into a cache folder, once; DBN_CLI names an
# installed one instead, and DBN_TESTDATA a folder of further DBN files.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=0.54.0
export DBN_TAIL=${DBN_TAIL:-$PWD/build/bin/dbn-tail}
[ -x "$DBN_TAIL" ] || { echo "interop: $DBN_TAIL is missing; run make build" >&2; exit 1; }

if [ -z "${DBN_CLI:-}" ]; then
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/dbnloop/dbn-cli-$version
  if [ ! -x "$cache/bin/dbn" ]; then
    command -v cargo >/dev/null || {
      echo "interop: cargo is missing; install Rust, or set DBN_CLI to a dbn program of version $version" >&2
      exit 1
    }
    cargo install --quiet --locked --version "$version" --root "$cache" dbn-cli
  fi
  DBN_CLI=$cache/bin/dbn
fi
export DBN_CLI
found=$("$DBN_CLI" --version)
[ "${found##* }" = "$version" ] || echo "interop: comparing with $found, expected $version" >&2
CGO_ENABLED=0 go test -count=1 -timeout 30m -v -run OfTheOfficialTool ./test/interop |
  { grep -E '^(dbn-tail and|---|FAIL|ok|panic)|differ|fails|official |ours  ' || true; }
