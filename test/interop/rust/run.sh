#!/usr/bin/env bash
# Builds the official Rust client's comparison PART (live or historical) in build/interop and
# runs it against dbn-sim. Usage: run.sh PART
set -euo pipefail
cd "$(dirname "$0")/../../.."
part=$1
sim=${DBN_SIM:-build/bin/dbn-sim}
[ -x "$sim" ] || { echo "interop: $sim is missing; run make build" >&2; exit 1; }
cargo=${CARGO:-cargo}
command -v "$cargo" >/dev/null || {
  echo "interop: $cargo is missing; install Rust 1.88 or newer" >&2
  exit 1
}

project=(--manifest-path test/interop/rust/Cargo.toml)
"$cargo" build --quiet "${project[@]}" --target-dir build/interop/rust --bin "$part"
version() { "$cargo" pkgid "${project[@]}" "$1" | sed 's/.*[@#]//'; }
echo "  databento $(version databento), dbn $(version dbn)"
"build/interop/rust/debug/$part" "$sim" sim/sample/data "${DBN_TESTDATA:-../shared/testdata/dbn}"
