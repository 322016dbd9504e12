#!/usr/bin/env bash
# Installs what a group of targets needs and this machine lacks, and nothing else. What is there
# counts, wherever it came from: with everything in place no package manager is asked.
# Usage: scripts/deps.sh [build|examples|package|docs|lint|guard|fuzz|container|netfaults|interop]...
#
# The columns: group, how to see that it is there, package of Debian and Ubuntu, of Fedora and RHEL.
# Tried on Debian 12 and 13; on Ubuntu 24.04, only the group build. The last column has not been tried
# (RHEL also needs EPEL, CRB and gcc-toolset-13; llhttp needs a libllhttp.a or its sources there, see
# cmake/Findllhttp.cmake).
set -euo pipefail

table() {
  cat <<'TABLE'
build     cmd:c++                   g++                         gcc-c++
build     cmd:make                  make                        make
build     cmd:cmake                 cmake                       cmake
build     cmd:ninja                 ninja-build                 ninja-build
build     cmd:pkg-config            pkg-config                  pkgconf-pkg-config
build     cmd:git                   git                         git
build     cmd:zstd                  zstd                        zstd
build     cmd:strace                strace                      strace
build     file:/etc/ssl/certs       ca-certificates             ca-certificates
build     module:libssl             libssl-dev                  openssl-devel
build     module:libzstd            libzstd-dev                 libzstd-devel
build     module:libcares           libc-ares-dev               c-ares-devel
build     module:gtest              libgtest-dev                gtest-devel
build     module:gmock              libgmock-dev                gmock-devel
build     llhttp                    libllhttp-dev|node-llhttp   llhttp-devel
build     header:nlohmann/json.hpp  nlohmann-json3-dev          json-devel
build     header:httplib.h          libcpp-httplib-dev          cpp-httplib-devel
build     header:date/date.h        libhowardhinnant-date-dev   date-devel
examples  header:asio.hpp           libasio-dev                 asio-devel
examples  module:libuv              libuv1-dev                  libuv-devel
examples  module:liburing           liburing-dev                liburing-devel
examples  cmd:curl                  curl                        curl
docs      cmd:doxygen               doxygen                     doxygen
package   cmd:dpkg-shlibdeps        dpkg-dev                    -
lint      cmd:clang-format-19       clang-format-19             clang-tools-extra
lint      cmd:clang-tidy-19         clang-tidy-19               clang-tools-extra
lint      cmd:doxygen               doxygen                     doxygen
lint      cmd:mandoc                mandoc                      mandoc
guard     cmd:valgrind              valgrind                    valgrind
fuzz      cmd:clang-19              clang-19                    clang
fuzz      package                   libclang-rt-19-dev          compiler-rt
container cmd:podman                podman                      podman
container cmd:buildah               buildah                     buildah
container cmd:runc                  runc                        runc
container cmd:debootstrap           debootstrap                 debootstrap
netfaults cmd:nft                   nftables                    nftables
netfaults cmd:ip                    iproute2                    iproute
netfaults cmd:unshare               util-linux                  util-linux
interop   cmd:python3               python3                     python3
interop   package                   python3-venv                python3
TABLE
}

# there HOW PACKAGE: whether this machine has it
there() {
  local name=${1#*:}
  case $1 in
    cmd:*) command -v "$name" >/dev/null ;;
    module:*) pkg-config --exists "$name" 2>/dev/null ;;
    header:*) [ -e "/usr/include/$name" ] || [ -e "/usr/local/include/$name" ] ;;
    file:*) [ -e "$name" ] ;;
    llhttp) for name in /usr/share/llhttp/llhttp.c /usr/share/nodejs/llhttp/src/llhttp.c \
      /usr/lib*/libllhttp.a /usr/lib/*/libllhttp.a /usr/local/lib*/libllhttp.a; do
      [ ! -e "$name" ] || return 0
    done
      return 1 ;;
    package) if command -v dpkg-query >/dev/null; then
      dpkg-query -W -f='${db:Status-Status}' "$2" 2>/dev/null | grep -qx installed
    else
      command -v rpm >/dev/null && rpm -q "$2" >/dev/null
    fi ;;
  esac
}

if command -v apt-get >/dev/null; then
  manager=apt-get
elif command -v dnf >/dev/null; then
  manager=dnf
else
  manager=
fi

groups=" ${*:-build} "
known=$(table | awk '!seen[$1]++ {printf "%s%s", space, $1; space = " "}')
for group in $groups; do
  [[ " $known " == *" $group "* ]] || { echo "deps: no group named '$group'; groups: $known" >&2; exit 2; }
done
if [[ $groups == *" build "* ]] && ! command -v go >/dev/null; then
  echo "deps: Go 1.26.7 or newer is required and is not on PATH; see https://go.dev/dl/" >&2
  exit 1
fi
missing=()
while read -r group how debian fedora; do
  [[ $groups == *" $group "* ]] || continue
  package=$debian
  [ "$manager" != dnf ] || package=$fedora
  [ "$package" != - ] || continue
  there "$how" "${package%%|*}" || missing+=("$package")
done < <(table)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ -z "$manager" ]; then
  echo "deps: missing, by the names of Debian's packages: ${missing[*]}" >&2
  echo "deps: install them with this system's package manager; neither apt-get nor dnf is there" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "deps: missing packages: ${missing[*]}" >&2
    echo "deps: install them as root: $manager install ${missing[*]%%|*}" >&2
    exit 1
  }
  as_root=(sudo)
fi
if [ $manager = dnf ]; then
  echo "deps: installing ${missing[*]}" >&2
  exec "${as_root[@]}" dnf install -y -q "${missing[@]}"
fi
"${as_root[@]}" apt-get update -qq
# Of several names, the first that this release has.
packages=()
for names in "${missing[@]}"; do
  IFS='|' read -ra alternatives <<<"$names"
  chosen=${alternatives[0]}
  for name in "${alternatives[@]}"; do
    if [[ $(apt-cache policy "$name" 2>/dev/null) == *Candidate:\ [0-9]* ]]; then
      chosen=$name
      break
    fi
  done
  packages+=("$chosen")
done
echo "deps: installing ${packages[*]}" >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
