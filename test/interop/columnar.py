"""Compares Parquet and Arrow files of dbn-tail with those of the official dbn program, column by
column, and reads them with pandas, Polars and DuckDB. The argument names a JSON file that lists the
pairs; each has the DBN file, both outputs, and whether prices are floating-point numbers."""

import json
import sys
import warnings

import databento
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

warnings.filterwarnings("ignore")  # what the client itself uses of pandas is deprecated
failures = []


def check(condition, *what):
    if not condition:
        failures.append(" ".join(str(w) for w in what))


def read(path):
    if path.endswith(".parquet"):
        return pq.read_table(path)
    with pa.OSFile(path) as file:
        return pa.ipc.open_file(file).read_all()


def compare(pair):
    """Types, field metadata, file metadata and values, nulls among them, of one pair."""
    theirs, ours = read(pair["official"]), read(pair["ours"])
    name = f"{pair['input']} {pair['flags']}"
    for a, b in zip(theirs.schema, ours.schema):
        check(a.equals(b, check_metadata=True), name, "field", a, a.metadata, "is", b, b.metadata)
    check(len(theirs.schema) == len(ours.schema), name, "has other columns")
    metadata = dict(ours.schema.metadata)
    check(metadata.pop(b"pandas", None) is not None, name, "has no pandas key")
    check(metadata == theirs.schema.metadata, name, "metadata", metadata, "want", theirs.schema.metadata)
    check(theirs.num_rows == ours.num_rows, name, "rows", ours.num_rows, "want", theirs.num_rows)
    for column in theirs.column_names:
        if not theirs[column].equals(ours[column]):
            check(False, name, "column", column, ours[column].to_pylist()[:8], "want", theirs[column].to_pylist()[:8])
    return ours


def compare_parquet(pair):
    """What Parquet stores beside the Arrow schema: readers without Arrow see only that."""
    theirs, ours = pq.ParquetFile(pair["official"]), pq.ParquetFile(pair["ours"])
    for i in range(len(theirs.schema)):
        a, b = theirs.schema.column(i), ours.schema.column(i)
        same = (a.name, a.physical_type, str(a.logical_type), a.max_definition_level)
        check(same == (b.name, b.physical_type, str(b.logical_type), b.max_definition_level), pair["input"], a, b)


def other_readers(path, table):
    """Polars and DuckDB find the same values as pyarrow."""
    polars = pl.read_parquet(path).to_arrow()
    check(polars.num_rows == table.num_rows, path, "Polars: rows")
    for field in table.schema:
        values = polars[field.name].cast(field.type)
        check(values.equals(table[field.name]), path, "Polars: column", field.name)
    duck = duckdb.sql(f"SELECT * FROM read_parquet('{path}')").to_arrow_table()
    check(duck.num_rows == table.num_rows, path, "DuckDB: rows")
    for field in table.schema:
        check(duck[field.name].cast(field.type).equals(table[field.name]), path, "DuckDB: column", field.name)


def like_to_df(pair):
    """pandas.read_parquet gives what databento's to_df gives. What differs has a name: a text that is
    empty is None, an undefined price that is an integer is NA, to_df makes floating-point numbers of
    integers of definitions that may be undefined, and times of seconds of no times."""
    frame = pd.read_parquet(pair["ours"])
    want = databento.DBNStore.from_file(pair["input"]).to_df(price_type="float" if pair["pretty"] else "fixed")
    name = f"{pair['input']} {pair['flags']}"
    check(frame.index.name == want.index.name, name, "index", frame.index.name, "want", want.index.name)
    check(frame.index.equals(want.index) or want.empty, name, "index", frame.index[:3], "want", want.index[:3])
    check(list(frame.columns) == list(want.columns), name, "columns", list(frame.columns), "want", list(want.columns))
    for column in want.columns:
        if column not in frame.columns:
            continue
        got, expected = frame[column], want[column]
        if expected.dtype == object or pd.api.types.is_string_dtype(expected.dtype):
            got, expected = got.fillna(""), expected.fillna("")
        elif str(got.dtype) == "Int64":
            got = got.fillna(np.iinfo(np.int64).max).astype("int64")
        elif str(expected.dtype) == "float64" and str(got.dtype) != "float64":
            got = got.astype("float64").where(~expected.isna(), np.nan)
        else:
            check(got.dtype == expected.dtype, name, "column", column, got.dtype, "want", expected.dtype)
        same = (got.reset_index(drop=True) == expected.reset_index(drop=True)) | (
            got.isna().reset_index(drop=True) & expected.isna().reset_index(drop=True)
        )
        check(same.all(), name, "column", column, list(got[~same.to_numpy()][:3]), "want", list(expected[~same.to_numpy()][:3]))


def main():
    pairs = json.load(open(sys.argv[1]))
    frames = 0
    for pair in pairs:
        table = compare(pair)
        if pair["ours"].endswith(".parquet"):
            compare_parquet(pair)
            other_readers(pair["ours"], table)
            if pair["frame"]:
                like_to_df(pair)
                frames += 1
    for failure in failures[:40]:
        print("differs:", failure)
    print(
        f"Parquet and Arrow: {len(pairs)} files compared with the official tool, {frames} with to_df, {len(failures)} differ; "
        f"pyarrow {pa.__version__}, pandas {pd.__version__}, Polars {pl.__version__}, DuckDB {duckdb.__version__}, databento {databento.__version__}"
    )
    sys.exit(1 if failures else 0)


main()
