#!/usr/bin/env bash
# go mod tidy for both modules; with -diff it changes nothing, prints what it would change, and
# fails if that is anything. The programs' module requires a version of the library that may not
# be tagged yet, so the library is replaced by this directory in a copy of cmd/go.mod, and only
# for as long as this takes.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
export GOWORK=off
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

go mod tidy "$@"

cp cmd/go.mod "$work/go.mod"
cp cmd/go.sum "$work/go.sum"
(
  cd cmd
  go mod edit -replace "github.com/dbnloop/dbnloop=$root" "$work/go.mod"
  go mod tidy -modfile="$work/go.mod" "$@"
)
go mod edit -dropreplace github.com/dbnloop/dbnloop "$work/go.mod"
if [ "${1:-}" != -diff ]; then
  cp "$work/go.mod" "$work/go.sum" cmd/
fi
