#!/usr/bin/env bash
# Configures a preset and prints what matters of it: the lines that say whose record types the
# build has, and all of the output when it fails. Usage: scripts/configure.sh PRESET [ARG]...
# CMAKE_ARGS holds further arguments, for every preset.
set -euo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086
cmake --preset "$@" ${CMAKE_ARGS:-} | tee "$log" | { grep --line-buffered '^-- dbnloop:' || true; } >&2 || {
  cat "$log" >&2
  exit 1
}
