#!/usr/bin/env bash
# Runs the soak program in network namespaces of its own whose loopback loses packets, is
# slow, falls silent, or resets connections. Usage: scripts/netfaults.sh SECONDS [FAULT]...
set -euo pipefail
cd "$(dirname "$0")/.."

all=(loss rate loss-and-rate silence resets)

# What the loopback does to TCP, while the soak runs.
break_network() {
  ip link set lo up
  nft add table inet faults
  nft add chain inet faults in '{ type filter hook input priority 0; }'
  case $1 in
    loss) nft add rule inet faults in meta l4proto tcp numgen random mod 100 '<' 5 counter drop ;;
    rate) tc qdisc add dev lo root tbf rate 40mbit burst 128kb latency 50ms ;;
    loss-and-rate)
      nft add rule inet faults in meta l4proto tcp numgen random mod 100 '<' 2 counter drop
      tc qdisc add dev lo root tbf rate 40mbit burst 128kb latency 50ms
      ;;
    silence) # three seconds in ten in which nothing passes
      while sleep 7; do
        nft add rule inet faults in meta l4proto tcp counter drop
        sleep 3
        nft flush chain inet faults in
      done &
      ;;
    resets)
      nft add rule inet faults in meta l4proto tcp numgen random mod 2000 '<' 1 \
        counter reject with tcp reset
      ;;
    *) echo "netfaults: no fault named '$1'; faults: ${all[*]}" >&2; exit 2 ;;
  esac
}

if [ "${1:-}" = inside ]; then
  break_network "$2"
  status=0
  build/soak -t "$3" -download 0 -unreliable || status=$?
  nft list ruleset | grep -o 'counter packets [0-9]*' || true
  tc -s qdisc show dev lo | grep -o 'Sent .*' || true
  exit "$status"
fi

seconds=$1
shift
for tool in nft tc ip; do
  command -v "$tool" >/dev/null || { echo "netfaults: $tool is missing" >&2; exit 1; }
done
own=(--net --pid --fork --kill-child --mount-proc) # what it starts ends with it
namespace=(unshare "${own[@]}")
[ "$(id -u)" -eq 0 ] || namespace=(unshare --map-root-user "${own[@]}")
"${namespace[@]}" true || {
  echo "netfaults: this machine lets nobody make network namespaces" >&2
  exit 1
}
for fault in "${@:-${all[@]}}"; do
  echo "netfaults: $fault"
  "${namespace[@]}" "$0" inside "$fault" "$seconds"
done
