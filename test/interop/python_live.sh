#!/usr/bin/env bash
# The official Python client against dbn-sim: every record must arrive unchanged. Installs
# the package into a virtual environment in a temporary directory.
# DATABENTO_VERSION chooses its version (default: 0.88.0), PYTHON the interpreter, and
# DBN_TESTDATA a directory of further DBN files.
set -euo pipefail
cd "$(dirname "$0")/../.."
sim=${DBN_SIM:-build/bin/dbn-sim}
[ -x "$sim" ] || { echo "interop: $sim is missing; run make build" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  "databento==${DATABENTO_VERSION:-0.88.0}"
"$work/venv/bin/python" test/interop/python_live.py "$sim" sim/sample/data \
  "${DBN_TESTDATA:-../shared/testdata/dbn}"
