#!/usr/bin/env bash
# The official Rust client's historical part against dbn-sim: every record must arrive
# unchanged. Its version is that of test/interop/rust/Cargo.toml; cargo builds it in
# build/interop. CARGO names the program, and DBN_TESTDATA a folder of further DBN files.
set -euo pipefail
exec "$(dirname "$0")/rust/run.sh" historical
