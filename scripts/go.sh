#!/usr/bin/env bash
# go, which links the libdbnloop.a of this tree instead of compiling the core again. An overlay adds
# flags to a file of package bindings. Flags in the environment would belong to every package that
# uses cgo, such as net, and each change of the library would compile anew what imports those. Go's
# cache does not look into a library: the flags name its hash, as a directory that does not exist.
# They have no path of this tree: cgo makes names of a file's text, which are in the programs.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
library=build/release/libdbnloop.a
file=bindings/compile.go
if [ -f "$top/$library" ]; then
  hash=$(cd "$top" && sha256sum "$library" "$file" | sha256sum | cut -c1-16)
  overlay=$top/build/release/go/$hash
  if [ ! -d "$overlay" ]; then
    mkdir -p "${overlay%/*}"
    new=$(mktemp -d "$overlay.XXXXXX")
    flags="// #cgo CPPFLAGS: -DDBNLOOP_LINKED\n// #cgo LDFLAGS: \${SRCDIR}/../$library -L/nonexistent/$hash"
    sed "s|^import \"C\"|$flags\n&|" "$top/$file" >"$new/compile.go"
    echo "{\"Replace\": {\"$top/$file\": \"$overlay/compile.go\"}}" >"$new/overlay.json"
    mv -T "$new" "$overlay" 2>/dev/null || rm -r "$new" # another one was faster
  fi
  GOFLAGS="$(go env GOFLAGS) -overlay=$overlay/overlay.json"
  export GOFLAGS
fi
exec go "$@"
