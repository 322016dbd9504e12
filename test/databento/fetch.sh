#!/usr/bin/env bash
# Fetches databento-cpp as a machine with GitHub does, from a server on this machine that plays
# GitHub, in a new copy of the working tree: `make demo`, then what is installed is used by C++
# (CMake and pkg-config) and Go programs; and with the server gone a second `make build` asks
# nobody and builds nothing. Usage: fetch.sh SOURCES, a directory with databento-cpp's sources
# or a git repository of it.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ -z "${1:-}" ]; then
  echo "fetch.sh: NOT RUN: DATABENTO_CPP names no directory with databento-cpp's sources"
  exit 0
fi
source test/databento/host.sh
enter_namespaces "$(realpath "$1")"

pinned=$(sed -n 's/^set(DBNLOOP_DATABENTO_PIN \(.*\))/\1/p' cmake/DatabentoSource.cmake | head -1)
mkdir -p "$work/root/databento"
repository=$work/root/databento/databento-cpp.git
export CMAKE_ARGS=
if git -C "$1" cat-file -e "$pinned^{commit}" 2>/dev/null; then
  git clone -q --bare "$1" "$repository"
else # without its history, these sources are another commit
  cp -r "$1" "$work/sources"
  rm -rf "$work/sources/.git"
  git -C "$work/sources" init -q
  git -C "$work/sources" add -A
  git -C "$work/sources" -c user.name=t -c user.email=t@example.com commit -qm sources
  git clone -q --bare "$work/sources" "$repository"
  CMAKE_ARGS=-DDBNLOOP_DATABENTO_COMMIT=$(git -C "$work/sources" rev-parse HEAD)
fi

mkdir "$work/tree"
git ls-files -z --cached --others --exclude-standard | while IFS= read -rd '' file; do
  [ ! -f "$file" ] || printf '%s\0' "$file"
done | xargs -0 cp --parents -t "$work/tree"
cd "$work/tree"
export GOPROXY=off GIT_TRACE=$work/git.trace

start_host
if ! make --no-print-directory demo >"$work/demo" 2>"$work/make.log"; then
  tail -50 "$work/make.log" >&2
  exit 1
fi
grep '^-- dbnloop: record types of databento-cpp .*(fetched at ' "$work/make.log"
grep -q git-upload-pack "$work/requests" # from this server, and no other
[ "$(wc -l <"$work/demo")" -gt 10 ]
echo "fetch demo: $(wc -l <"$work/demo") lines"
stop_host

# Neither Go nor C has to link anything of databento-cpp: the library refers to nothing of it
# that is not in a header.
outside=$(nm -AC -u build/release/libdbnloop.a |
  grep -vE ':(datetime|json_helpers|enums|exceptions|flag_set|pretty|publishers|record|v1|v2)\.cpp\.o:' |
  grep ' U databento::' || true)
if [ -n "$outside" ]; then
  printf 'fetch: libdbnloop.a refers to code of databento-cpp:\n%s\n' "$outside" >&2
  exit 1
fi

make --no-print-directory install PREFIX="$work/prefix" >"$work/make.log" 2>&1 ||
  { cat "$work/make.log" >&2; exit 1; }
mv "$work/prefix" "$work/moved"
export PKG_CONFIG_PATH=$(dirname "$(find "$work/moved" -name dbnloop.pc)")
build/bin/dbn-sim --quiet --close-at-end --exit-after-sessions 4 --port-file "$work/port" >/dev/null &
export DATABENTO_API_KEY=db-simSIMsimSIMsimSIMsimSIMsim00
cmake -S test/databento/consumer -B "$work/cmake" -G Ninja -DCMAKE_PREFIX_PATH="$work/moved" >"$work/cmake.log" &&
  cmake --build "$work/cmake" >>"$work/cmake.log" || { cat "$work/cmake.log" >&2; exit 1; }
until [ -s "$work/port" ]; do read -rt 0.05 <> <(:) || true; done
port=$(cat "$work/port")
echo "fetch cmake: $("$work/cmake/consumer" 127.0.0.1 "$port")"
c++ -std=c++23 -Wall -Wextra -Werror -o "$work/consumer" test/databento/consumer/main.cpp \
  $(pkg-config --cflags --libs dbnloop)
echo "fetch pkg-config: $("$work/consumer" 127.0.0.1 "$port")"

# Plain Go, which knows nothing of the types of the library that it links.
cp -r test/consumer/go "$work/go"
(
  cd "$work/go"
  go mod edit -replace "github.com/dbnloop/dbnloop=$work/tree"
  go build -o consumer .
  go build -tags dbnloop_pkgconfig -o consumer-pkgconfig .
)
echo "fetch go: $("$work/go/consumer" 127.0.0.1 "$port" GLBX.MDP3 trades)"
echo "fetch go, pkg-config: $("$work/go/consumer-pkgconfig" 127.0.0.1 "$port" GLBX.MDP3 trades)"

# The server is gone. Nothing is asked, nothing is built, and the types stay.
# (Go touches a program that it finds up to date: one that is linked is another file.)
files() {
  find build -type f \( -name '*.o' -o -name '*.a' \) -printf '%p %T@\n' | sort
  find build/bin -type f -printf '%p %i\n' | sort
}
files >"$work/before"
: >"$work/git.trace"
make --no-print-directory build 2>"$work/make.log"
files >"$work/after"
diff "$work/before" "$work/after"
grep -q '^-- dbnloop: record types of databento-cpp .*(fetched at ' "$work/make.log"
if grep -E 'ls-remote|clone|fetch' "$work/git.trace"; then
  echo "fetch: a second build asked the network" >&2
  exit 1
fi
echo "fetch again: nothing asked, nothing built"
