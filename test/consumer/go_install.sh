#!/usr/bin/env bash
# Installs the programs as somebody does who has no checkout, and as somebody in a checkout
# does. For the former a directory serves as module proxy; it holds both modules of this tree
# under the version that is released next. PKG_CONFIG_PATH names the installed library.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
library=github.com/dbnloop/dbnloop
version=v$(awk '/^project.dbnloop VERSION/ {print $3}' CMakeLists.txt)
. test/consumer/proxy.sh
complain() {
  echo "consumer go install: $1" >&2
  exit 1
}

# One version in three places: what is released, what the programs require, and what the
# workspace replaces.
grep -qE "^	$library $version\$" cmd/go.mod ||
  complain "cmd/go.mod must require $library $version, the version of CMakeLists.txt"
grep -qE "^replace $library $version => ./\$" go.work ||
  complain "go.work must replace $library $version, the version of CMakeLists.txt"
if grep -qE '^replace|^	.* => ' cmd/go.mod; then
  complain "cmd/go.mod must not replace anything: go install …@$version would refuse it"
fi

serve $library .
serve $library/cmd cmd

mkdir "$work/outside"
(
  cd "$work/outside"
  as_outsider
  # As the programs that ship: then Go has compiled the other modules already.
  GOFLAGS+=" -trimpath -buildvcs=false -buildmode=pie"
  # Go's cache does not ask pkg-config, whose answer it has kept: another directory must be a flag.
  GOFLAGS+=" -gcflags=$library/bindings=-I=$PKG_CONFIG_PATH"
  export GOBIN=$work/outside
  go install -tags dbnloop_pkgconfig "$library/cmd/dbn-tail@latest" 2>"$work/log" &&
    CGO_ENABLED=0 go install "$library/cmd/dbn-sim@latest" 2>>"$work/log" ||
    { cat "$work/log" >&2; exit 1; }
)
for program in dbn-tail dbn-sim; do
  printed=$("$work/outside/$program" --version)
  [ "${printed##* }" = "$version" ] || complain "$printed: the version must be $version"
done

mkdir "$work/inside"
GOBIN=$work/inside scripts/go-shipped.sh install ./cmd/dbn-tail ./cmd/dbn-sim
"$work/inside/dbn-tail" --version >/dev/null
echo "consumer go install: $("$work/outside/dbn-tail" --version), outside and inside a checkout"
