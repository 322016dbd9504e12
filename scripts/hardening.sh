#!/usr/bin/env bash
# Checks that programs and libraries are hardened as SECURITY.md says.
# Usage: scripts/hardening.sh FILE...; the name says which a file is.
set -euo pipefail
failed=0
complain() {
  echo "hardening: $1: $2" >&2
  failed=1
}

# image NAME: what holds for every program and shared library
image() {
  local name=$1 headers
  headers=$(readelf -hlWd "$name")
  grep -qE 'Type: +DYN' <<<"$headers" || complain "$name" "it is not position-independent"
  grep -q 'GNU_RELRO' <<<"$headers" || complain "$name" "its relocations stay writable (no RELRO)"
  grep -qE 'FLAGS_1.*NOW' <<<"$headers" || complain "$name" "symbols are bound lazily (no BIND_NOW)"
  grep -qE 'GNU_STACK .* RW ' <<<"$headers" || complain "$name" "its stack is executable"
  grep -qE '^ +LOAD .* RWE ' <<<"$headers" && complain "$name" "a segment is writable and executable"
  grep -qE 'TEXTREL' <<<"$headers" && complain "$name" "its code needs relocations (TEXTREL)"
  grep -qE 'RPATH|RUNPATH' <<<"$headers" && complain "$name" "it names a directory of libraries (RUNPATH)"
  return 0
}
program() {
  local name=$1
  image "$name"
  readelf -dW "$name" | grep -qE 'FLAGS_1.*PIE' || complain "$name" "it is not a position-independent program"
  # Go's code has no landing pads for indirect branches, and goroutines change stacks: a
  # program with a mark would be ended where the machine enforces it.
  readelf -nW "$name" 2>/dev/null | grep -qE 'x86 feature:.*(IBT|SHSTK)' &&
    complain "$name" "it is marked for IBT or SHSTK, which Go does not support"
  return 0
}

# Without its mark, one object takes the protection of branches from every C or C++ program
# that links the library.
library() {
  local name=$1 notes objects marked
  notes=$(readelf -hnW "$name" 2>/dev/null)
  grep -q 'Machine: .*X86-64' <<<"$notes" || return 0
  objects=$(grep -c '^File: ' <<<"$notes")
  marked=$(grep -cE 'x86 feature: IBT, SHSTK' <<<"$notes" || true)
  [ "$objects" -eq "$marked" ] ||
    complain "$name" "only $marked of $objects objects are marked for IBT and SHSTK"
}

for file in "$@"; do
  case $file in
    *.a) library "$file" ;;
    # (The system's crti.o decides whether it can be marked for IBT and SHSTK.)
    *.so | *.so.*) image "$file" ;;
    *) program "$file" ;;
  esac
done
[ $failed -ne 0 ] || echo "hardening: $# files as they should be"
exit $failed
