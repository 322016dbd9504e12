#!/usr/bin/env bash
# Runs every comparison with the official clients; each installs what it needs into a
# temporary place. Ends non-zero when one differs.
set -euo pipefail
cd "$(dirname "$0")/.."
for script in test/interop/*.sh; do
  echo "interop: $script"
  "$script"
done
