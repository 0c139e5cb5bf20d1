#!/usr/bin/env bash
# Bench of the console: how soon a browser shows a page, and how much of it comes over the wire.
#
#   tests/bench/console.sh          needs build/billsync, chromium, chromedriver, python3; prints a table, writes
#                                   build/bench/console.json
#
# USERS     with 12 invoices each, default 100000; SHORT=1: 5000. The rollups are those of ten million runs: pages read
#           them and never a run.
# REPEATS   visits of each page once it is warm, default 5 (SHORT=1: 2), of which the median counts
#
# "first visit" comes right after PostgreSQL and billsync were started: PostgreSQL's own cache is empty, the machine's is
# not. A paint is first-contentful-paint and the last largest-contentful-paint, from the request on; the browser's cache is
# off. Pages are made by the server, so what is painted first has its figures and tables; charts follow.
set -euo pipefail
cd "$(dirname "$0")/../.."
USERS=${USERS:-$([ -n "${SHORT:-}" ] && echo 5000 || echo 100000)}
REPEATS=${REPEATS:-$([ -n "${SHORT:-}" ] && echo 2 || echo 5)}
readonly here=tests/bench/console out=build/bench
readonly cluster=$PWD/$out/console-cluster billsync=$PWD/build/billsync token=console-bench-token
readonly pages=(/ /usage '/usage?user=user00001' /invoices '/invoices?q=user0000500' /subscriptions /users '/users?q=user00999'
  /events?status=parked /periods /jobs)
mkdir -p "$out"
: >"$out/console.lines"

cluster() { config/postgres-cluster.sh "$1" "$cluster"; }
url() { cluster url | sed "s,@/billsync,@/$1,"; }
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$(url "$1")" "${@:2}"; }
say() { printf '%s\n' "$*" >&2; }

# One line of the table: figure, plain (nothing here), ours, ratio to the goal, goal.
line() {
  printf '%s|-|%s|%s|%s\n' "$1" "$2" "$3" "$4" >>"$out/console.lines"
  say "$1: $2 ($3; goal $4)"
}
share() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }

serve=
stop_serve() {
  [ -z "$serve" ] || { kill "$serve"; wait "$serve" || true; }
  serve=
}
finish() {
  stop_serve
  sql billsync -c 'DROP DATABASE IF EXISTS console' || true
  cluster stop
}
start_serve() { # on free ports, told in its log, which is there before the program is
  : >"$out/console-serve.log"
  DATABASE_URL=$(url console) STRIPE_WEBHOOK_SECRET=whsec_console_bench BILLSYNC_ADMIN_TOKEN=ops=$token \
    BILLSYNC_LISTEN=127.0.0.1:0 BILLSYNC_ADMIN_LISTEN=127.0.0.1:0 "$billsync" serve 2>"$out/console-serve.log" &
  serve=$!
  for ((i = 0; i < 600; i++)); do
    base=$(sed -n 's,.*"admin_port":\([0-9]*\).*,http://127.0.0.1:\1,p' "$out/console-serve.log")
    [ -z "$base" ] || return 0
    kill -0 "$serve" || break
    sleep 0.1
  done
  say "billsync did not start: $(cat "$out/console-serve.log")"
  exit 1
}
look() { python3 $here/pages.py "$(command -v chromedriver)" "$base" $token "$@"; }

say "making $USERS users and $((USERS * 12)) invoices …"
cluster start >/dev/null
trap finish EXIT
sql billsync -c 'DROP DATABASE IF EXISTS console' -c 'CREATE DATABASE console'
DATABASE_URL=$(url console) "$billsync" migrate >/dev/null 2>&1
sql console -v users="$USERS" -f $here/platform.sql
sql console -c 'VACUUM ANALYZE'

cluster stop >/dev/null
cluster start >/dev/null
start_serve
IFS='|' read -r _ first last weight < <(look 1 /)
line "overview, first visit: first meaningful paint, ms" "$first" "$(share "$first" 1000)" "≤ 1000"
line "… last paint, charts drawn, ms" "$last" "$(share "$last" 1000)" -
line "… compressed, KiB" "$((weight / 1024))" "$(share "$weight" 409600)" "≤ 400"
while IFS='|' read -r path first last weight; do
  line "$path: first meaningful paint, ms" "$first" "$(share "$first" 1000)" "$([ "$path" = / ] && echo '≤ 1000' || echo -)"
  line "… last paint, ms" "$last" "$(share "$last" 1000)" -
  line "… compressed, KiB" "$((weight / 1024))" "$(share "$weight" 409600)" "≤ 400"
done < <(look "$REPEATS" "${pages[@]}")
[ "$(grep -c '^/' "$out/console.lines")" = ${#pages[@]} ] || { say "not every page was measured"; exit 1; }

facts="$(nproc) processors, $(awk '/MemTotal/ {print int($2 / 1048576) " GiB"}' /proc/meminfo), PostgreSQL $(sql console -c 'SHOW server_version')"
{
  printf '{"machine": "%s", "users": %s, "figures": [\n' "$facts" "$USERS"
  awk -F'|' '{printf "%s  {\"figure\": \"%s\", \"plain\": \"%s\", \"ours\": \"%s\", \"ratio\": \"%s\", \"goal\": \"%s\"}", (NR > 1 ? ",\n" : ""), $1, $2, $3, $4, $5}' "$out/console.lines"
  printf '\n]}\n'
} >"$out/console.json"
printf '\n| figure | plain | ours | ratio | goal |\n|---|---|---|---|---|\n'
awk -F'|' '{printf "| %s | %s | %s | %s | %s |\n", $1, $2, $3, $4, $5}' "$out/console.lines"
printf '\n%s\n' "$facts"
