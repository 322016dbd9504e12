#!/usr/bin/env bash
# Installs the programs of build/bin below PREFIX, with their completions and manual pages.
# Usage: scripts/install-programs.sh PREFIX [ZSH], where ZSH is the directory of zsh's functions.
set -euo pipefail
cd "$(dirname "$0")/.."
prefix=$1
zsh=${2:-zsh/site-functions}
for path in build/bin/dbn-*; do
  program=$(basename "$path")
  install -D -m 0755 -t "$prefix/bin" "$path"
  complete() { "$path" completion "$1" | install -D -m 0644 /dev/stdin "$prefix/share/$2"; }
  complete bash "bash-completion/completions/$program"
  complete zsh "$zsh/_$program"
  complete fish "fish/vendor_completions.d/$program.fish"
  "$path" man "$prefix/share/man/man1"
done
