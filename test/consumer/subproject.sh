#!/usr/bin/env bash
# dbnloop as a part of another project, by add_subdirectory and by FetchContent: no tests, no
# GTest, no network asked, no option of that project's changed; and the three homes of llhttp,
# each of which must become a private part of the library. Run by `make test-subproject`.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources=/usr/share/llhttp
include=/usr/share/include/llhttp

# A git that notes that it was called.
mkdir "$work/bin"
printf '#!/bin/sh\necho "$@" >>%s\nexit 1\n' "$work/git-calls" >"$work/bin/git"
chmod +x "$work/bin/git"

configure() { # SOURCE TREE [ARG]...
  local source=$1 tree=$2
  shift 2
  PATH=$work/bin:$PATH cmake -S "$source" -B "$work/$tree" -G Ninja \
    -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON -DGIT_EXECUTABLE="$work/bin/git" "$@" \
    >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
}
# The one object that holds llhttp neither offers nor wants a symbol of it.
private() { # TREE OBJECT
  local object=$work/$1/$2
  cmake --build "$work/$1" --target "$2" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  if nm -g "$object" | grep ' llhttp_'; then
    echo "subproject: $1: llhttp's symbols are not local" >&2
    exit 1
  fi
  nm "$object" | grep ' t llhttp_execute$' >/dev/null
}
object=http_response_with_llhttp.o

configure test/consumer/subproject part
grep '^-- dbnloop: record types' "$work/log"
[ ! -s "$work/git-calls" ] || { echo "subproject: git was called: $(cat "$work/git-calls")" >&2; exit 1; }
[ "$(ctest --test-dir "$work/part" -N | tail -1)" = 'Total Tests: 0' ]
if grep -q dbnloop_tests "$work/part/build.ninja"; then
  echo "subproject: it builds dbnloop's tests" >&2
  exit 1
fi
if [ -d $sources ]; then
  private part dbnloop/$object
  configure test/consumer/subproject target -DLLHTTP_SOURCES=$sources -DLLHTTP_INCLUDE=$include
  private target dbnloop/$object
  (cd "$work" && cc -c -w -fPIC -I$include $sources/*.c && ar rcs libllhttp.a api.o http.o llhttp.o)
  configure . archive -DDBNLOOP_BUILD_TESTS=OFF -DDBNLOOP_DATABENTO_CPP=OFF \
    -Dllhttp_LIBRARY="$work/libllhttp.a" -Dllhttp_INCLUDE_DIR=$include
  private archive $object
  echo "subproject: llhttp is private from its sources, from a target and from an archive"
fi

# Compiled as fast as the compiler can: only this project's part of it is tested here.
configure test/consumer/fetchcontent fetchcontent -DDBNLOOP_UNITY=ON -DDBNLOOP_BUILD_SHARED=ON \
  -DCMAKE_CXX_FLAGS=-O0 -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
[ ! -s "$work/git-calls" ] || { echo "subproject: git was called: $(cat "$work/git-calls")" >&2; exit 1; }
cmake --build "$work/fetchcontent" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
# One build of the objects, for both libraries.
[ "$(grep -c 'Building CXX object.*Unity/unity_capi_src' "$work/log")" = 1 ]
echo "fetchcontent: C++ $("$work/fetchcontent/consumer"), C and shared $("$work/fetchcontent/consumer_c")"
