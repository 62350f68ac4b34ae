#!/bin/sh
# krkn: record around a run of it, whatever its scenarios are, and exit with the verdict.
#     KRKN="python run_kraken.py --config config.yaml" URL=http://example.com/demo deploy/recipes/krkn.sh run.zdtrace -n shop
# Words after the recording's name go to `zdtrace record`.
set -eu
recording=$1
shift
zdtrace record -o "$recording" --probe "$URL" "$@" &
recorder=$!
# It says "recording …" when it listens; a scenario that begins earlier is not seen from its beginning.
sleep "${LISTENS_AFTER:-5}"
code=0
${KRKN:-krkn run} || code=$?
kill -INT "$recorder"
wait "$recorder" || true
zdtrace analyze "$recording"
exit "$code"
