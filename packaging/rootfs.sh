#!/usr/bin/env bash
# Makes the root directory of a small image: programs, the libraries and the linker that they name,
# the certificates and a user. Usage: packaging/rootfs.sh DIRECTORY PROGRAM...
set -euo pipefail
root=$1
shift
install -D -m 0755 -t "$root/usr/local/bin" "$@"
strip "$root"/usr/local/bin/*
for program in "$@"; do
  ldd "$program" | grep -oE '/[^ ]+ \(0x' | sed 's/ (0x$//'
done | sort -u | while read -r library; do
  install -D -m 0755 "$library" "$root$library"
done
install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
# Where OpenSSL looks.
mkdir -p "$root/usr/lib/ssl" "$root/tmp"
ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
chmod 1777 "$root/tmp"
echo 'dbnloop:x:10001:10001::/:/nonexistent' >"$root/etc/passwd"
echo 'dbnloop:x:10001:' >"$root/etc/group"
