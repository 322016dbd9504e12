#!/usr/bin/env bash
# Walks from nothing to a program, as somebody does who has Go, a C++ compiler and the headers,
# but neither a checkout nor an installed library: an empty module, go get, go build. The package
# compiles the core itself; the seconds are those of the first build.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; chmod -R u+w "$work"; rm -rf "$work"' EXIT
library=github.com/dbnloop/dbnloop
version=v$(awk '/^project.dbnloop VERSION/ {print $3}' CMakeLists.txt)
complain() {
  echo "consumer go get: $1" >&2
  exit 1
}
. test/consumer/proxy.sh
serve $library .

build/bin/dbn-sim --quiet --close-at-end --exit-after-sessions 2 --port-file "$work/port" >/dev/null &
run() {
  DATABENTO_API_KEY=db-simSIMsimSIMsimSIMsimSIMsim00 ./program 127.0.0.1 "$(cat "$work/port")" GLBX.MDP3 trades
}

as_outsider
# Without llhttp's sources, as on Debian 13, the core links libllhttp.
[ -e /usr/share/llhttp/api.c ] || export GOFLAGS="$GOFLAGS -tags=dbnloop_llhttp"
mkdir "$work/program"
cd "$work/program"
go mod init example.com/program 2>/dev/null
cp "$root/test/consumer/go/main.go" .
go get $library@latest 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
SECONDS=0
go build -o program . 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
[ ! -s "$work/log" ] || { cat "$work/log" >&2; complain "the build is not silent"; }
echo "consumer go get: $(run), built in $SECONDS s"
if grep -q '#include "base/' program; then
  complain "the program contains the library's sources"
fi

# Vendored, the sources lie in a tree of their own, and a change in them is a changed build.
go mod vendor
vendored=(-mod=vendor -trimpath)
go build "${vendored[@]}" -o program .
echo "consumer go get, vendored: $(run)"
stale() { go list "${vendored[@]}" -f '{{.Stale}}' $library/bindings; }
[ "$(stale)" = false ] || complain "a second build would compile the core again"
for source in cpp/src/net/reactor.cpp capi/src/reactor.cpp cpp/include/dbnloop/reactor.hpp capi/dbnloop.h; do
  cp "vendor/$library/$source" "$work/saved"
  echo >>"vendor/$library/$source"
  [ "$(stale)" = true ] || complain "a change in $source would not be compiled"
  cp "$work/saved" "vendor/$library/$source"
done

# What cannot work says so in one line.
refuses() { # words environment...
  local words=$1
  shift
  if env "$@" go build -mod=mod -o program . 2>"$work/log"; then
    complain "$* built"
  fi
  [ "$(grep -vc '^#' "$work/log")" = 1 ] && grep -q "$words" "$work/log" ||
    { cat "$work/log" >&2; complain "$*: there must be one line with $words"; }
}
refuses build_it_with_CGO_ENABLED_1 CGO_ENABLED=0
refuses needs_Linux GOOS=darwin CGO_ENABLED=0
