"""Compares what the official Python client gets from dbn-sim's historical API with the files
served.

Usage: python_historical.py DBN_SIM SAMPLE_DIR [FIXTURE_DIR]

The client is used as it is, over HTTPS: the CA that dbn-sim makes is trusted through
REQUESTS_CA_BUNDLE. Every sample schema and every DBN file of FIXTURE_DIR is fetched with
timeseries.get_range and in a batch job; each record must equal the file's bit for bit.
"""

import asyncio
import importlib.metadata
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings
import zipfile

import databento

KEY = "db-simSIMsimSIMsimSIMsimSIMsim00"
DATASET = "GLBX.MDP3"


class Simulator:
    """A dbn-sim process with the historical API, and a client of it."""

    def __init__(self, program, *args):
        self.folder = tempfile.TemporaryDirectory()
        ca = os.path.join(self.folder.name, "ca.pem")
        self.process = subprocess.Popen(
            [program, "--quiet", "--hist-port", "0", "--ca-out", ca, *map(str, args)],
            stdout=subprocess.PIPE,
            text=True,
        )
        lines = [self.process.stdout.readline() for _ in range(2)]
        if not lines[1].startswith("historical on https://"):
            raise RuntimeError(f"dbn-sim {args}: not ready: {lines!r}")
        os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"] = ca
        self.client = databento.Historical(KEY, gateway=lines[1].split()[-1])

    def __enter__(self):
        return self.client

    def __exit__(self, *_):
        self.process.terminate()
        if self.process.wait(timeout=10) != 0:
            raise RuntimeError(f"dbn-sim ended with {self.process.returncode}")
        self.process.stdout.close()
        self.folder.cleanup()


def expect(name, got, want):
    if got != want:
        raise AssertionError(f"{name}: {str(got)[:500]}, want {str(want)[:500]}")


def raw(store):
    return [bytes(record) for record in store]


def from_file(path):
    store = databento.DBNStore.from_file(path)
    return raw(store), store


def whole_range(client, dataset):
    available = client.metadata.get_dataset_range(dataset)
    return dict(dataset=dataset, start=available["start"], end=available["end"])


def samples(client, folder):
    """Each schema whole, in part, limited; counted; in a batch job."""
    day = whole_range(client, DATASET)
    files = sorted(folder.glob("*.dbn.zst"))
    records = 0
    for path in files:
        query = dict(day, schema=path.name.removesuffix(".dbn.zst"))
        want, _ = from_file(path)
        store = client.timeseries.get_range(**query)
        expect(query, raw(store), want)
        records += len(want)
        expect("count", client.metadata.get_record_count(**query), len(want))
        expect("size", client.metadata.get_billable_size(**query), sum(map(len, want)))
        if not 0 < client.metadata.get_cost(**query) < 1:
            raise AssertionError("cost")
        one = client.timeseries.get_range(**query, symbols=["ESZ6"], limit=5)
        expect(f"{query} ESZ6", raw(one), [r for r in want if int.from_bytes(r[4:8], "little") == 4916][:5])
        expect("mappings", list(one.mappings), ["ESZ6"])
        expect("symbols", set(one.to_df()["symbol"]) if len(raw(one)) else {"ESZ6"}, {"ESZ6"})
    print(f"  sample data: {len(files)} ranges, {records} records equal")


def metadata(client):
    publishers = client.metadata.list_publishers()
    expect("publisher", (publishers[0]["publisher_id"], publishers[0]["dataset"]), (1, DATASET))
    expect("datasets", client.metadata.list_datasets(), [DATASET])
    expect("no datasets", client.metadata.list_datasets(start_date="2026-12-01"), [])
    if "trades" not in client.metadata.list_schemas(DATASET):
        raise AssertionError("schemas")
    fields = client.metadata.list_fields("trades", "dbn")
    expect("field", fields[0], {"name": "length", "type": "uint8_t"})
    expect("fields of the dataset", client.metadata.list_fields("trades", "dbn", dataset=DATASET), fields)
    expect("modes", [p["mode"] for p in client.metadata.list_unit_prices(DATASET)], ["historical", "historical-streaming", "live"])
    expect("condition", [c["condition"] for c in client.metadata.get_dataset_condition(DATASET, "2026-11-15", "2026-11-16")], ["available"])
    expect("range", client.metadata.get_dataset_range(DATASET)["schema"]["mbo"]["end"][:10], "2026-11-16")
    resolved = client.symbology.resolve(DATASET, ["ESZ6", "NONE"], "raw_symbol", "instrument_id", "2026-11-15", "2026-11-16")
    expect("resolved", resolved["result"], {"ESZ6": [{"d0": "2026-11-15", "d1": "2026-11-16", "s": "4916"}]})
    expect("not found", resolved["not_found"], ["NONE"])
    print("  metadata and symbology: all calls as expected")


def batch(client, folder):
    want, _ = from_file(folder / "mbo.dbn.zst")
    job = client.batch.submit_job(**whole_range(client, DATASET), symbols="ALL_SYMBOLS", schema="mbo")
    for short in (None, True, False):  # the parameter is of the past: the list is always short
        (listed,) = client.batch.list_jobs(short=short)
        expect("keys of a listed job", sorted(listed), ["id", "state", "ts_received"])
        expect("job", (listed["id"], listed["state"]), (job["id"], "done"))
    details = client.batch.get_job_details(job["id"])
    expect("details", (details["state"], details["record_count"], details["progress"]), ("done", len(want), 100))
    expect("submitted", (job["state"], job["cost_usd"], "progress" in job), ("queued", None, False))
    names = [f["filename"] for f in client.batch.list_files(job["id"])]
    with tempfile.TemporaryDirectory() as out:
        for download in (client.batch.download, lambda **a: asyncio.run(client.batch.download_async(**a))):
            paths = download(job_id=job["id"], output_dir=out)
            expect("files", sorted(p.name for p in paths), sorted(names))
            expect("batch", from_file(next(p for p in paths if ".dbn" in p.name))[0], want)
        (archive,) = client.batch.download(job_id=job["id"], output_dir=out, keep_zip=True)
        with zipfile.ZipFile(archive) as kept:
            expect("archive", (kept.testzip(), sorted(kept.namelist())), (None, sorted(names)))
    name = next(n for n in names if ".dbn" in n)
    with tempfile.TemporaryDirectory() as out:
        (path,) = client.batch.download(job_id=job["id"], output_dir=out, filename_to_download=name)
        content = path.read_bytes()
        path.write_bytes(content[:1000])  # as if it had been interrupted
        client.batch.download(job_id=job["id"], output_dir=out, filename_to_download=name)
        expect("resumed", path.read_bytes(), content)
    job = client.batch.submit_job(**whole_range(client, DATASET), symbols=["ESZ6"], schema="ohlcv-1m", encoding="csv", pretty_ts=True)
    expect("symbols in CSV", job["map_symbols"], True)
    with tempfile.TemporaryDirectory() as out:
        text = [p for p in client.batch.download(job_id=job["id"], output_dir=out) if ".csv" in p.name]
        expect("csv", len(text), 1)
    print("  batch: submitted, listed, downloaded, resumed")


def refusals(client):
    """Errors as the client words them, with the limits for programs."""
    try:
        client.timeseries.get_range(DATASET, start="2026-11-15", end="2026-11-17")
        raise AssertionError("a range beyond the data is accepted")
    except databento.BentoClientError as error:
        detail = error.json_body["detail"]
        expect("case", detail["case"], "data_end_after_available_end")
        limits = {k[10:]: v[:10] for k, v in detail["payload"].items() if k.startswith("available_")}
        expect("payload", limits, {"start": "2026-11-15", "end": "2026-11-16"})
    for kind, query in (
        ("data_start_before_available_start", dict(dataset=DATASET, start="2020-01-01", end="2026-11-16")),
        ("dataset_not_found", dict(dataset="XNAS.ITCH", start="2026-11-15")),
        ("symbology_invalid_request", dict(dataset=DATASET, start="2026-11-15", symbols="NONE")),
        ("symbology_too_many_symbols", dict(dataset=DATASET, start="2026-11-15", symbols=[f"X{i}" for i in range(2001)])),
    ):
        try:
            client.timeseries.get_range(**query)
        except databento.BentoClientError as error:
            if error.http_status == 422 and kind in str(error) and error.request_id:
                continue
            raise
        raise AssertionError(f"no refusal: {kind}")
    try:
        databento.Historical(KEY[::-1], gateway=client.gateway).metadata.list_datasets()
        raise AssertionError("a wrong key is accepted")
    except databento.BentoClientError as error:
        expect("wrong key", error.http_status, 401)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client.timeseries.get_range(DATASET, "2026-11-15", symbols=["ESZ6", "NONE"])
    if not any(w.category.__name__ == "BentoWarning" and "NONE" in str(w.message) for w in caught):
        raise AssertionError(f"warnings {[str(w.message) for w in caught]}")
    print("  refusals and warnings: as expected")


def fixtures(program, folder):
    ranges = records = 0
    for path in sorted(folder.glob("*.dbn*")):
        if ".frag" in path.name:
            continue
        want, store = from_file(path)
        if not want:
            continue
        with Simulator(program, path) as client:
            query = dict(whole_range(client, store.dataset), schema=store.schema)
            for symbols in filter(None, (None, store.symbols if store.mappings else None, "ALL_SYMBOLS")):
                expect(path.name, raw(client.timeseries.get_range(**query, symbols=symbols)), want)
                ranges += 1
                records += len(want)
    print(f"  real files: {ranges} ranges, {records} records equal")


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    program, sample = sys.argv[1], pathlib.Path(sys.argv[2])
    print(f"  databento {databento.__version__}, databento-dbn {importlib.metadata.version('databento-dbn')}")
    with Simulator(program) as client:
        samples(client, sample)
        metadata(client)
        batch(client, sample)
        refusals(client)
    if len(sys.argv) > 3 and pathlib.Path(sys.argv[3]).is_dir():
        fixtures(program, pathlib.Path(sys.argv[3]))
    else:
        print("  real files: skipped, set DBN_TESTDATA to a folder of DBN files")


if __name__ == "__main__":
    main()
