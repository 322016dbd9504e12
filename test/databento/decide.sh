#!/usr/bin/env bash
# Whose record types a build tree has: every way to decide, that a decision stays, and what is
# said. A repository of empty files, which a server on this machine serves as github.com's,
# stands in for databento-cpp: only configuring is tested here (fetch.sh builds with the real
# one). Run by `make test-subproject`.
set -euo pipefail
cd "$(dirname "$0")/../.."
source test/databento/host.sh
enter_namespaces "$@"

# A stand-in for the sources of a version.
sources() { # DIRECTORY VERSION
  local name
  mkdir -p "$1"/{cmake,include/databento,src/detail}
  for name in datetime enums exceptions flag_set pretty publishers record v1 v2 detail/json_helpers; do
    : >"$1/src/$name.cpp"
  done
  touch "$1/include/databento/record.hpp" "$1/cmake/version.hpp.in" "$1/cmake/system.hpp.in" "$1/LICENSE"
  printf 'cmake_minimum_required(VERSION 3.24)\nproject(\n  databento\n  VERSION %s\n  LANGUAGES CXX\n)\n' "$2" \
    >"$1/CMakeLists.txt"
}
# A stand-in for an installed package of a version.
package() { # PREFIX VERSION
  mkdir -p "$1/lib/cmake/databento"
  cat >"$1/lib/cmake/databento/databentoConfig.cmake" <<'CMAKE'
if(TARGET databento::databento)
  return()
endif()
add_library(databento::databento STATIC IMPORTED)
set_target_properties(databento::databento PROPERTIES
  IMPORTED_LOCATION ${CMAKE_CURRENT_LIST_DIR}/libdatabento.a)
CMAKE
  cat >"$1/lib/cmake/databento/databentoConfigVersion.cmake" <<CMAKE
set(PACKAGE_VERSION $2)
if("\${PACKAGE_FIND_VERSION_MAJOR}.\${PACKAGE_FIND_VERSION_MINOR}" VERSION_EQUAL "${2%.*}")
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
CMAKE
}
commit() { # WORK_TREE BARE_REPOSITORY; prints the commit
  git -C "$1" init -q
  git -C "$1" add -A
  git -C "$1" -c user.name=t -c user.email=t@example.com commit -qm x
  git clone -q --bare "$1" "$2"
  git -C "$1" rev-parse HEAD
}

export HOME=$work GIT_CONFIG_NOSYSTEM=1 GIT_TRACE=$work/git.trace
sources "$work/sources" 0.65.0
sources "$work/old" 0.50.0
repository=$work/root/databento/databento-cpp.git
pin=$(commit "$work/sources" "$repository")
: >"$work/requests"

tree=
# Configures build tree `tree` with arguments; $said is the line about the record types.
configure() {
  local source=${project:-test/databento/decide}
  : >"$work/git.trace"
  status=0
  # The compiler is not tried: nothing is compiled.
  cmake -S $source -B "$work/$tree" -G Ninja -DCMAKE_CXX_COMPILER_WORKS=ON -DCMAKE_CXX_ABI_COMPILED=ON \
    -DDBNLOOP_DATABENTO_COMMIT="$pin" "$@" >"$work/log" 2>&1 || status=$?
  said=$(grep '^-- dbnloop: record types' "$work/log" || true)
}
failed() {
  printf 'decide.sh: %s: %s\n' "$tree" "$1" >&2
  cat "$work/log" >&2
  exit 1
}
is() { # PATTERN: the configure succeeded and said this
  [ "$status" -eq 0 ] || failed "the configure failed"
  [[ $said == *$1* ]] || failed "said '$said', not '$1'"
  cases=$((cases + 1))
}
fails() { # PATTERN: the configure failed, saying this
  [ "$status" -ne 0 ] || failed "the configure succeeded"
  tr -s '\n ' ' ' <"$work/log" | grep -F -- "$1" >/dev/null || failed "did not say '$1'"
  cases=$((cases + 1))
}
asks_nobody() { ! grep -q ls-remote "$work/git.trace" || failed "asked the network"; }
cases=0

# Without a network: ours, which is found out once.
tree=offline
configure
is "of its own (databento-cpp's host did not answer"
configure
is "of its own (databento-cpp's host did not answer"
asks_nobody

start_host
# A tree that is decided stays so, until it is asked to decide again.
configure
is "of its own"
asks_nobody
configure -DDBNLOOP_DATABENTO_CPP=ON
is "of databento-cpp 0.65.0 (fetched at $pin)"
configure -DDBNLOOP_DATABENTO_CPP=OFF
is "of its own (DBNLOOP_DATABENTO_CPP=OFF)"

tree=online
configure -DFETCHCONTENT_BASE_DIR="$work/shared"
is "of databento-cpp 0.65.0 (fetched at $pin)"
grep -q git-upload-pack "$work/requests" || failed "fetched from somewhere else"

# As a part of another project: not unless that asks.
: >"$work/requests"
tree=part project=test/databento/decide/super
configure
is "of its own"
[ ! -s "$work/requests" ] || failed "asked the network"
tree=part-with-target
configure -DWITH_TARGET=ON
is "of databento-cpp (the surrounding project's target"
tree=part-on
configure -DDBNLOOP_DATABENTO_CPP=ON
is "of databento-cpp 0.65.0 (fetched"
project=

# A host that answers the question and not the fetch.
tree=broken
mv "$repository/objects" "$repository/kept"
mkdir "$repository/objects"
configure
is "of its own (fetching databento-cpp failed: "
tree=broken-on
configure -DDBNLOOP_DATABENTO_CPP=ON
fails "fetching databento-cpp failed: "
rm -rf "$repository/objects"
mv "$repository/kept" "$repository/objects"
configure -DDBNLOOP_DATABENTO_CPP=ON
is "of databento-cpp 0.65.0 (fetched"
tree=no-such-commit
configure -DDBNLOOP_DATABENTO_COMMIT=0123456789012345678901234567890123456789
is "of its own (fetching databento-cpp failed: "

# A host that takes the connection and is silent.
tree=silent
kill -STOP "$host_pid"
configure
is "of its own (databento-cpp's host did not answer: Process terminated due to timeout"
kill -CONT "$host_pid"
stop_host

# Without the host, what was fetched serves on: in its tree, with ON, in another tree.
tree=online
configure
is "of databento-cpp 0.65.0 (fetched at $pin)"
configure -DDBNLOOP_DATABENTO_CPP=ON
is "of databento-cpp 0.65.0 (fetched at $pin)"
tree=neighbour
configure -DFETCHCONTENT_BASE_DIR="$work/shared" -DFETCHCONTENT_FULLY_DISCONNECTED=ON
is "of databento-cpp 0.65.0 (fetched at $pin)"
asks_nobody
# What is gone does not change the types silently.
tree=online
mv "$work/shared" "$work/elsewhere"
configure
fails "cannot be had any more: databento-cpp's host did not answer"
mv "$work/elsewhere" "$work/shared"
configure
is "of databento-cpp 0.65.0 (fetched at $pin)"
# A fetch that did not end is none.
tree=unfinished
mkdir -p "$work/half"
cp -r "$work/shared/databento-src" "$work/half/"
rm "$work/half/databento-src/.fetched"
configure -DFETCHCONTENT_BASE_DIR="$work/half"
is "of its own (databento-cpp's host did not answer"

# Sources that are given.
tree=given
configure -DFETCHCONTENT_SOURCE_DIR_DATABENTO="$work/sources"
is "of databento-cpp 0.65.0 (in $work/sources)"
asks_nobody
configure -DFETCHCONTENT_SOURCE_DIR_DATABENTO="$work/old"
fails "which holds databento-cpp 0.50.0, and 0.65 is needed"
configure -DFETCHCONTENT_SOURCE_DIR_DATABENTO="$work"
fails "which does not hold databento-cpp"

# An installed package, when its version fits.
package "$work/fitting" 0.65.3
package "$work/older" 0.50.0
package "$work/newer" 0.66.0
tree=package
configure -DCMAKE_PREFIX_PATH="$work/fitting"
is "of databento-cpp 0.65.3 (the installed package in $work/fitting"
asks_nobody
# Who uses what is installed learns of it.
tree=whole project=.
configure -DCMAKE_PREFIX_PATH="$work/fitting" -DDBNLOOP_BUILD_TESTS=OFF -DDBNLOOP_BUILD_EXAMPLES=OFF
is "of databento-cpp 0.65.3 (the installed package"
grep -q '^Cflags:.* -DDBNLOOP_HAS_DATABENTO_CPP=1' "$work/whole/dbnloop.pc"
grep -q "^Libs: .*/libdbnloop.a $work/fitting/.*/libdatabento.a" "$work/whole/dbnloop.pc"
grep -q 'find_dependency(databento 0.65)' "$work/whole/dbnloopConfig.cmake"
# The same record types give the same package, whether they were asked for or found without a network.
for asked in AUTO OFF; do
  tree=whole-$asked
  configure -DDBNLOOP_DATABENTO_CPP=$asked -DDBNLOOP_BUILD_TESTS=OFF -DDBNLOOP_BUILD_EXAMPLES=OFF
  is "of its own"
done
cmp "$work"/whole-{AUTO,OFF}/dbnloopConfig.cmake || failed "dbnloopConfig.cmake depends on how its types were decided"
tree=package project=
mv "$work/fitting" "$work/gone"
configure
fails "cannot be had any more: it is not installed"
for version in older:0.50.0 newer:0.66.0; do
  tree=${version%:*}-package
  configure -DCMAKE_PREFIX_PATH="$work/${version%:*}"
  is "of its own (the installed package ${version#*:} is not used ($work/${version%:*}"
  is "0.65 is needed"
done
echo "record types: $cases decisions as they should be"
