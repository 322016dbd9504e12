"""Compares what the official Python client receives from dbn-sim with the files served.

Usage: python_live.py DBN_SIM SAMPLE_DIR [FIXTURE_DIR]

Every sample schema is received in DBN versions 1, 2 and 3, and every DBN file of
FIXTURE_DIR in its own version, each with and without zstd and ts_out. Each record must
equal the file's record bit for bit, after the upgrade to version 3 that the client does.
"""

import importlib.metadata
import logging
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

import databento
import databento_dbn as dbn

KEY = "db-simSIMsimSIMsimSIMsimSIMsim00"
WAYS = [(c, t) for c in ("none", "zstd") for t in (False, True)]
GATEWAY_RECORDS = (dbn.SymbolMappingMsg, dbn.SystemMsg, dbn.ErrorMsg)


class Simulator:
    """A dbn-sim process; its port is known when it is ready."""

    def __init__(self, program, *args):
        self.process = subprocess.Popen(
            [program, "--quiet", "--close-at-end", *map(str, args)],
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"dbn-sim {args}: not ready: {line!r}")
        self.port = int(line.rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        if self.process.wait(timeout=10) != 0:
            raise RuntimeError(f"dbn-sim ended with {self.process.returncode}")
        self.process.stdout.close()


class Received:
    """One live session to its end."""

    def __init__(self, port, subscriptions, compression="none", ts_out=False, key=KEY):
        self.own, self.data, self.error = [], [], None
        client = databento.Live(
            key=key,
            gateway="127.0.0.1",
            port=port,
            ts_out=ts_out,
            compression=dbn.Compression.from_str(compression),
        )
        client.add_callback(self.record, lambda error: setattr(self, "error", error))
        for subscription in subscriptions:
            client.subscribe(**subscription)
        client.start()
        try:
            client.block_for_close(timeout=60)
        except databento.BentoError as error:
            self.error = error
        self.symbols = dict(client.symbology_map)

    def record(self, record):
        (self.own if isinstance(record, GATEWAY_RECORDS) else self.data).append(record)

    def systems(self):
        return [r.msg for r in self.own if isinstance(r, dbn.SystemMsg)]


def content(record, ts_out):
    """The record's own bytes, without the send time and with the length for that."""
    raw = bytearray(bytes(record))
    if ts_out:
        sent = record.ts_out
        if not time.time_ns() - 120e9 < sent <= time.time_ns():
            raise AssertionError(f"ts_out {sent} is not now")
        if int.from_bytes(raw[-8:], "little") == sent and len(raw) == raw[0] * 4:
            raw = raw[:-8]
        raw[0] = len(raw) // 4
    return bytes(raw)


def expected(path):
    """A file's records, upgraded to version 3, and its metadata."""
    store = databento.DBNStore.from_file(path)
    return [bytes(record) for record in store], store.metadata


def check(name, received, want, compression, ts_out):
    if received.error is not None:
        raise AssertionError(f"{name}: {received.error}")
    got = [content(record, ts_out) for record in received.data]
    if got != want:
        first = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        raise AssertionError(
            f"{name} ({compression}, ts_out {ts_out}): {len(got)} records, want {len(want)};"
            f" the first difference is at {first}"
        )
    return len(got)


def samples(program, folder):
    files = sorted(folder.glob("*.dbn.zst"))
    sessions = records = 0
    for version in (1, 2, 3):
        with Simulator(program, "--dbn-version", version) as sim:
            for path in files:
                schema = path.name.removesuffix(".dbn.zst")
                want, _ = expected(path)
                for compression, ts_out in WAYS:
                    subscription = dict(dataset="GLBX.MDP3", schema=schema, symbols="ALL_SYMBOLS")
                    got = Received(sim.port, [subscription], compression, ts_out)
                    records += check(f"sample {schema} v{version}", got, want, compression, ts_out)
                    if sorted(got.symbols.values()) != ["CLF7", "ESZ6", "GCG7", "NQZ6"]:
                        raise AssertionError(f"symbols {got.symbols}")
                    sessions += 1
    print(f"  sample data, versions 1 to 3: {sessions} sessions, {records} records equal")


def fixtures(program, folder):
    sessions = records = files = 0
    for path in sorted(folder.glob("*.dbn*")):
        if ".frag" in path.name:
            continue
        want, metadata = expected(path)
        files += 1
        with Simulator(program, path) as sim:
            for compression, ts_out in WAYS:
                subscription = dict(
                    dataset=metadata.dataset,
                    schema=metadata.schema,
                    symbols=metadata.symbols or "ALL_SYMBOLS",
                )
                got = Received(sim.port, [subscription], compression, ts_out)
                records += check(path.name, got, want, compression, ts_out)
                sessions += 1
    print(f"  {files} real files: {sessions} sessions, {records} records equal")


def conversation(program, folder):
    """What is said besides data: refusals, errors, chunks, replay, snapshot."""
    trades, _ = expected(folder / "trades.dbn.zst")
    with Simulator(program, "--live-from", "2026-11-15T23:01:00") as sim:
        one = dict(dataset="GLBX.MDP3", schema="trades", symbols="ALL_SYMBOLS")
        got = Received(sim.port, [dict(one, start=0)])
        check("replay", got, trades, "none", False)
        if got.systems()[-1] != "Finished trades replay":
            raise AssertionError(f"system messages {got.systems()}")

        got = Received(sim.port, [dict(one, schema="mbo", symbols=["ESZ6"], snapshot=True)])
        snapshot = [r for r in got.data if r.flags & 32]
        if got.data[: len(snapshot)] != snapshot or snapshot[0].action != "R" or len(snapshot) < 20:
            raise AssertionError(f"a snapshot of {len(snapshot)} records")

        many = [f"X{i}" for i in range(1200)] + ["ESZ6"]
        got = Received(sim.port, [dict(one, symbols=many)])
        errors = [r for r in got.own if isinstance(r, dbn.ErrorMsg)]
        if len(errors) != 1200 or not got.data or got.systems() != ["Subscription request 0 for trades data succeeded"]:
            raise AssertionError(f"{len(errors)} errors, {got.systems()}")

        got = Received(sim.port, [dict(one, symbols="NQ.FUT", stype_in="parent"), dict(one, symbols="CL.c.0", stype_in="continuous")])
        if sorted(got.symbols.values()) != ["CLF7", "NQZ6"] or {r.instrument_id for r in got.data} != set(got.symbols):
            raise AssertionError(f"symbols {got.symbols}")

        for key, dataset, reason in ((KEY[::-1], "GLBX.MDP3", "Authentication failed."), (KEY, "XNAS.ITCH", "unknown dataset")):
            try:
                Received(sim.port, [dict(one, dataset=dataset)], key=key)
            except databento.BentoError as error:
                if reason in str(error):
                    continue
                raise
            raise AssertionError(f"no refusal: {reason}")
    print("  replay, snapshot, chunks, parents, refusals: as expected")


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    program, sample = sys.argv[1], pathlib.Path(sys.argv[2])
    print(f"  databento {databento.__version__}, databento-dbn {importlib.metadata.version('databento-dbn')}")
    samples(program, sample)
    conversation(program, sample)
    if len(sys.argv) > 3 and pathlib.Path(sys.argv[3]).is_dir():
        fixtures(program, pathlib.Path(sys.argv[3]))
    else:
        print("  real files: skipped, set DBN_TESTDATA to a folder of DBN files")


if __name__ == "__main__":
    main()
