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


def measure(records, began):
    """Takes what an iterator gives, and prints the line that the runner reads."""
    wall, cpu = began
    count = total = 0
    for record in records:
        count += 1
        total += price(record)
    print(json.dumps({
        "records": count,
        "sum": total % 2**64,
        "seconds": time.perf_counter() - wall,
        "cpu": cpu_seconds() - cpu,
    }))


def now():
    return time.perf_counter(), cpu_seconds()


def live(port):
    client = databento.Live(key=KEY, gateway="127.0.0.1", port=port)
    client.subscribe(dataset="GLBX.MDP3", schema="mbo", symbols="ALL_SYMBOLS")
    measure(client, now())


def file(path):
    began = now()
    store = databento.DBNStore.from_file(path)
    measure(store, began)


def historical(port):
    client = databento.Historical(KEY, gateway=f"https://127.0.0.1:{port}")
    began = now()
    store = client.timeseries.get_range(
        dataset="GLBX.MDP3", schema="mbo", symbols="ALL_SYMBOLS", start="2026-11-15", end="2026-11-16"
    )
    measure(store, began)


def main(transport, _form, target, _records):
    if transport == "file":
        file(target)
    else:
        {"live": live, "historical": historical}[transport](int(target))


main(*sys.argv[1:])
