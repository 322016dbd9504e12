#!/usr/bin/env bash
# The official C++ client against dbn-sim: every record must arrive unchanged. DATABENTO_CPP
# names a folder with its sources, which else come from GitHub; where neither is to be had,
# this ends with 77. DBN_TESTDATA names a folder of further DBN files.
set -euo pipefail
cd "$(dirname "$0")/../.."
sim=${DBN_SIM:-build/bin/dbn-sim}
[ -x "$sim" ] || { echo "interop: $sim is missing; run make build" >&2; exit 1; }

test/interop/cpp/build.sh live
build/interop/cpp_live/live "$sim" sim/sample/data "${DBN_TESTDATA:-../shared/testdata/dbn}"
