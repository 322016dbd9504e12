#!/usr/bin/env bash
# Builds what `make bench-peers` measures beside the library, each in build/bench/peers/NAME: the
# program is NAME/peer, NAME/version says which version it is, and where a peer is not available
# here, NAME/not_run says why. DATABENTO_CPP, CPP_HTTPLIB and DBN_GO name directories with sources
# of databento-cpp, cpp-httplib and dbn-go; without them, GitHub and the module proxy are asked.
set -uo pipefail
cd "$(dirname "$0")/.."
python_version=0.88.0
tool_version=0.73.0

top=$PWD
source=$top/test/bench/peers
peers=$top/build/bench/peers
[ -z "${DATABENTO_CPP:-}" ] || DATABENTO_CPP=$(realpath -m "$DATABENTO_CPP")
[ -z "${CPP_HTTPLIB:-}" ] || CPP_HTTPLIB=$(realpath -m "$CPP_HTTPLIB")
[ -z "${DBN_GO:-}" ] || DBN_GO=$(realpath -m "$DBN_GO")

# peer NAME: runs build_NAME in its directory. When it fails, the last line that it printed is the
# reason. A version without a program is not one either.
peer() {
  local name=$1
  mkdir -p "$peers/$name" && cd "$peers/$name" || exit 1
  rm -f peer version not_run
  # In the background, because a subshell in a condition ignores -e.
  (set -e; "build_${name//-/_}") >build.log 2>&1 &
  if wait $! && [ -x peer ]; then
    echo "bench: $name $(cat version)"
  else
    rm -f peer
    grep -oh 'NOT RUN: .*' build.log configure.log 2>/dev/null | tail -n 1 | sed 's/^NOT RUN: //' >not_run
    [ -s not_run ] || grep -v '^\s*$' build.log | tail -n 1 >not_run
    [ -s not_run ] || echo "it cannot be built" >not_run
    echo "bench: $name NOT RUN: $(cat not_run)"
  fi
}

build_databento_cpp() {
  local given=(-UFETCHCONTENT_SOURCE_DIR_DATABENTO -UHTTPLIB)
  [ -z "${DATABENTO_CPP:-}" ] ||
    given+=(-DFETCHCONTENT_SOURCE_DIR_DATABENTO="$DATABENTO_CPP")
  [ -z "${CPP_HTTPLIB:-}" ] || given+=(-DHTTPLIB="$CPP_HTTPLIB")
  # As our own release build: the same compiler and level of optimisation.
  cmake -S "$source/cpp" -B . -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DFETCHCONTENT_BASE_DIR="$top/build/_deps" "${given[@]}" >configure.log 2>&1 || { cat configure.log; return 1; }
  ! grep 'NOT RUN' configure.log || return 1
  cmake --build . -j "${JOBS:-2}" --target peer
  sed -n 's/^-- VERSION: //p' configure.log >version
}

build_databento_rs() {
  local cargo=${CARGO:-cargo}
  command -v "$cargo" >/dev/null || { echo "NOT RUN: $cargo is not on PATH"; return 1; }
  cp -r "$source/rust/." .
  "$cargo" build --quiet --release --target-dir target --bin peer
  ln -sf target/release/peer peer
  echo "$("$cargo" pkgid databento | sed 's/.*[@#]//'), dbn $("$cargo" pkgid dbn | sed 's/.*[@#]//')" >version
}

build_databento_python() {
  [ -x venv/bin/python ] || "${PYTHON:-python3}" -m venv venv
  venv/bin/pip install --quiet --disable-pip-version-check "databento==$python_version"
  printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$PWD/venv/bin/python" "$source/python/peer.py" >peer
  chmod +x peer
  echo "$python_version" >version
}

build_dbn_go() {
  export GOWORK=off GOFLAGS=-mod=mod
  cp "$source/go/go.mod" "$source/go/main.go" .
  if [ -n "${DBN_GO:-}" ]; then
    go mod edit -require github.com/NimbleMarkets/dbn-go@v0.0.0 \
      -replace "github.com/NimbleMarkets/dbn-go=$DBN_GO"
  else
    go get github.com/NimbleMarkets/dbn-go@latest ||
      { echo "NOT RUN: the module proxy does not have it; DBN_GO may name a directory with its sources"; return 1; }
  fi
  go build -o peer .
  if [ -n "${DBN_GO:-}" ]; then
    sed -n 's/^## v\([^ ]*\).*/\1/p' "$DBN_GO/CHANGELOG.md" | head -n 1 >version
  else
    go list -m -f '{{.Version}}' github.com/NimbleMarkets/dbn-go >version
  fi
}

# The official tool, where scripts/interop.sh installs it too.
build_dbn() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/dbnloop/dbn-cli-$tool_version
  if [ ! -x "$cache/bin/dbn" ]; then
    command -v cargo >/dev/null || { echo "NOT RUN: cargo is not on PATH"; return 1; }
    cargo install --quiet --locked --version "$tool_version" --root "$cache" dbn-cli
  fi
  ln -sf "$cache/bin/dbn" peer
  echo "$tool_version" >version
}

[ $# -gt 0 ] || set -- databento-cpp databento-rs databento-python dbn-go dbn
for name in "$@"; do
  peer "$name"
done
