"""The official Python client, measured as ../../receive.cpp measures ours.

peer.py live|file|historical FORM PORT|PATH RECORDS
"""

import json
import resource
import sys
import time

import databento
import databento_dbn as dbn

KEY = "db-benchbenchbenchbenchbench0000"


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def price(record):
    if isinstance(record, dbn.OHLCVMsg):
        return record.close
    if isinstance(record, dbn.InstrumentDefMsg):
        return record.min_price_increment
    return record.price


class Measurement:
    """Takes records, and prints the line that the runner reads."""

    def __init__(self):
        self.count = self.total = 0
        self.wall, self.cpu = time.perf_counter(), cpu_seconds()

    def take(self, record):
        self.count += 1
        self.total += price(record)

    def print(self):
        print(json.dumps({
            "records": self.count,
            "sum": self.total % 2**64,
            "seconds": time.perf_counter() - self.wall,
            "cpu": cpu_seconds() - self.cpu,
        }))


def live(port):
    client = databento.Live(key=KEY, gateway="127.0.0.1", port=port)
    client.subscribe(dataset="GLBX.MDP3", schema="mbo", symbols="ALL_SYMBOLS")
    m = Measurement()
    # Not a loop over the client, which may end before its last records.
    client.add_callback(m.take)
    client.start()
    client.block_for_close()
    m.print()


def file(path):
    m = Measurement()
    for record in databento.DBNStore.from_file(path):
        m.take(record)
    m.print()


def historical(port):
    client = databento.Historical(KEY, gateway=f"https://127.0.0.1:{port}")
    m = Measurement()
    for record in client.timeseries.get_range(
        dataset="GLBX.MDP3", schema="mbo", symbols="ALL_SYMBOLS", start="2026-11-15", end="2026-11-16"
    ):
        m.take(record)
    m.print()


def main(transport, _form, target, _records):
    if transport == "file":
        file(target)
    else:
        {"live": live, "historical": historical}[transport](int(target))


main(*sys.argv[1:])
