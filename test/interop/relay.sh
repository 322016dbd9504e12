#!/usr/bin/env bash
# dbn-relay between dbn-sim's gateway and the official clients: several of them at once, with filters of
# their own, live and replayed, must receive exactly what was sent. The Python client is installed into a
# virtual environment in a temporary directory (RELAY_PYTHON names a Python that has it), the Rust client is
# built in build/interop by cargo, and the C++ client as by cpp_live.sh; where C++ cannot be had, the others
# are compared, and that is said.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -x build/bin/dbn-relay ] || { echo "interop: build/bin/dbn-relay is missing; run make build" >&2; exit 1; }
export RELAY_BIN=$PWD/build/bin

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "${RELAY_PYTHON:-}" ]; then
  "${PYTHON:-python3}" -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    "databento==${DATABENTO_VERSION:-0.88.0}"
  RELAY_PYTHON=$work/venv/bin/python
fi
export RELAY_PYTHON
"${CARGO:-cargo}" build --quiet --manifest-path test/interop/rust/Cargo.toml --target-dir build/interop/rust --bin relay
export RELAY_RUST=$PWD/build/interop/rust/debug/relay
status=0
test/interop/cpp/build.sh live || status=$?
case $status in
  0) export RELAY_CPP=$PWD/build/interop/cpp_live/relay ;;
  77) echo "  the C++ client is NOT compared" ;;
  *) exit $status ;;
esac
CGO_ENABLED=0 go test -count=1 -timeout 10m -v -run TestClientsReceiveThroughTheRelay ./test/interop |
  { grep -vE '^(=== |PASS)' || true; }
