#!/usr/bin/env bash
# The official Rust client's historical part against dbn-sim: every record must arrive
# unchanged. Its version is that of test/interop/rust/Cargo.toml; cargo builds it in
# build/interop. CARGO names the program, and DBN_TESTDATA a folder of further DBN files.
set -euo pipefail
cd "$(dirname "$0")/../.."
sim=${DBN_SIM:-build/bin/dbn-sim}
[ -x "$sim" ] || { echo "interop: $sim is missing; run make build" >&2; exit 1; }
cargo=${CARGO:-cargo}
command -v "$cargo" >/dev/null || {
  echo "interop: $cargo is missing; install Rust 1.88 or newer" >&2
  exit 1
}

project=(--manifest-path test/interop/rust/Cargo.toml)
"$cargo" build --quiet "${project[@]}" --target-dir build/interop/rust --bin historical
version() { "$cargo" pkgid "${project[@]}" "$1" | sed 's/.*[@#]//'; }
echo "  databento $(version databento), dbn $(version dbn)"
build/interop/rust/debug/historical "$sim" sim/sample/data "${DBN_TESTDATA:-../shared/testdata/dbn}"
