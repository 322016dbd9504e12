"""The official Python client as a consumer of dbn-relay, for relay_test.go.

Usage: relay.py PORT KEY live|replay SCHEMA STYPE SYMBOLS COMPRESSION COUNT

Prints "ready" when the gateway has acknowledged the subscription and "complete" after COUNT records; at the end
of the session it prints the number of the records and their SHA-256.
"""

import hashlib
import logging
import sys
import warnings

import databento
import databento_dbn as dbn


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    port, key, mode, schema, stype, symbols, compression, count = sys.argv[1:]
    records, hashed, failures = 0, hashlib.sha256(), []

    def take(record):
        nonlocal records
        if isinstance(record, dbn.SymbolMappingMsg):
            return
        if isinstance(record, dbn.ErrorMsg):
            failures.append(record.err)
            return
        if isinstance(record, dbn.SystemMsg):
            if record.msg.startswith("Subscription request"):
                print("ready", flush=True)
            return
        records += 1
        hashed.update(bytes(record))
        if records == int(count):
            print("complete", flush=True)

    client = databento.Live(
        key=key, gateway="127.0.0.1", port=int(port), compression=dbn.Compression.from_str(compression)
    )
    client.add_callback(take, failures.append)
    client.subscribe(
        dataset="GLBX.MDP3",
        schema=schema,
        stype_in=stype,
        symbols=symbols.split(","),
        start=0 if mode == "replay" else None,
    )
    client.start()
    client.block_for_close()
    if failures:
        sys.exit(f"relay.py: {failures}")
    print(records, hashed.hexdigest())


if __name__ == "__main__":
    main()
