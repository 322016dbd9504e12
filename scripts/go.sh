#!/usr/bin/env bash
# go, which links the libdbnloop.a of this tree instead of compiling the core again. An overlay adds
# a file to package bindings that says so. Flags in the environment would belong to every package
# that uses cgo, such as net, and each change of the library would compile anew what imports those.
# Go's cache does not look into a library: the file names its hash, as a directory that does not
# exist. library.go comes before link_*.go, and its flags therefore before those of what it needs.
# Its text has no path of this tree: cgo makes names of it, which are in the programs.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
library=$top/build/release/libdbnloop.a
if [ -f "$library" ]; then
  hash=$(sha256sum "$library" | cut -c1-16)
  overlay=$top/build/release/go/$hash
  if [ ! -d "$overlay" ]; then
    mkdir -p "${overlay%/*}"
    new=$(mktemp -d "$overlay.XXXXXX")
    cat >"$new/library.go" <<EOF
//go:build linux && !dbnloop_pkgconfig

package bindings

// #cgo CPPFLAGS: -DDBNLOOP_LINKED
// #cgo LDFLAGS: \${SRCDIR}/../build/release/libdbnloop.a -L/nonexistent/$hash
import "C"
EOF
    echo "{\"Replace\": {\"$top/bindings/library.go\": \"$overlay/library.go\"}}" >"$new/overlay.json"
    mv -T "$new" "$overlay" 2>/dev/null || rm -r "$new" # another one was faster
  fi
  GOFLAGS="$(go env GOFLAGS) -overlay=$overlay/overlay.json"
  export GOFLAGS
fi
exec go "$@"
