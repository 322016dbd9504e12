#!/usr/bin/env bash
# Makes dist/ from what `make build` made: three Debian packages, a tarball for other systems, and
# SHA256SUMS. The same sources and tools give the same bytes: every time is SOURCE_DATE_EPOCH,
# which is the time of the commit unless it is set.
#   libdbnloop5     the shared library (the number is that of the C API)
#   libdbnloop-dev  headers, static library, and what CMake and pkg-config read
#   dbnloop-tools   dbn-tail, dbn-sim and dbn-relay with their completions and manual pages
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
export LC_ALL=C TZ=UTC
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
version=$(awk '/^project.dbnloop VERSION/ {print $3}' CMakeLists.txt)
abi=$(sed -nE 's/^#define DBNLOOP_ABI_VERSION ([0-9]+)$/\1/p' capi/dbnloop.h)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# ---- Everything, as it is installed below a prefix.
root=$work/root
cmake --install build/release --prefix "$root" --strip >/dev/null
strip --strip-debug --enable-deterministic-archives "$root/lib/libdbnloop.a"
scripts/install-programs.sh "$root" zsh/vendor-completions
strip "$root"/bin/*
gzip -9n "$root"/share/man/man1/*.1
clamp() { find "$1" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +; }
rm -rf dist
mkdir dist

# ---- The tarball: the same below one directory, which may be moved anywhere.
name=dbnloop-$version-linux-$(uname -m)
mkdir "$work/$name"
cp -a "$root/." "$work/$name"
install -m 0644 -t "$work/$name" README.md CHANGELOG.md LICENSE
clamp "$work/$name"
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --format=gnu -c "$name" |
  gzip -9n >"dist/$name.tar.gz"

# ---- The Debian packages.
if ! command -v dpkg-deb dpkg-shlibdeps >/dev/null; then
  echo "package: no .deb, because dpkg-dev is not installed" >&2
  (cd dist && sha256sum -- * >"$work/sums" && mv "$work/sums" SHA256SUMS && cat SHA256SUMS)
  exit 0
fi
debversion=$version-1
stage() { # PACKAGE PATH...: moves parts of the root into a package
  local package=$1 path
  shift
  for path in "$@"; do
    mkdir -p "$work/$package/usr/$(dirname "$path")"
    mv "$root"/$path "$work/$package/usr/$(dirname "$path")/"
  done
}
depends() { # FILE...: the packages whose libraries these files need
  (cd "$work" && mkdir -p debian && printf 'Source: dbnloop\n\nPackage: dbnloop-tools\nArchitecture: any\n' \
    >debian/control && dpkg-shlibdeps -O "$@" 2> >(grep -v 'should already be installed' >&2) | sed -n 's/^shlibs:Depends=//p')
}
deb() { # PACKAGE SECTION DEPENDS SUMMARY TEXT: makes the package of what is staged
  local package=$1 dir=$work/$1 doc=$work/$1/usr/share/doc/$1
  mkdir -p "$dir/DEBIAN" "$doc"
  {
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n'
    printf 'Upstream-Name: dbnloop\nSource: https://github.com/dbnloop/dbnloop\n\n'
    printf 'Files: *\nCopyright: 2026 The dbnloop authors\nLicense: Apache-2.0\n'
    printf ' On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n'
  } >"$doc/copyright"
  printf 'dbnloop (%s) unstable; urgency=medium\n\n  * Release %s.\n\n -- %s  %s\n' "$debversion" "$version" \
    "$maintainer" "$(date -ud "@$SOURCE_DATE_EPOCH" -R)" | gzip -9n >"$doc/changelog.Debian.gz"
  gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
  (cd "$dir" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$dir/DEBIAN/md5sums"
  cat >"$dir/DEBIAN/control" <<CONTROL
Package: $package
Source: dbnloop
Version: $debversion
Architecture: $(dpkg --print-architecture)
Maintainer: $maintainer
Installed-Size: $(find "$dir/usr" -type f -printf '%s\n' | awk '{n += int(($1 + 1023) / 1024)} END {print n}')
Depends: $3
Section: $2
Priority: optional
Homepage: https://github.com/dbnloop/dbnloop
Description: $4
$(fold -sw 78 <<<"$5" | sed 's/ *$//; s/^/ /')
CONTROL
  clamp "$dir"
  dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$dir" dist >/dev/null
}
maintainer='The dbnloop authors <dbnloop@users.noreply.github.com>'

# Databento's own record types, where the library was built with them, include other headers.
headers=
grep -qE '^DBNLOOP_DATABENTO_DECISION:INTERNAL=(given|fetched)$' build/release/CMakeCache.txt &&
  headers=', nlohmann-json3-dev, libcpp-httplib-dev, libhowardhinnant-date-dev'
needs_tools=$(depends "$root"/bin/*)
needs_library=$(depends "$root"/lib/libdbnloop.so.$abi)

stage libdbnloop$abi 'lib/libdbnloop.so.*'
mkdir -p "$work/libdbnloop$abi/DEBIAN"
echo "libdbnloop $abi libdbnloop$abi (>= $version)" >"$work/libdbnloop$abi/DEBIAN/shlibs"
echo 'activate-noawait ldconfig' >"$work/libdbnloop$abi/DEBIAN/triggers"
deb libdbnloop$abi libs "$needs_library" "asynchronous client for Databento's market data (C library)" \
  "dbnloop streams live and historical market data from Databento into an event loop of yours. This \
package holds the shared library with the C interface."

stage libdbnloop-dev include lib
deb libdbnloop-dev libdevel \
  "libdbnloop$abi (= $debversion), libssl-dev, libzstd-dev, libc-ares-dev$headers" \
  "asynchronous client for Databento's market data (C++ and C)" \
  "This package holds the headers, the static library for C++ and C, and the files of CMake and \
pkg-config."

stage dbnloop-tools bin share
deb dbnloop-tools utils "$needs_tools" "tail, relay and simulator of Databento's market data" \
  "dbn-tail shows, stores and converts live and historical market data from Databento. dbn-sim is a \
simulator of the live gateway and of the historical API, for tests without a key or a network. \
dbn-relay receives one live session and serves it to many consumers, in the gateway's own protocol."

cd dist
sha256sum -- * >"$work/sums"
mv "$work/sums" SHA256SUMS
cat SHA256SUMS
