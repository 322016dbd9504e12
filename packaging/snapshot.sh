#!/bin/sh
# Makes this Debian take its packages from snapshot.debian.org, as they were at a time such as
# 20261127T000000Z; changes nothing without one. For containers.
set -eu
[ -n "${1:-}" ] || exit 0
. /etc/os-release
archive=http://snapshot.debian.org/archive
rm -f /etc/apt/sources.list.d/debian.sources
cat >/etc/apt/sources.list <<LIST
deb [check-valid-until=no] $archive/debian/$1 $VERSION_CODENAME main
deb [check-valid-until=no] $archive/debian/$1 $VERSION_CODENAME-updates main
deb [check-valid-until=no] $archive/debian-security/$1 $VERSION_CODENAME-security main
LIST
