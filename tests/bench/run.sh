#!/usr/bin/env bash
# Every bench in turn, see the head of each; make bench runs this.
#
#   SHORT=1      small databases and few repeats, two minutes: a quick look, whose ratios mean little
#   BENCHES      which, default: ingest.py usage.sh export.sh console.sh
set -euo pipefail
cd "$(dirname "$0")"
if [ "${SHORT:-}" ]; then
  export SHORT RUNS=${RUNS:-50000} REPEATS=${REPEATS:-1} SECONDS_EACH=${SECONDS_EACH:-1} RESET_USERS=${RESET_USERS:-5000}
  export ONLY=${ONLY:-fill,recompute,rollup,writes,reset} # of usage.sh: not fresh, which waits for schedules
fi
for bench in ${BENCHES:-ingest.py usage.sh export.sh console.sh}; do
  "./$bench"
done
