#!/bin/bash
# fuzz.sh TIME: runs every fuzz target of the module for TIME (3s, 10m). Fails when one finds something and when there is none.
#
# What was found is kept by Go in testdata/fuzz of the package: fix the cause and commit the file with the fix.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?TIME, for example 3s}

mapfile -t targets < <(grep -rEo --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Za-z0-9_]+\(' . |
  sed -E 's#^(.*)/[^/]+:func (Fuzz[A-Za-z0-9_]+)\($#\1 \2#' | sort -u)
[ ${#targets[@]} -gt 0 ] || { echo "fuzz: no fuzz target found" >&2; exit 1; }

# fuzz runs one target and leaves what it said in out. What was found interesting before is tried first, out of Go's cache;
# a target that gets no further in its time is given more of it.
fuzz() { # DIR NAME
  local t
  for t in "$time" 60s; do
    out=$(go test -run '^$' -fuzz "^$2\$" -fuzztime "$t" "$1" 2>&1) || return
    execs=$(grep -o 'execs: [0-9]*' <<<"$out" | tail -1)
    [ -z "$execs" ] || return 0
  done
  out+=$'\nnothing was executed'
  return 1
}

failed=()
for target in "${targets[@]}"; do
  read -r dir name <<<"$target"
  started=$SECONDS
  if fuzz "$dir" "$name"; then
    printf 'ok    %-44s %3d s  %s\n' "$dir $name" $((SECONDS - started)) "$execs"
  else
    printf 'FAIL  %s\n%s\n' "$dir $name" "$out"
    failed+=("$dir $name")
  fi
done
echo "fuzz: $((${#targets[@]} - ${#failed[@]})) passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ] || { printf 'fuzz: failed: %s\n' "${failed[@]}" >&2; exit 1; }
