#!/usr/bin/env bash
# Installs into an empty prefix and builds one consumer of each kind against it: a CMake
# package (C++), pkg-config (C), and Go with the pkg-config tag. Run by `make test`.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make --no-print-directory install PREFIX="$work/prefix" >"$work/install.log" 2>&1 ||
  { cat "$work/install.log" >&2; exit 1; }
pcdir=$(dirname "$(find "$work/prefix" -name dbnloop.pc)")
# A moved prefix must still work: nothing may hold the path that it was installed to.
mv "$work/prefix" "$work/moved"
pcdir=${pcdir/$work\/prefix/$work\/moved}
export PKG_CONFIG_PATH="$pcdir"

cmake -S test/consumer/cmake -B "$work/cmake" -G Ninja -DCMAKE_PREFIX_PATH="$work/moved" >"$work/cmake.log" ||
  { cat "$work/cmake.log" >&2; exit 1; }
cmake --build "$work/cmake" >"$work/cmake.log" || { cat "$work/cmake.log" >&2; exit 1; }
echo "consumer cmake: $("$work/cmake/consumer")"

# A C program links a C++ library: pkg-config --static names what it needs.
cc -std=c11 -Wall -Wextra -Werror -o "$work/consumer-c" test/consumer/pkgconfig/main.c \
  $(pkg-config --cflags --static --libs dbnloop)
echo "consumer pkg-config: $("$work/consumer-c")"

echo "consumer programs: $("$work/moved/bin/dbn-tail" --version), $("$work/moved/bin/dbn-sim" --version)"
