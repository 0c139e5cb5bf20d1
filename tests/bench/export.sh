#!/usr/bin/env bash
# Bench of exports: what a file costs against what PostgreSQL itself takes for the same columns, in one run on one machine.
#
#   tests/bench/export.sh           needs build/billsync and python3; prints a table, writes build/bench/export.json
#
# ROWS      usage rows of one month, default 1000000; SHORT=1: 50000
# REPEATS   of each pair, interleaved, default 5 (SHORT=1: 3)
#
# A private PostgreSQL with durable settings and a database of its own, which is dropped at the end. Time is the median
# of whole runs of the program, connecting included. Memory is the peak of the program's resident set, less the peak of
# exporting an empty month; a peak below the 15 MiB of the Python that starts it is shown as that.
set -euo pipefail
cd "$(dirname "$0")/../.."
ROWS=${ROWS:-$([ -n "${SHORT:-}" ] && echo 50000 || echo 1000000)}
REPEATS=${REPEATS:-$([ -n "${SHORT:-}" ] && echo 3 || echo 5)}
readonly out=build/bench
readonly cluster=$PWD/$out/export-cluster billsync=$PWD/build/billsync
mkdir -p "$out"
: >"$out/export.lines"

cluster() { config/postgres-cluster.sh "$1" "$cluster"; }
url() { cluster url | sed "s,@/billsync,@/$1,"; }
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$(url "$1")" "${@:2}"; }
say() { printf '%s\n' "$*" >&2; }
median() { sort -n | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }

# "milliseconds kilobytes" that a command takes, and its largest resident set.
measured() {
  python3 -c '
import resource, subprocess, sys, time
begun = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(round((time.monotonic() - begun) * 1000), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$@"
}

# One line of the table: figure, plain, ours, ratio or growth, goal.
line() {
  printf '%s|%s|%s|%s|%s\n' "$@" >>"$out/export.lines"
  say "$1: $2 → $3 ($4; goal $5)"
}

say "making $ROWS users with a row of usage each …"
cluster start >/dev/null
trap 'sql billsync -c "DROP DATABASE IF EXISTS exports" || true; cluster stop' EXIT
sql billsync -c 'DROP DATABASE IF EXISTS exports' -c 'CREATE DATABASE exports'
DATABASE_URL=$(url exports) "$billsync" migrate >/dev/null 2>&1
sql exports -v rows="$ROWS" <<'SQL'
SET session_replication_role = replica;
INSERT INTO users (id, email, full_name, plan_tier)
SELECT md5('user' || n)::uuid, 'user' || n || '@example.com', 'User Number ' || n,
       (ARRAY['free', 'pro', 'enterprise'])[1 + n % 3]::plan_tier
FROM generate_series(1, :rows) n;
INSERT INTO billing_usage_by_model (month, user_id, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs,
                                    tokens, cost_usd)
SELECT '2024-03-01', md5('user' || n)::uuid, m.model, n % 90, n % 7, n % 3, 0, n * 11, (n % 10007) * m.price
FROM generate_series(1, :rows) n
CROSS JOIN (VALUES ('gpt-4o', 0.0025), ('claude-sonnet', 0.0031), ('llama3', 0.0004)) m (model, price);
INSERT INTO billing_usage (user_id, period_start, period_end, total_runs, failed_runs, cancelled_runs, unpriced_runs,
                           total_tokens, total_cost_usd, total_cost_exact_usd, cost_breakdown, rolled_up_at)
SELECT b.user_id, b.month, '2024-04-01', sum(b.completed_runs), sum(b.failed_runs), sum(b.cancelled_runs), 0,
       sum(b.tokens), round(sum(b.cost_usd), 2), sum(b.cost_usd), jsonb_object_agg(b.model, b.cost_usd), now()
FROM billing_usage_by_model b GROUP BY b.user_id, b.month;
SET session_replication_role = origin;
SQL
sql exports -c 'VACUUM ANALYZE users' -c 'VACUUM ANALYZE billing_usage' -c 'VACUUM ANALYZE billing_usage_by_model'

files=$(mktemp -d "$PWD/$out/files-XXXXXX")
readonly files
trap 'rm -rf "$files"; sql billsync -c "DROP DATABASE IF EXISTS exports" || true; cluster stop' EXIT
export DATABASE_URL
DATABASE_URL=$(url exports)
ours() { measured "$billsync" export usage --period "$1" --format "$2" --layout "${3:-breakdown}" --output "$files/$2-${3:-}$1"; }
plain() {
  measured psql -X -q "$(url exports)" -c "\\copy (SELECT to_char(b.period_start, 'YYYY-MM') AS period, b.user_id, u.email, u.full_name, u.plan_tier, b.total_runs, b.failed_runs, b.cancelled_runs, b.unpriced_runs, b.total_tokens, b.total_cost_usd::numeric(30, 2) AS total_cost_usd, b.total_cost_exact_usd::numeric(30, 6) AS total_cost_exact_usd, b.cost_breakdown FROM billing_usage b JOIN users u ON u.id = b.user_id WHERE b.period_start >= '2024-03-01' AND b.period_start < '2024-04-01' ORDER BY b.user_id, b.period_start) TO '$files/plain.csv' WITH (FORMAT csv, HEADER)"
}

empty=$(ours 2024-01 csv | cut -d' ' -f2)
empty_xlsx=$(ours 2024-01 xlsx | cut -d' ' -f2)
: >"$out/plain" ; : >"$out/ours"
for ((i = 0; i < REPEATS; i++)); do
  plain >>"$out/plain"
  ours 2024-03 csv >>"$out/ours"
done
p=$(cut -d' ' -f1 "$out/plain" | median)
o=$(cut -d' ' -f1 "$out/ours" | median)
line "$ROWS usage rows to CSV, ms" "$p" "$o" "$(ratio "$o" "$p")" "≤ 1.5"
grown=$(($(cut -d' ' -f2 "$out/ours" | sort -n | tail -1) - empty))
line "… resident set, KiB" "$empty" "$((empty + grown))" "+$((grown / 1024)) MiB" "≤ 64 MiB"
if [ "$(wc -l <"$files/plain.csv")" != "$(wc -l <"$files/csv-2024-03/usage-2024-03.csv")" ]; then
  say "the two files have not the same number of rows"
  exit 1
fi
for format in xlsx jsonl; do
  read -r took peak < <(ours 2024-03 $format)
  base=$empty; [ $format = xlsx ] && base=$empty_xlsx
  line "$ROWS usage rows to $format, ms" "$p" "$took" "$(ratio "$took" "$p")" -
  line "… resident set, KiB" "$base" "$peak" "+$(((peak - base) / 1024)) MiB" "≤ 64 MiB"
done
for layout in wide long; do
  read -r took peak < <(ours 2024-03 csv $layout)
  line "$ROWS usage rows of 3 models to CSV, layout $layout, ms" "$p" "$took" "$(ratio "$took" "$p")" -
  line "… resident set, KiB" "$empty" "$peak" "+$(((peak - empty) / 1024)) MiB" "≤ 64 MiB"
done

facts="$(nproc) processors, $(awk '/MemTotal/ {print int($2 / 1048576) " GiB"}' /proc/meminfo), PostgreSQL $(sql exports -c 'SHOW server_version')"
{
  printf '{"machine": "%s", "rows": %s, "figures": [\n' "$facts" "$ROWS"
  awk -F'|' '{printf "%s  {\"figure\": \"%s\", \"plain\": \"%s\", \"ours\": \"%s\", \"ratio\": \"%s\", \"goal\": \"%s\"}", (NR > 1 ? ",\n" : ""), $1, $2, $3, $4, $5}' "$out/export.lines"
  printf '\n]}\n'
} >"$out/export.json"
printf '\n| figure | plain | ours | ratio | goal |\n|---|---|---|---|---|\n'
awk -F'|' '{printf "| %s | %s | %s | %s | %s |\n", $1, $2, $3, $4, $5}' "$out/export.lines"
printf '\n%s\n' "$facts"
