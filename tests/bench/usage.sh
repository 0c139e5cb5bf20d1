#!/usr/bin/env bash
# Bench of usage: what counting costs, against what PostgreSQL itself costs, in one run on one machine.
#
#   tests/bench/usage.sh            needs build/billsync; prints a table, writes build/bench/usage.json
#
# RUNS      history of the large database, default 10000000
# SMALL     history of the small one, default RUNS / 10
# USERS     20000, few of whom run most
# SECONDS_EACH  of each pgbench run, default 10 · REPEATS of each pair, interleaved, default 5 · CLIENTS 8
# RESET_USERS   users due at once, default 1000000; each had a reset a month ago
# RESET_RATE    reads and updates of users a second meanwhile, default 500: at a rate, since a load that keeps both cores busy
#               would measure its own queue
# ONLY      a comma separated choice of: fill, recompute, rollup, fresh, writes, reset
#
# "recomputation, nothing to mend" and "from nothing" are both of a month whose runs are all read: the first compares, the
# second writes every row of the month as well.
#
# A private PostgreSQL with durable settings (fsync, synchronous_commit, full_page_writes on), and with the memory of a server
# that holds a million users (shared_buffers 1 GB, max_wal_size 8 GB). Every figure is a ratio of
# medians, plain case first, both taken in turns.
set -euo pipefail
cd "$(dirname "$0")/../.."
RUNS=${RUNS:-10000000} SMALL=${SMALL:-$((RUNS / 10))} USERS=${USERS:-20000} SECONDS_EACH=${SECONDS_EACH:-10}
REPEATS=${REPEATS:-5} CLIENTS=${CLIENTS:-8} RESET_USERS=${RESET_USERS:-1000000} RESET_RATE=${RESET_RATE:-500}
ONLY=${ONLY:-fill,recompute,rollup,fresh,writes,reset}
readonly here=tests/bench/usage out=build/bench
readonly cluster=$PWD/$out/cluster billsync=$PWD/build/billsync
mkdir -p "$out"
: >"$out/usage.lines"

cluster() { config/postgres-cluster.sh "$1" "$cluster"; }
url() { cluster url | sed "s,@/billsync,@/$1,"; }
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$(url "$1")" "${@:2}"; }
program() { DATABASE_URL=$(url "$1") "$billsync" "${@:2}"; }
wanted() { case ",$ONLY," in *",$1,"*) return 0 ;; *) return 1 ;; esac; }
say() { printf '%s\n' "$*" >&2; }

now_ms() { date +%s%3N; }
# Milliseconds that a command takes.
timed() {
  local begun
  begun=$(now_ms)
  "$@" >/dev/null
  echo $(($(now_ms) - begun))
}
median() { sort -n | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }

# One line of the table: figure, plain, ours, ratio, goal.
line() {
  printf '%s|%s|%s|%s|%s\n' "$@" >>"$out/usage.lines"
  say "$1: $2 → $3 ($4; goal $5)"
}

make_database() { # name, runs: the platform as found, with history
  say "making $1 with $2 runs …"
  sql billsync -c "DROP DATABASE IF EXISTS $1" -c "CREATE DATABASE $1"
  psql -X -q "$(url "$1")" -f fixtures/platform/as-found.sql >/dev/null 2>&1 || true
  sql "$1" -v users="$USERS" -v runs="$2" -f $here/history.sql
  sql "$1" -c 'VACUUM ANALYZE agent_runs' -c 'VACUUM ANALYZE users'
}

migrate() {
  local status=0
  program "$1" migrate >/dev/null || status=$?
  [ $status -eq 0 ] || [ $status -eq 3 ] || exit $status
  # 3: the table is large, and this index is left to its owner; the warning says how.
  sql "$1" -c "CREATE INDEX IF NOT EXISTS idx_agent_runs_overnight ON agent_runs (user_id, completed_at)
               WHERE status = 'completed' AND (created_at IS NULL
                   OR (completed_at AT TIME ZONE 'UTC')::date > (created_at AT TIME ZONE 'UTC')::date)" \
    -c 'DROP INDEX IF EXISTS idx_agent_runs_completed'
  sql "$1" -c 'VACUUM ANALYZE billing_usage' -c 'VACUUM ANALYZE billing_usage_by_model'
}

readonly month="date_trunc('month', now() - interval '3 months')"
# count(t), not count(*): what nobody reads of a subquery PostgreSQL does not compute, and the sums are the point.
bare() {
  sql "$1" -c "SELECT count(t) FROM (SELECT user_id, model_used, count(*), sum(cost_usd), sum(tokens_total) FROM agent_runs
    WHERE created_at >= $month AND created_at < $month + interval '1 month'
      AND status IN ('completed', 'failed', 'cancelled') GROUP BY user_id, model_used OFFSET 0) t"
}
month_name() { sql "$1" -c "SELECT to_char($month, 'YYYY-MM')"; }
forget_month() {
  sql "$1" -c "DELETE FROM billing_usage_by_model WHERE month = $month::date" \
    -c "DELETE FROM billing_usage_by_day WHERE day >= $month::date AND day < $month::date + interval '1 month'" \
    -c "DELETE FROM billing_usage WHERE period_start = $month::date" \
    -c 'VACUUM billing_usage_by_model, billing_usage_by_day, billing_usage'
}

bench_fill() {
  make_database large "$RUNS"
  program large migrate --check >/dev/null || true
  local took
  took=$(timed program large migrate)
  line "migrate and first fill of $RUNS runs, s" - "$(ratio "$took" 1000)" - -
}

bench_recompute() {
  local i name bares=() checks=() agains=() fulls=()
  name=$(month_name large)
  for ((i = 0; i < REPEATS; i++)); do
    bares+=("$(timed bare large)")
    checks+=("$(timed program large verify usage --period "$name")")
    agains+=("$(timed program large rollup --full --period "$name")")
    forget_month large
    fulls+=("$(timed program large rollup --full --period "$name")")
  done
  local b c a f
  a=$(printf '%s\n' "${agains[@]}" | median)
  b=$(printf '%s\n' "${bares[@]}" | median)
  c=$(printf '%s\n' "${checks[@]}" | median)
  f=$(printf '%s\n' "${fulls[@]}" | median)
  line "drift check of a month of $RUNS runs, ms" "$b" "$c" "$(ratio "$c" "$b")" "≤ 1.3"
  line "recomputation of that month, nothing to mend, ms" "$b" "$a" "$(ratio "$a" "$b")" "≤ 2.0"
  line "recomputation and publication of that month from nothing, ms" "$b" "$f" "$(ratio "$f" "$b")" "≤ 2.0"
}

add_runs() { # database, count: into the current month
  sql "$1" -v users="$USERS" -c "INSERT INTO agent_runs (agent_id, team_id, user_id, input, status, completed_at, model_used, tokens_total, cost_usd)
    SELECT '00000000-0000-4000-8000-200000000001', '00000000-0000-4000-8000-100000000001',
           md5('user' || (1 + floor($USERS * power(random(), 3)))::int)::uuid,
           'x', 'completed', now(), 'gpt-4o', 10, 0.01 FROM generate_series(1, $2)"
}

bench_rollup() {
  make_database small "$SMALL"
  migrate small
  local i small=() large=()
  for ((i = 0; i < REPEATS + 1; i++)); do
    for name in small large; do
      add_runs "$name" 10000
      local took
      took=$(timed program "$name" rollup)
      [ "$i" -eq 0 ] || eval "$name+=($took)" # the first one makes the month's rows
    done
  done
  local s l
  s=$(printf '%s\n' "${small[@]}" | median)
  l=$(printf '%s\n' "${large[@]}" | median)
  line "rollup of 10,000 new runs at $SMALL and at $RUNS, ms" "$s" "$l" "$(ratio "$l" "$s")" "≤ 1.15"
}

# p99 of the time from commit to billing_usage, one run every 50 ms.
freshness() { # seconds between rollups
  local config=$out/fresh.toml
  sed '/^\[jobs\]/,/^$/d' fixtures/demo/billsync.toml >"$config"
  printf '\n[jobs]\nrollup_every_s = %s\n' "$1" >>"$config"
  DATABASE_URL=$(url large) STRIPE_WEBHOOK_SECRET=whsec_bench BILLSYNC_LISTEN=127.0.0.1:0 \
    "$billsync" --config "$config" serve >/dev/null 2>"$out/serve.log" &
  local pid=$!
  sleep 3
  sql large -c "CREATE TABLE IF NOT EXISTS bench_fresh (ms numeric)" -c 'TRUNCATE bench_fresh'
  sql large >/dev/null <<SQL
DO \$\$
DECLARE
    begun timestamptz;
    before bigint;
    seen bigint;
BEGIN
    FOR i IN 1..$((SECONDS_EACH * 4)) LOOP
        SELECT coalesce(sum(total_runs), 0) INTO before FROM billing_usage
        WHERE user_id = md5('user2')::uuid AND period_start = date_trunc('month', now())::date;
        INSERT INTO agent_runs (agent_id, team_id, user_id, input, status, completed_at, cost_usd)
        VALUES ('00000000-0000-4000-8000-200000000001', '00000000-0000-4000-8000-100000000001',
                md5('user2')::uuid, 'x', 'completed', now(), 0.01);
        COMMIT;
        begun := clock_timestamp();
        LOOP
            SELECT coalesce(sum(total_runs), 0) INTO seen FROM billing_usage
            WHERE user_id = md5('user2')::uuid AND period_start = date_trunc('month', now())::date;
            COMMIT;
            EXIT WHEN seen > before OR clock_timestamp() > begun + interval '30 seconds';
            PERFORM pg_sleep(0.01);
        END LOOP;
        INSERT INTO bench_fresh VALUES (extract(epoch FROM clock_timestamp() - begun) * 1000);
        COMMIT;
        PERFORM pg_sleep(random() * 0.3);
    END LOOP;
END;
\$\$;
SQL
  kill "$pid"
  wait "$pid" || true
  sql large -c 'SELECT round(percentile_disc(0.99) WITHIN GROUP (ORDER BY ms)) FROM bench_fresh'
}

bench_fresh() {
  line "commit to billing_usage, default schedule, p99 ms" - "$(freshness 2)" - "≤ 5000"
  line "commit to billing_usage, every 0.2 s, p99 ms" - "$(freshness 0.2)" - "≤ 1000"
}

# Transactions a second of a script against a database.
throughput() { # database, script, clients
  pgbench -n -M prepared -c "$3" -j 2 -T "$SECONDS_EACH" -D users="$USERS" -f "$here/$2.sql" "$(url "$1")" 2>/dev/null |
    sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}

bench_writes() {
  make_database found "$SMALL"
  make_database ours "$SMALL"
  migrate ours
  local kind clients i
  for kind in life bulk; do
    clients=$CLIENTS
    [ $kind = life ] || clients=1
    local plain=() counted=()
    throughput found $kind "$clients" >/dev/null # warm: pages and plans
    throughput ours $kind "$clients" >/dev/null
    for ((i = 0; i < REPEATS; i++)); do
      sql billsync -c CHECKPOINT
      plain+=("$(throughput found $kind "$clients")")
      sql billsync -c CHECKPOINT
      counted+=("$(throughput ours $kind "$clients")")
      program ours rollup >/dev/null
    done
    local p c goal='≤ 1.20'
    [ $kind = life ] || goal='≤ 1.15'
    p=$(printf '%s\n' "${plain[@]}" | median)
    c=$(printf '%s\n' "${counted[@]}" | median)
    if [ $kind = life ]; then
      line "a run's life (queued, running, completed), $clients clients, lives/s" "$p" "$c" "$(ratio "$p" "$c")" "$goal"
    else
      line "1,000 runs in one statement, statements/s" "$p" "$c" "$(ratio "$p" "$c")" "$goal"
    fi
  done
}

# Reads and updates of single users at a rate, a line each in the log: milliseconds, and when it ended.
users_load() { # seconds, log
  rm -f "$2".*
  pgbench -n -M prepared -c 4 -j 1 -T "$1" -R "$RESET_RATE" -D users="$RESET_USERS" -f $here/users.sql -l --log-prefix="$2" "$(url reset)" >/dev/null 2>&1
}
# p99 of the load beside as many processes as there are processors, which do nothing but use them.
busy_machine_p99() {
  local i
  for ((i = 0; i < $(nproc); i++)); do timeout "$SECONDS_EACH" sh -c 'while :; do :; done' & done
  users_load "$SECONDS_EACH" "$PWD/$out/floor"
  wait
  users_p99 "$out/floor" 99999999999
}
users_p99() { # log, seconds since 1970: what ended later does not count
  cat "$1".* | awk -v until="$2" '$5 < until {print $3}' | sort -n | awk '{v[NR] = $1} END {printf "%.1f\n", v[int(NR * 0.99)] / 1000}'
}

bench_reset() {
  local saved=$USERS quiet busy took floor
  USERS=$RESET_USERS
  make_database reset "$SMALL"
  USERS=$saved
  migrate reset
  # As last month's reset left it.
  sql reset -c "INSERT INTO billing_quota_anchors (user_id, anchor_day, period_start, source)
        SELECT id, extract(day FROM now() AT TIME ZONE 'UTC'), (now() AT TIME ZONE 'UTC')::date - 31, 'derived' FROM users" \
    -c "UPDATE users SET quota_reset_date = (now() AT TIME ZONE 'UTC')::date, monthly_runs_used = 5" \
    -c 'VACUUM ANALYZE users' -c 'VACUUM ANALYZE billing_quota_anchors' -c 'VACUUM ANALYZE agent_runs' -c CHECKPOINT
  sleep $((SECONDS_EACH * 2)) # until the disk is done with that
  local due
  due=$(sql reset -c "SELECT count(*) FROM users WHERE deleted_at IS NULL")
  users_load "$SECONDS_EACH" "$PWD/$out/quiet"
  quiet=$(users_p99 "$out/quiet" 99999999999)
  floor=$(busy_machine_p99)
  users_load $((RESET_USERS / 10000 + SECONDS_EACH + 3)) "$PWD/$out/busy" &
  local load=$! i begun callers=()
  sleep 1
  begun=$(now_ms)
  for ((i = 0; i < 8; i++)); do
    program reset reset-quotas --json >/dev/null &
    callers+=($!)
  done
  wait "${callers[@]}"
  took=$(($(now_ms) - begun))
  local ended
  ended=$(date +%s)
  wait $load
  busy=$(users_p99 "$out/busy" "$ended")
  line "reset of $RESET_USERS due users by 8 callers at once, s" - "$(ratio "$took" 1000)" - "≤ 30 at 1000000"
  line "p99 of $RESET_RATE reads and updates of users a second meanwhile, ms" "$quiet" "$busy" "$(ratio "$busy" "$quiet")" "≤ 2"
  line "the same beside processes that only use every processor, ms" "$quiet" "$floor" "$(ratio "$floor" "$quiet")" -
  line "users due, and resets recorded of how many users" "$due" "$(sql reset -c 'SELECT count(*) || $$ of $$ || count(DISTINCT user_id) FROM billing_quota_resets')" - "equal"
}

table() {
  echo
  printf 'machine: %s cores, %s; PostgreSQL %s, fsync on\n\n' "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
    "$(sql billsync -c 'SHOW server_version')"
  awk -F'|' 'BEGIN {printf "%-72s %12s %12s %7s  %s\n", "FIGURE", "PLAIN", "BILLSYNC", "RATIO", "GOAL"}
             {printf "%-72s %12s %12s %7s  %s\n", $1, $2, $3, $4, $5}' "$out/usage.lines"
  awk -F'|' 'BEGIN {print "["} {printf "%s  {\"figure\": \"%s\", \"plain\": \"%s\", \"billsync\": \"%s\", \"ratio\": \"%s\", \"goal\": \"%s\"}", (NR > 1 ? ",\n" : ""), $1, $2, $3, $4, $5} END {print "\n]"}' \
    "$out/usage.lines" >"$out/usage.json"
}

[ -x "$billsync" ] || { say "build/billsync is missing; type: make build"; exit 1; }
cluster start
trap 'cluster stop' EXIT
sql billsync -c "ALTER SYSTEM SET shared_buffers = '1GB'" -c "ALTER SYSTEM SET max_wal_size = '8GB'" \
  -c 'ALTER SYSTEM SET max_connections = 400'
cluster stop
cluster start
for part in fill recompute rollup fresh writes reset; do
  if wanted $part; then bench_$part; fi
done
table
