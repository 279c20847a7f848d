#!/bin/bash
# step.sh NAME CMD [ARG...]: runs one step of a longer run and says how long it took; CMD's status is its own.
name=$1
shift
started=$SECONDS
printf '\n== %s\n' "$name"
"$@"
status=$?
[ $status -eq 0 ] && verdict=ok || verdict="FAILED ($status)"
printf '== %s: %s, %d s\n' "$name" "$verdict" $((SECONDS - started))
exit $status
