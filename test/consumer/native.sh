#!/usr/bin/env bash
# Builds C and C++ programs against an installed library in each way that there is: CMake's
# package and pkg-config, each with the static and the shared library.
# Usage: native.sh PREFIX OUT; the range programs, which run.sh runs, are left in OUT.
set -euo pipefail
cd "$(dirname "$0")/../.."
prefix=$1
out=$2
mkdir -p "$out"
library=$(find "$prefix" -name libdbnloop.a)
shared=$(find "$prefix" -name libdbnloop.so)
libdir=$(dirname "$library")
export PKG_CONFIG_PATH=$libdir/pkgconfig
complain() {
  echo "consumer: $1" >&2
  exit 1
}
quietly() { "$@" >"$out/log" 2>&1 || { tail -n 50 "$out/log" >&2; exit 1; }; }
exported() { nm "$@" --defined-only | sed -nE 's/^[0-9a-f]+ [A-Z] //p' | sort -u; }

# The library starts no thread, looks up no name by blocking, prints nothing, ends no
# process, handles no signal: it does not even refer to what would.
never='pthread_create|thrd_create|clone|fork|getaddrinfo|gethostbyname[a-z0-9_]*|getnameinfo'
never+='|printf|puts|putchar|perror|syslog|exit|_exit|quick_exit|signal|sigaction'
never+='|sleep|usleep|nanosleep|system|popen'
if nm -u "$library" | grep -wE "U ($never|_ZSt4cout|_ZSt4cerr|_ZNSt6thread.*)"; then
  complain "libdbnloop.a calls what a library must not call"
fi

# The static library meets no symbol of a program's other libraries: what it defines is its own,
# or an inline function of the standard library. (With databento-cpp's types, theirs too, and
# nlohmann's in a namespace of their version.) binutils cannot read the names of destructors with a
# requires clause, which libstdc++ 14 has.
foreign=$(nm -gC --defined-only "$library" | grep -E '^[0-9a-f]+ [A-Za-z] ' |
  grep -vE 'dbnloop_|dbnloop::|databento::|DW\.ref\.' |
  grep -vE '^[0-9a-f]+ [WVu] (.*(std::|__gnu_cxx::|nlohmann::json_abi_)|_ZNSt)' || true)
[ -z "$foreign" ] || complain "libdbnloop.a defines names that may be another's: $foreign"

# The shared one exports the C API: each function of the headers, and nothing else.
exported -D "$shared" >"$out/exported"
exported -g "$library" | grep '^dbnloop_' >"$out/defined"
diff "$out/defined" "$out/exported" || complain "libdbnloop.so exports other names than the C API's"
soname=$(readelf -d "$shared" | sed -nE 's/.*SONAME.*\[(.*)\]/\1/p')
abi=$(sed -nE 's/^#define DBNLOOP_ABI_VERSION ([0-9]+)$/\1/p' "$(find "$prefix" -name dbnloop.h)")
[ "$soname" = "libdbnloop.so.$abi" ] || complain "its SONAME is $soname, the ABI's number $abi"
echo "consumer symbols: $(wc -l <"$out/exported") of the C API, none of another library"

# C++ and C through CMake's package.
quietly cmake -S test/consumer/cmake -B "$out/cmake" -G Ninja -DCMAKE_PREFIX_PATH="$prefix"
quietly cmake --build "$out/cmake"
echo "consumer cmake: $("$out/cmake/consumer")"
mv "$out/cmake/range" "$out/range-cpp"
mv "$out/cmake/beside" "$out/range-beside"
quietly cmake -S test/consumer/cmake_c -B "$out/cmake_c" -G Ninja -DCMAKE_PREFIX_PATH="$prefix"
quietly cmake --build "$out/cmake_c"
echo "consumer cmake, C: shared $("$out/cmake_c/with_shared"), static $("$out/cmake_c/with_static")"

# uses PROGRAM LIBRARY yes|no: whether the program needs the library at run time
uses() {
  local found=no
  readelf -d "$1" | grep -q "NEEDED.*\[$2" && found=yes
  [ $found = "$3" ] || complain "$1 needs $2: $found, expected $3"
}
uses "$out/cmake_c/with_shared" libdbnloop yes
uses "$out/cmake_c/with_static" libdbnloop no

# pkg-config needs no --static. Programs find the shared library where the system would have it.
export LD_LIBRARY_PATH=$libdir
cc=(cc -std=c11 -Wall -Wextra -Werror)
pc() { pkg-config --cflags --libs "$1"; }
c++ -std=c++23 -Wall -Wextra -Werror -o "$out/cpp-static" test/consumer/cmake/main.cpp $(pc dbnloop)
"${cc[@]}" -o "$out/c-static" test/consumer/pkgconfig/main.c $(pc dbnloop)
uses "$out/c-static" libdbnloop no
"${cc[@]}" -o "$out/c-shared" test/consumer/pkgconfig/main.c $(pc dbnloop-shared)
uses "$out/c-shared" libdbnloop yes
uses "$out/c-shared" libssl no
"${cc[@]}" -o "$out/range-c" test/consumer/pkgconfig/range.c $(pc dbnloop-shared)
"${cc[@]}" -rdynamic -o "$out/range-beside-c" test/consumer/llhttp/beside.c \
  test/consumer/llhttp/other_llhttp.c $(pc dbnloop-shared)
echo "consumer pkg-config: C++ $("$out/cpp-static"), C $("$out/c-static"), shared $("$out/c-shared")"

# An installation without the shared library.
mkdir "$out/only"
cp -r "$prefix/." "$out/only"
find "$out/only" \( -name 'libdbnloop.so*' -o -name dbnloop-shared.pc \) -delete
PKG_CONFIG_PATH=${libdir/#$prefix/$out/only}/pkgconfig
"${cc[@]}" -o "$out/c-only" test/consumer/pkgconfig/main.c $(pc dbnloop)
uses "$out/c-only" libdbnloop no
echo "consumer pkg-config, static library alone: C $("$out/c-only")"
