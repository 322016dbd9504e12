#!/usr/bin/env bash
# go build or go test, with the race detector, with checks of pointers that cross into C, and with
# batches that are overwritten when they end. The largest dependencies are compiled without
# optimisation: that takes a third less time.
set -euo pipefail
flags=(-race -tags dbnloop_poison)
for module in github.com/apache/arrow-go github.com/goccy/go-json github.com/nats-io/nats-server; do
  flags+=("-gcflags=$module/...=-N -l")
done
GOEXPERIMENT=cgocheck2 exec "$(dirname "$0")/go.sh" "$1" "${flags[@]}" "${@:2}"
