#!/usr/bin/env bash
# Runs every fuzz target for SECONDS each: run.sh PROGRAM SECONDS. Called by `make fuzz`.
#
# The canary comes first and has to be found, else nothing found would mean nothing. What is found lies in fuzz-work/found
# beside the program, with the command that repeats it; put a minimised copy into tests/fuzz/corpus/<target>/.
set -euo pipefail
program=$(readlink -f "$1") seconds=$2
cd "$(dirname "$0")/../.."
work=$(dirname "$program")/fuzz-work
found=$work/found
mkdir -p "$found" "$work/seeds/merge"
export UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=detect_stack_use_after_return=1

# The events of each fixture folder are one set to fold.
for folder in fixtures/events/*/; do
  for file in "$folder"*.json; do
    case $file in *expected*) continue ;; esac
    printf '\036' && cat "$file"
  done >"$work/seeds/merge/$(basename "$folder")"
done

fuzz() { # TARGET SECONDS
  local target=$1 dictionary=tests/fuzz/json.dict seeds=(tests/fuzz/corpus/"$1")
  mkdir -p "$work/corpus/$target"
  case $target in
    body | decode) seeds+=(fixtures/events) ;;
    merge) seeds+=("$work/seeds/merge") ;;
    signature | head) dictionary=tests/fuzz/http.dict ;;
  esac
  FUZZ_TARGET=$target "$program" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
    -dict="$dictionary" -artifact_prefix="$found/$target-" "$work/corpus/$target" "${seeds[@]}" >"$work/$target.log" 2>&1
}

if fuzz canary 60; then
  echo "fuzz: the canary's bug was not found in 60 s: the search does not work" >&2
  exit 1
fi
rm -f "$found"/canary-*
failed=()
for target in $("$program" | grep -vx canary); do
  if fuzz "$target" "$seconds"; then
    awk -v target="$target" '/stat::number_of_executed_units/ {runs = $2} /stat::average_exec_per_sec/ {rate = $2}
      END {printf "fuzz: %-10s nothing found in %d inputs (%d a second)\n", target, runs, rate}' "$work/$target.log"
  else
    failed+=("$target")
    echo "fuzz: $target broke; repeat: FUZZ_TARGET=$target $program $found/$target-…" >&2
    tail -n 40 "$work/$target.log" >&2
  fi
done
[ ${#failed[@]} -eq 0 ]
