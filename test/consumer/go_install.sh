#!/usr/bin/env bash
# Installs the programs as somebody does who has no checkout, and as somebody in a checkout
# does. For the former a directory serves as module proxy; it holds both modules of this tree
# under the version that is released next. PKG_CONFIG_PATH names the installed library.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
library=github.com/dbnloop/dbnloop
version=v$(awk '/^project.dbnloop VERSION/ {print $3}' CMakeLists.txt)
complain() {
  echo "consumer go install: $1" >&2
  exit 1
}

# One version in three places: what is released, what the programs require, and what the
# workspace replaces.
grep -qE "^	$library $version\$" cmd/go.mod ||
  complain "cmd/go.mod must require $library $version, the version of CMakeLists.txt"
grep -qE "^replace $library $version => ./\$" go.work ||
  complain "go.work must replace $library $version, the version of CMakeLists.txt"
if grep -qE '^replace|^	.* => ' cmd/go.mod; then
  complain "cmd/go.mod must not replace anything: go install …@$version would refuse it"
fi

# As a proxy serves it: the files of a directory without those of the modules below it.
serve() { # module directory
  local module=$1 dir=$2 nested exclude=() stage=$work/stage
  local served=$work/proxy/$module/@v
  mkdir -p "$served" "$stage/$module@$version"
  while read -r nested; do
    exclude+=(--exclude "$(dirname "$nested")")
  done < <(cd "$dir" && find . -mindepth 2 -name go.mod -not -path './build/*')
  tar -C "$dir" --exclude ./.git --exclude ./build --exclude ./dist "${exclude[@]}" -c . |
    tar -C "$stage/$module@$version" -x
  (cd "$stage" && find "$module@$version" -type f | sort >"$work/files" &&
    cmake -E tar cf "$served/$version.zip" --format=zip --files-from="$work/files")
  rm -rf "$stage"
  cp "$dir/go.mod" "$served/$version.mod"
  printf '{"Version":"%s","Time":"2026-01-01T00:00:00Z"}\n' "$version" >"$served/$version.info"
  echo "$version" >"$served/list"
}
serve $library .
serve $library/cmd cmd

# Everything else comes from what the build has downloaded; nothing is asked of the network.
downloaded=$(go env GOMODCACHE)/cache/download
mkdir "$work/outside"
(
  cd "$work/outside"
  export GOPROXY="file://$work/proxy,file://$downloaded" GOSUMDB=off GOFLAGS=-modcacherw
  export GOMODCACHE=$work/modules GOBIN=$work/outside
  go install -tags dbnloop_pkgconfig "$library/cmd/dbn-tail@latest" 2>"$work/log" &&
    CGO_ENABLED=0 go install "$library/cmd/dbn-sim@latest" 2>>"$work/log" ||
    { cat "$work/log" >&2; exit 1; }
)
for program in dbn-tail dbn-sim; do
  printed=$("$work/outside/$program" --version)
  [ "${printed##* }" = "$version" ] || complain "$printed: the version must be $version"
done

mkdir "$work/inside"
GOBIN=$work/inside scripts/go.sh install ./cmd/dbn-tail ./cmd/dbn-sim
"$work/inside/dbn-tail" --version >/dev/null
echo "consumer go install: $("$work/outside/dbn-tail" --version), outside and inside a checkout"
