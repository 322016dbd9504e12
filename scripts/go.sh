#!/usr/bin/env bash
# go, with the flags that make a changed libdbnloop.a a changed build.
set -euo pipefail
here=$(dirname "$0")
exec env $("$here/cgo-env.sh") go "$@"
