#!/usr/bin/env bash
# Builds the official C++ client's comparison PART (live or historical) with dbn-sim in
# build/interop/cpp_PART, from databento-cpp's sources: in the folder DATABENTO_CPP, else from
# GitHub. CPP_HTTPLIB names a folder with a cpp-httplib newer than Debian's, which only
# historical needs. Ends with 77, saying why, when they cannot be had. Usage: build.sh PART
set -euo pipefail
cd "$(dirname "$0")/../../.."
part=$1
folder=build/interop/cpp_$part
mkdir -p "$folder"
# What an earlier call was given must not stay in CMake's cache.
given=(-UDBNLOOP_HTTPLIB_INCLUDE -UFETCHCONTENT_SOURCE_DIR_DATABENTO
  -DFETCHCONTENT_BASE_DIR="$PWD/build/_deps")
[ -z "${CPP_HTTPLIB:-}" ] || given+=(-DDBNLOOP_HTTPLIB_INCLUDE="$(realpath -m "$CPP_HTTPLIB")")
[ -z "${DATABENTO_CPP:-}" ] ||
  given+=(-DFETCHCONTENT_SOURCE_DIR_DATABENTO="$(realpath -m "$DATABENTO_CPP")")
if ! cmake -S test/interop/cpp -B "$folder" -G Ninja "${given[@]}" \
  -DHISTORICAL="$([ "$part" = historical ] && echo ON || echo OFF)" \
  >"$folder/configure.log" 2>&1; then
  cat "$folder/configure.log" >&2
  exit 1
fi
if not_run=$(grep -o 'NOT RUN.*' "$folder/configure.log"); then
  echo "  $not_run"
  exit 77
fi
sed -n 's/^-- client:/ /p' "$folder/configure.log"
cmake --build "$folder" -j "${JOBS:-$(nproc)}" >"$folder/build.log" || {
  cat "$folder/build.log" >&2
  exit 1
}
