#!/usr/bin/env bash
# Runs the README's examples as they stand there: the Go, the C++ and the C program, and the
# shell block with the simulator.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; rm -rf "$work"' EXIT
block() { awk -v want="\`\`\`$1" '$0 == want {on = 1; next} /^```/ {on = 0} on' README.md; }
export DATABENTO_API_KEY=db-simSIMsimSIMsimSIMsimSIMsim00

build/bin/dbn-sim --quiet --close-at-end --exit-after-sessions 3 --port-file "$work/port" >/dev/null &
pids+=($!)

mkdir "$work/go" "$work/cpp" "$work/c"
block go >"$work/go/main.go"
cp test/consumer/go/go.mod test/consumer/go/go.sum "$work/go/" 2>/dev/null || cp test/consumer/go/go.mod "$work/go/"
root=$PWD
(cd "$work/go" && go mod edit -replace "github.com/dbnloop/dbnloop=$root" &&
  env $("$root/scripts/cgo-env.sh") go build -mod=mod -o example .)
GATEWAY_HOST=127.0.0.1 GATEWAY_PORT=$(cat "$work/port") "$work/go/example" >"$work/go.out"
grep -q ConnectionClosed "$work/go.out"
echo "README go: $(wc -l <"$work/go.out") lines"

block cpp >"$work/cpp/main.cpp"
cmake --install build/release --prefix "$work/prefix" >/dev/null
c++ -std=c++23 -Wall -Wextra -Werror -o "$work/cpp/example" "$work/cpp/main.cpp" \
  $(PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name dbnloop.pc)") pkg-config --cflags --libs dbnloop)
"$work/cpp/example" 127.0.0.1 "$(cat "$work/port")" >"$work/cpp.out"
grep -q 'closed the session' "$work/cpp.out"
echo "README c++: $(wc -l <"$work/cpp.out") lines"

block c >"$work/c/main.c"
[ "$(grep -c . "$work/c/main.c")" -le 25 ] || { echo "README c: more than 25 lines" >&2; exit 1; }
cc -std=c11 -Wall -Wextra -Werror -o "$work/c/example" "$work/c/main.c" \
  $(PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name dbnloop.pc)") pkg-config --cflags --libs dbnloop)
# It ends with the session, and then with a failure that says so.
if "$work/c/example" 127.0.0.1 "$(cat "$work/port")" >"$work/c.out" 2>"$work/c.err"; then exit 1; fi
grep -q 'closed the session' "$work/c.err"
[ "$(grep -cE '^(ESZ6|NQZ6) [0-9]+\.[0-9]{9} 2026-11-[0-9]{2}T[0-9:.]+Z$' "$work/c.out")" = "$(wc -l <"$work/c.out")" ]
[ -s "$work/c.out" ]
echo "README c: $(wc -l <"$work/c.out") lines"

# The block's fixed port is the reader's; here the system chooses one.
build/bin/dbn-sim --quiet --port-file "$work/port2" >/dev/null &
pids+=($!)
until [ -s "$work/port2" ]; do read -rt 0.05 <> <(:) || true; done
block sh | sed -n '/DATABENTO_API_KEY=db-sim/,/ESZ6$/p' | sed "s/127.0.0.1:13000/127.0.0.1:$(cat "$work/port2")/" >"$work/tail.sh"
[ "$(bash "$work/tail.sh" 2>/dev/null | grep -c '"symbol":"ESZ6"')" = 3 ]
echo "README dbn-tail: 3 lines"
