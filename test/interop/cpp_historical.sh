#!/usr/bin/env bash
# The official C++ client's historical part against dbn-sim: every record must arrive
# unchanged. DATABENTO_CPP names a folder with its sources, CPP_HTTPLIB one with the httplib.h
# of cpp-httplib 0.30 to 0.51; both else come from GitHub, and where they are not to be had,
# this ends with 77. DBN_TESTDATA names a folder of further DBN files.
set -euo pipefail
cd "$(dirname "$0")/../.."
sim=${DBN_SIM:-build/bin/dbn-sim}
[ -x "$sim" ] || { echo "interop: $sim is missing; run make build" >&2; exit 1; }

test/interop/cpp/build.sh historical
build/interop/cpp_historical/historical "$sim" sim/sample/data "${DBN_TESTDATA:-../shared/testdata/dbn}"
