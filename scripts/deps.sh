#!/usr/bin/env bash
# Installs the Debian packages that a group of targets needs, when they are missing, and
# nothing else. Usage: scripts/deps.sh [build|lint|fuzz|container|netfaults|interop|guard]...
set -euo pipefail

packages_of() {
  case $1 in
    build) echo "g++ make cmake ninja-build pkg-config libssl-dev libzstd-dev libc-ares-dev node-llhttp nlohmann-json3-dev libcpp-httplib-dev libhowardhinnant-date-dev libgtest-dev libgmock-dev zstd strace git ca-certificates" ;;
    lint) echo "clang-format-19 clang-tidy-19" ;;
    fuzz) echo "clang-19 libclang-rt-19-dev" ;;
    container) echo "podman buildah runc debootstrap" ;;
    netfaults) echo "nftables iproute2 util-linux" ;;
    interop) echo "python3 python3-venv" ;;
    guard) echo "valgrind" ;;
    *) echo "deps: no group named '$1'; groups: build lint fuzz container netfaults interop guard" >&2; exit 2 ;;
  esac
}

wanted=()
for group in "${@:-build}"; do
  wanted+=($(packages_of "$group"))
done
installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qxF "installed $package" <<<"$installed" || missing+=("$package")
done

if ! command -v go >/dev/null; then
  echo "deps: Go 1.26 or newer is required and is not on PATH; see https://go.dev/dl/" >&2
  exit 1
fi
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "deps: missing packages: ${missing[*]}" >&2
    echo "deps: install them as root: apt-get install ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "deps: installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
