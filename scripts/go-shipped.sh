#!/usr/bin/env bash
# go build or go test, with the flags of the programs that ship. What tests build like this comes
# from Go's cache, where `make build` has put it.
set -euo pipefail
unset GOEXPERIMENT # that of a test which builds a program
exec "$(dirname "$0")/go.sh" "$1" -trimpath -buildvcs=false -buildmode=pie "${@:2}"
