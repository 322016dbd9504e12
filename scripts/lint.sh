#!/usr/bin/env bash
# Every check that needs no test run. Each prints its own findings; all run.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0
check() { # name command...; the command's status 77 means that it could not run
  local name=$1 status=0
  shift
  output=$("$@" 2>&1) || status=$?
  if [ $status -eq 77 ]; then
    echo "lint: $name NOT RUN: $output"
  elif [ $status -eq 0 ] && [ -z "${quiet_output:-}" -o -z "$output" ]; then
    echo "lint: $name ok"
  else
    printf 'lint: %s FAILED\n%s\n' "$name" "$output"
    failed=1
  fi
}

mapfile -t cxx < <(git ls-files '*.hpp' '*.cpp' '*.h' '*.c' | grep -v '\.gen\.[ch]pp$')
mapfile -t cxx_units < <(git ls-files 'cpp/src/*.cpp' 'capi/src/*.cpp' | grep -v '\.gen\.cpp$')

quiet_output=1 check gofmt gofmt -l $(git ls-files '*.go')
check clang-format clang-format-19 --dry-run -Werror "${cxx[@]}"
# Both modules, as the workspace joins them. The tools' own module stays out of it, so that it
# decides no version of the programs' dependencies.
packages=(./... ./cmd/...)
GOWORK=off go build -modfile=tools/go.mod -o build/tools/ \
  honnef.co/go/tools/cmd/staticcheck golang.org/x/vuln/cmd/govulncheck || exit 1
export GOFLAGS
GOFLAGS=$(scripts/go.sh env GOFLAGS) # for tools that call go
check "go vet" go vet "${packages[@]}"
# What needs no C++ compiles without one, and elsewhere too.
portable() {
  local os
  CGO_ENABLED=0 go build ./dbn/... ./gateway/... ./sim/... || return 1
  for os in darwin windows freebsd; do
    GOOS=$os CGO_ENABLED=0 go vet ./dbn/... ./gateway/... ./sim/... ./cmd/dbn-sim || return 1
  done
}
check "other systems" portable
check staticcheck build/tools/staticcheck "${packages[@]}"
check "go mod tidy" scripts/tidy.sh -diff
check "go mod verify" go mod verify
check words scripts/words.pl
# The pages have no date, so that each build makes the same.
manual() {
  local directory=build/man
  rm -rf "$directory"
  for program in dbn-tail dbn-sim dbn-relay; do
    go run "./cmd/$program" man "$directory" || return 1
  done
  local findings
  command -v mandoc >/dev/null || { echo "mandoc is missing"; return 1; }
  findings=$(mandoc -T lint -W warning "$directory"/*.1 | grep -v 'missing date')
  [ -z "$findings" ] || { echo "$findings"; return 1; }
}
check manual manual
mkdir -p build/docs
check doxygen doxygen docs/doxygen/Doxyfile
# Known faults in what we depend on. A machine that cannot ask the database cannot tell:
# that is said, and is no failure. Anything else is.
vulnerabilities() {
  local output
  output=$(build/tools/govulncheck "${packages[@]}" 2>&1) && return
  if grep -q 'fetching vulnerabilities' <<<"$output"; then
    echo "its database cannot be reached"
    return 77
  fi
  echo "$output"
  return 1
}
check govulncheck vulnerabilities
# TIDY_COMMITS=N reads only the sources of the last N commits that changed any.
if [ -n "${TIDY_COMMITS:-}" ]; then
  mapfile -t cxx_units < <(git log -n "$TIDY_COMMITS" --format= --name-only -- 'cpp/src/*.cpp' 'capi/src/*.cpp' |
    grep -v '\.gen\.cpp$' | sort -u | while read -r unit; do [ ! -e "$unit" ] || echo "$unit"; done)
fi
# The Debug build compiles each source by itself; it is only configured here. The largest files
# come first, so that no core waits for the last one.
scripts/configure.sh dev || exit 1
tidy() { [ $# -eq 0 ] || ls -S -- "$@" | xargs -P "$(nproc)" -n 1 clang-tidy-19 --quiet -p build/dev; }
check clang-tidy tidy "${cxx_units[@]}"
exit $failed
