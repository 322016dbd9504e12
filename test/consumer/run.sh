#!/usr/bin/env bash
# Installs into an empty prefix and builds one consumer of each kind against it: C and C++
# (native.sh), and Go with the pkg-config tag. Run by `make test`.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The build is not repeated (-o): it would be a second ninja in the directory where the C++ tests
# are being built, and lose what the first one notes about them.
make --no-print-directory -o build install PREFIX="$work/prefix" >"$work/install.log" 2>&1 ||
  { cat "$work/install.log" >&2; exit 1; }
pcdir=$(dirname "$(find "$work/prefix" -name dbnloop.pc)")
# A moved prefix must still work: nothing may hold the path that it was installed to.
mv "$work/prefix" "$work/moved"
pcdir=${pcdir/$work\/prefix/$work\/moved}
export PKG_CONFIG_PATH="$pcdir"

test/consumer/native.sh "$work/moved" "$work/native"
library=$(find "$work/moved" -name libdbnloop.a)

# Go, in a module of its own: the package comes from this tree by a replace directive.
root=$PWD
sim=build/bin/dbn-sim
key=db-simSIMsimSIMsimSIMsimSIMsim00
"$sim" --quiet --close-at-end --exit-after-sessions 3 --port-file "$work/port" >/dev/null &
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
go_consumer() { # name, then the command that builds ./consumer
  local name=$1
  shift
  "$@"
  echo "consumer $name: $(DATABENTO_API_KEY=$key ./consumer 127.0.0.1 "$(cat "$work/port")" GLBX.MDP3 trades)"
}
cp -r test/consumer/go "$work/go"
cd "$work/go"
go mod edit -replace "github.com/dbnloop/dbnloop=$root"
# Whoever imports the library gets what it needs and nothing of a program: neither compiled in
# nor, in the graph of modules, to be downloaded or reported by a scanner.
allowed='example.com/consumer|github.com/dbnloop/dbnloop|github.com/klauspost/compress'
allowed+='|github.com/cespare/xxhash/v2|golang.org/x/sys'
if go list -deps -f '{{with .Module}}{{.Path}}{{end}}' ./... | sort -u | grep -vxE "|$allowed"; then
  echo "consumer: a program that imports the library compiles these modules too" >&2
  exit 1
fi
# go-cmp is for the library's tests; it needs no module itself.
allowed+='|github.com/google/go-cmp|go|toolchain'
if go mod graph | tr ' ' '\n' | sed 's/@.*//' | sort -u | grep -vxE "$allowed"; then
  echo "consumer: a program that imports the library has these modules in its graph" >&2
  exit 1
fi
echo "consumer go modules: none that only a program needs"
# As the programs that ship: then Go has compiled its standard library already.
shipped="-trimpath -buildvcs=false -buildmode=pie"
export GOFLAGS="$(go env GOFLAGS) $shipped"
go_consumer "go" "$root/scripts/go.sh" build -o consumer .
"$root/scripts/go.sh" build -o "$work/range-go" ./range
# Vendored: the module's own tree is not there, so the installed library is named by
# pkg-config.
go mod vendor
# Go's cache does not ask pkg-config, whose answer it has kept: another directory must be a flag.
go_consumer "go, vendored, pkg-config" go build \
  -gcflags="github.com/dbnloop/dbnloop/bindings=-I=$pcdir" -mod=vendor -tags dbnloop_pkgconfig -o consumer .
# A binary that needs libc only.
export GOFLAGS=${GOFLAGS% "$shipped"}
go_consumer "go, static" "$root/scripts/go.sh" build -mod=mod -tags dbnloop_static -o consumer .
if ldd ./consumer | grep -qvE 'libc\.so|libm\.so|libresolv|linux-vdso|ld-linux'; then
  echo "the static consumer needs more than libc:" >&2
  ldd ./consumer >&2
  exit 1
fi
# Without cgo the build ends with a name that says why.
if CGO_ENABLED=0 go build -mod=mod -o consumer . 2>"$work/nocgo"; then
  echo "CGO_ENABLED=0 built" >&2
  exit 1
fi
grep -q build_it_with_CGO_ENABLED_1 "$work/nocgo"
cd "$root"

test/consumer/go_install.sh

# The same range in C++, C, Go and dbn-tail: the same bytes. (That dbn-tail's are those of the
# server's file is for the tests of dbn-tail.)
mkfifo "$work/ready"
"$sim" --quiet --hist-port 0 --ca-out "$work/ca.pem" >"$work/ready" &
# Its second line, when it is ready, is "historical on URL".
{ read -r _ && read -r _ _ url; } <"$work/ready"
export DATABENTO_API_KEY=$key
start=1794700800000000000 # 2026-11-15
end=1794787200000000000
build/bin/dbn-tail hist -y --hist-url "$url" --ca-file "$work/ca.pem" -d GLBX.MDP3 -s mbo \
  --start 2026-11-15 --end 2026-11-16 -D --quiet ESZ6 >"$work/tail.dbn"
metadata=$(od -An -tu4 -j4 -N4 "$work/tail.dbn")
tail -c +$((metadata + 9)) "$work/tail.dbn" >"$work/tail.records"
[ -s "$work/tail.records" ] || { echo "consumer ranges: no records" >&2; exit 1; }
# In C++ and in C also in programs with another llhttp: each uses its own.
libdir=$(dirname "$library")
mv "$work/range-go" "$work/native/"
for language in cpp c go beside beside-c; do
  LD_LIBRARY_PATH=$libdir "$work/native/range-$language" "$url" "$work/ca.pem" GLBX.MDP3 mbo ESZ6 $start $end >"$work/records"
  cmp "$work/tail.records" "$work/records"
done
kill $!
echo "consumer ranges: $(stat -c %s "$work/tail.records") bytes of records, equal in C++, C, Go and dbn-tail"

# What ships is hardened, each program by itself.
scripts/hardening.sh "$work/moved/bin/dbn-tail" "$work/moved/bin/dbn-sim" "$library" "${library%.a}.so"
echo "consumer programs: $("$work/moved/bin/dbn-tail" --version), $("$work/moved/bin/dbn-sim" --version)"
