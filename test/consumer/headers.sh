#!/usr/bin/env bash
# What the headers say to a program that they cannot serve. Run by `make test`.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# With an older standard, each header reports the one that it needs before anything else.
mapfile -t headers < <(find cpp/include/dbnloop -maxdepth 1 -name '*.hpp' -not -name '*.gen.hpp')
for header in "${headers[@]}"; do
  if c++ -std=c++20 -E -Icpp/include "$header" >"$work/out" 2>"$work/err" ||
    ! grep -m1 ' error: ' "$work/err" | grep -q 'dbnloop needs C++23'; then
    echo "headers: $header does not say that it needs C++23:" >&2
    cat "$work/err" >&2
    exit 1
  fi
done

# A handler that takes no record: the error lists what it may take.
if c++ -std=c++23 -fsyntax-only -Icpp/include test/consumer/bad_handler.cpp 2>"$work/err"; then
  echo "headers: OnRecord takes a handler of int" >&2
  exit 1
fi
[ "$(grep -c 'error:' "$work/err")" = 1 ] || { cat "$work/err" >&2; exit 1; }
for form in 'const TradeMsg&' 'std::span<const TradeMsg>' 'const WithTsOut<TradeMsg>&' \
  'std::span<const WithTsOut<TradeMsg>>' 'const Record&' 'const auto&' Overload; do
  grep 'error:' "$work/err" | grep -qF "$form" ||
    { echo "headers: the error does not name $form:" >&2; cat "$work/err" >&2; exit 1; }
done
echo "headers: ${#headers[@]} say that they need C++23; OnRecord says what it takes"
