#!/bin/bash
# fresh.sh: proves that the committed bundle, web/dist, is what its sources and package-lock.json build.
#
# It builds in place, so that after a failure there is nothing left to do but to commit.
set -euo pipefail
cd "$(dirname "$0")/.."

git ls-files --error-unmatch web/dist/index.html >/dev/null 2>&1 ||
  { echo "fresh: web/dist is not committed" >&2; exit 1; }
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
cp -a web/dist/. "$before"
npm --prefix web run build </dev/null
if ! diff -rq "$before" web/dist >&2; then
  echo "fresh: web/dist was stale; it is built anew now: commit it" >&2
  exit 1
fi
echo "fresh: web/dist is what its sources build"
