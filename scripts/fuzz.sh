#!/bin/bash
# fuzz.sh [--fresh] TIME: runs every fuzz target of the module for TIME (3s, 10m), one on each core. Fails when one finds something, when
# one executes nothing and when there is none.
#
# --fresh begins with the seeds alone instead of all that was found interesting before, which takes longer each time.
# What was found wrong is kept by Go in testdata/fuzz of the package: fix the cause and commit the file with the fix.
set -euo pipefail
cd "$(dirname "$0")/.."
export FRESH=""
if [ "${1:-}" = --fresh ]; then
  FRESH=$(mktemp -d)
  trap 'rm -rf "$FRESH"' EXIT
  shift
fi
export TIME=${1:?TIME, for example 3s}

# one runs one target. One that gets no further than its seeds is given more time.
one() { # DIR NAME
  local started=$SECONDS t out execs="" quick=()
  # making an interesting input smaller may take a minute: not in a run of seconds
  [ -z "$FRESH" ] || quick=(-fuzzminimizetime 10x -args "-test.fuzzcachedir=$FRESH/$2")
  for t in "$TIME" 15s 60s; do
    out=$(go test -run '^$' -fuzz "^$2\$" -fuzztime "$t" -parallel 1 "$1" "${quick[@]}" 2>&1) || break
    execs=$(grep -o 'execs: [0-9]*' <<<"$out" | tail -1)
    if [ -n "$execs" ]; then
      printf 'ok    %-44s %3d s  %s\n' "$1 $2" $((SECONDS - started)) "$execs"
      return 0
    fi
  done
  printf 'FAIL  %s\n%s\n' "$1 $2" "$out"
  return 1
}
export -f one

targets=$(grep -rEo --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Za-z0-9_]+\(' . |
  sed -E 's#^(.*)/[^/]+:func (Fuzz[A-Za-z0-9_]+)\($#\1 \2#' | sort -u) || true
[ -n "$targets" ] || { echo "fuzz: no fuzz target found" >&2; exit 1; }

if xargs -P "$(nproc)" -L 1 bash -c 'one "$@"' _ <<<"$targets"; then
  echo "fuzz: $(wc -l <<<"$targets") passed, 0 failed"
else
  echo "fuzz: some of $(wc -l <<<"$targets") targets failed, see FAIL above" >&2
  exit 1
fi
