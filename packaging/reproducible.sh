#!/usr/bin/env bash
# Builds the working tree's files again, in another directory, and compares the libraries, programs
# and packages with those of this tree, bit by bit. Run by `make reproducible`, after `make package`.
# The second build has empty caches, one job, another locale, time zone and umask.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
tree=$work/a/directory/with/a/longer/name
mkdir -p "$tree"
git ls-files -z --cached --others --exclude-standard | while IFS= read -rd '' file; do
  [ ! -f "$file" ] || printf '%s\0' "$file"
done | xargs -0 cp --parents -t "$tree"
(
  umask 077
  cd "$tree"
  export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$OLDPWD" log -1 --format=%ct)}
  env CCACHE_DISABLE=1 GOCACHE="$work/cache" LC_ALL=C.UTF-8 TZ=Asia/Tokyo \
    make --no-print-directory package JOBS=1 >"$work/log" 2>&1 || { tail -50 "$work/log" >&2; exit 1; }
)
sums() {
  (cd "$1" && sha256sum build/release/libdbnloop.a build/release/shared/libdbnloop.so build/bin/* dist/*)
}
sums . >"$work/here"
sums "$tree" >"$work/there"
if ! diff "$work/here" "$work/there" >&2; then
  echo "reproducible: two builds differ" >&2
  exit 1
fi
cat "$work/here"
echo "reproducible: $(wc -l <"$work/here") files are equal in two builds"
