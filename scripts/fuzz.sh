#!/usr/bin/env bash
# Runs every fuzz target, C++ (libFuzzer) and Go, SECONDS each, JOBS at a time, and says
# what each did. Fails when one found something.
#   scripts/fuzz.sh SECONDS JOBS [NAME]...     names: fuzz_url, ./dbn:FuzzDecoder; default: all
# In build/fuzz: corpus/NAME grows from run to run, log/NAME is what the target printed,
# found/NAME-* are inputs that failed. Go keeps those in its package's testdata/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/fuzz

# One target; its output goes to the log, one line to the terminal.
run_cpp() {
  local name=$1 seconds=$2 log=$out/log/$1
  mkdir -p "$out/corpus/$name"
  if "$out/test/fuzz/$name" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=60 \
    -print_final_stats=1 -artifact_prefix="$out/found/$name-" \
    "$out/corpus/$name" "test/fuzz/corpus/${name#fuzz_}" >"$log" 2>&1; then
    report ok "$name" "$(awk '/number_of_executed_units/ {print $2}' "$log")"
  else
    report FAILED "$name" "$(awk '/number_of_executed_units/ {print $2}' "$log")"
    echo "  $log; the input: $(sed -n 's/.*Test unit written to //p' "$log" | tail -1)"
    return 1
  fi
}

run_go() {
  local name=$1 seconds=$2 package=${1%:*} target=${1#*:} log
  log=$out/log/$(basename "$(realpath "$package")")-$target
  if scripts/go.sh test -run '^$' -fuzz "^$target\$" -fuzztime "${seconds}s" -fuzzminimizetime 1s \
    -parallel 1 "$package" >"$log" 2>&1; then
    report ok "$name" "$(executions "$log")"
  else
    report FAILED "$name" "$(executions "$log")"
    echo "  $log; the input: $(sed -n "s|.*Failing input written to |$package/|p" "$log" | tail -1)"
    return 1
  fi
}

executions() { sed -n 's/.*execs: \([0-9]*\) .*/\1/p' "$1" | tail -1; }
report() { printf '%-7s %-34s %12s executions\n' "$1" "$2" "${3:-0}"; }

if [ "$1" = --one ]; then
  case $3 in
    fuzz_*) run_cpp "$3" "$2" ;;
    *) run_go "$3" "$2" ;;
  esac
  exit
fi

seconds=$1 jobs=$2
shift 2
mkdir -p $out/{corpus,log,found}
names=("$@")
if [ $# -eq 0 ]; then
  for source in test/fuzz/fuzz_*.cpp; do names+=("$(basename "$source" .cpp)"); done
  for file in $(git grep -l '^func Fuzz' -- '*_test.go'); do
    folder=$(dirname "./$file")
    for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
      names+=("$folder:$target")
    done
  done
fi
# xargs ends with 123 when one of them failed, and runs the others all the same.
printf '%s\n' "${names[@]}" | xargs -P "$jobs" -I{} "$0" --one "$seconds" {}
