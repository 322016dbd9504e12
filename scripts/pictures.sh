#!/usr/bin/env bash
# Draws the pictures of the documents from real runs of the programs. Usage: pictures.sh DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
mkfifo "$work/ready"
build/bin/dbn-sim --quiet >"$work/ready" &
trap 'kill $!; rm -rf "$work"' EXIT
read -r _ _ gateway <"$work/ready"
command="dbn-tail -d GLBX.MDP3 -s mbp-1 ESZ6 NQZ6 CLF7 GCG7"
DATABENTO_API_KEY=db-simSIMsimSIMsimSIMsimSIMsim00 build/bin/$command \
  --gateway "$gateway" -l 400 --table --color always --quiet |
  awk '/TIME/ { header = $0; next } ++rows > 380 { last[++n] = $0 }
    END { print header; for (i = 1; i <= n; i++) print last[i] }' | go run ./test/pictures "$command" >"$1/dbn-tail.svg"
