#!/usr/bin/env bash
# Parquet and Arrow files of dbn-tail against those of the official dbn program: types, metadata,
# values and nulls must be equal column by column, also as pandas, Polars and DuckDB read them, and
# pandas.read_parquet must give what databento's to_df gives. Installs the Python packages into a
# virtual environment in a temporary directory, and the program as dbn_cli.sh does; COLUMNAR_PYTHON
# names a Python that has the packages, DBN_CLI an installed program, and DBN_TESTDATA a directory of
# further DBN files.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=0.73.0
export DBN_TAIL=${DBN_TAIL:-$PWD/build/bin/dbn-tail}
[ -x "$DBN_TAIL" ] || { echo "interop: $DBN_TAIL is missing; run make build" >&2; exit 1; }

if [ -z "${DBN_CLI:-}" ]; then
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/dbnloop/dbn-cli-$version
  if [ ! -x "$cache/bin/dbn" ]; then
    command -v cargo >/dev/null || {
      echo "interop: cargo is missing; install Rust, or set DBN_CLI to a dbn program of version $version" >&2
      exit 1
    }
    cargo install --quiet --locked --version "$version" --root "$cache" dbn-cli
  fi
  export DBN_CLI=$cache/bin/dbn
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "${COLUMNAR_PYTHON:-}" ]; then
  "${PYTHON:-python3}" -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    databento==0.88.0 pyarrow==26.0.1 pandas==3.1.1 polars==2.1.0 duckdb==2.0.1
  export COLUMNAR_PYTHON=$work/venv/bin/python
fi
CGO_ENABLED=0 go test -count=1 -timeout 30m -v -run TestColumnsAreEqualInEveryReader ./test/interop |
  { grep -E '^(Parquet and|differs|Traceback|.*Error|---|FAIL|ok|panic)|one fails' || true; }
