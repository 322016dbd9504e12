#!/usr/bin/env bash
# Runs the C++ benchmarks: each prints medians of interleaved rounds, and ratios to its first
# row, which is what a bare loop over the same bytes costs. Usage: scripts/bench.sh ROUNDS MIB
set -euo pipefail
bench=$(dirname "$0")/../build/release/test/bench
peer=()
[ -x "$bench/peer_databento" ] && peer=("databento-cpp=$bench/peer_databento")
"$bench/live_receive" "$1" "$2" "Go, runs=$bench/live_go" "${peer[@]}"
"$bench/live_latency" "$1"
"$bench/file_read" "$1" "$2" "${peer[@]}"
"$bench/historical_receive" "$1" "$2"
