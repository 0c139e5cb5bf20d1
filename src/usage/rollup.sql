-- name: LockRollup
-- One rollup at a time, so that an older snapshot never overwrites a newer one. Ends with the transaction.
SELECT pg_advisory_xact_lock(7243392016)

-- name: MonthsWithRuns
-- First and last month that can hold usage, within [$1, $2): a run with an absurd created_at must not make thousands of
-- months. Reads the ends of idx_agent_runs_created, billing_retired_runs_created and billing_usage_period.
SELECT to_char(min(day) AT TIME ZONE 'UTC', 'YYYY-MM') AS first_month,
       to_char(max(day) AT TIME ZONE 'UTC', 'YYYY-MM') AS last_month
FROM (SELECT min(created_at) AS day FROM agent_runs WHERE created_at >= $1::timestamptz AND created_at < $2::timestamptz
      UNION ALL
      SELECT max(created_at) FROM agent_runs WHERE created_at >= $1::timestamptz AND created_at < $2::timestamptz
      UNION ALL
      SELECT min(coalesce(completed_at, started_at)) FROM agent_runs
      WHERE created_at IS NULL AND coalesce(completed_at, started_at) >= $1::timestamptz
        AND coalesce(completed_at, started_at) < $2::timestamptz
      UNION ALL
      SELECT min(created_at) FROM billing_retired_runs
      WHERE created_at >= $1::timestamptz AND created_at < $2::timestamptz
      UNION ALL
      SELECT max(created_at) FROM billing_retired_runs
      WHERE created_at >= $1::timestamptz AND created_at < $2::timestamptz) ends

-- name: RollupMonth
-- Recomputes billing_usage of the month [$1, $2) from its terminal runs and writes what differs, and only that; rows
-- whose runs are all gone from a terminal status become zero. A row that billsync did not write (rolled_up_at is NULL:
-- the platform's own history, whose runs may be purged) is left alone unless $3. Deleted runs are read from billing_retired_runs. Index
-- idx_agent_runs_created. Locks the usage rows it changes, in user order.
WITH metered AS (
    SELECT user_id, status, model_used, cost_usd, tokens_total, tokens_prompt, tokens_completion
    FROM agent_runs
    WHERE created_at >= $1::timestamptz AND created_at < $2::timestamptz
      AND status IN ('completed', 'failed', 'cancelled')
    UNION ALL
    SELECT user_id, status, model_used, cost_usd, tokens_total, tokens_prompt, tokens_completion
    FROM agent_runs
    WHERE created_at IS NULL
      AND coalesce(completed_at, started_at) >= $1::timestamptz AND coalesce(completed_at, started_at) < $2::timestamptz
      AND status IN ('completed', 'failed', 'cancelled')
    UNION ALL
    SELECT r.user_id, r.status, r.model_used, r.cost_usd, r.tokens_total, r.tokens_prompt, r.tokens_completion
    FROM billing_retired_runs r
    WHERE coalesce(r.created_at, r.completed_at) >= $1::timestamptz
      AND coalesce(r.created_at, r.completed_at) < $2::timestamptz
      AND NOT EXISTS (SELECT 1 FROM agent_runs a WHERE a.id = r.run_id)
      -- A user may be gone together with the runs before they were metered; a usage row stops the deletion.
      AND EXISTS (SELECT 1 FROM users u WHERE u.id = r.user_id)
), priced AS (
    SELECT user_id, status, coalesce(model_used, 'unknown') AS model,
           CASE WHEN cost_usd >= 0 AND cost_usd <> 'NaN' THEN cost_usd END AS cost,
           greatest(coalesce(tokens_total, coalesce(tokens_prompt, 0)::bigint + coalesce(tokens_completion, 0), 0), 0) AS tokens
    FROM metered
), by_model AS (
    SELECT user_id, model,
           count(*) FILTER (WHERE status = 'completed') AS completed,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE cost IS NULL) AS unpriced,
           sum(tokens)::bigint AS tokens,
           coalesce(sum(cost), 0.0000) AS cost
    FROM priced GROUP BY user_id, model
), by_user AS (
    SELECT user_id, sum(completed)::bigint AS completed, sum(failed)::bigint AS failed,
           sum(cancelled)::bigint AS cancelled, sum(unpriced)::bigint AS unpriced,
           sum(tokens)::bigint AS tokens, sum(cost) AS cost,
           jsonb_object_agg(model, cost) AS breakdown
    FROM by_model GROUP BY user_id
), target AS (
    SELECT user_id, coalesce(completed, 0) AS completed, coalesce(failed, 0) AS failed,
           coalesce(cancelled, 0) AS cancelled, coalesce(unpriced, 0) AS unpriced, coalesce(tokens, 0) AS tokens,
           coalesce(cost, 0.0000) AS cost, coalesce(breakdown, '{}'::jsonb) AS breakdown
    FROM by_user FULL JOIN (SELECT user_id FROM billing_usage WHERE period_start = $1::timestamptz::date) present
         USING (user_id)
)
INSERT INTO billing_usage AS b
    (user_id, period_start, period_end, total_runs, failed_runs, cancelled_runs, unpriced_runs, total_tokens,
     total_cost_usd, total_cost_exact_usd, cost_breakdown, rolled_up_at)
SELECT user_id, $1::timestamptz::date, $2::timestamptz::date, completed, failed, cancelled, unpriced, tokens,
       round(cost, 2), cost, breakdown, now()
FROM target ORDER BY user_id
ON CONFLICT (user_id, period_start) DO UPDATE SET
    period_end = EXCLUDED.period_end, total_runs = EXCLUDED.total_runs, failed_runs = EXCLUDED.failed_runs,
    cancelled_runs = EXCLUDED.cancelled_runs, unpriced_runs = EXCLUDED.unpriced_runs,
    total_tokens = EXCLUDED.total_tokens, total_cost_usd = EXCLUDED.total_cost_usd,
    total_cost_exact_usd = EXCLUDED.total_cost_exact_usd, cost_breakdown = EXCLUDED.cost_breakdown,
    rolled_up_at = EXCLUDED.rolled_up_at
WHERE (b.rolled_up_at IS NOT NULL OR $3::boolean)
  AND (b.period_end, b.total_runs, b.failed_runs, b.cancelled_runs, b.unpriced_runs, b.total_tokens, b.total_cost_usd,
       b.total_cost_exact_usd, b.cost_breakdown)
   IS DISTINCT FROM
      (EXCLUDED.period_end, EXCLUDED.total_runs, EXCLUDED.failed_runs, EXCLUDED.cancelled_runs, EXCLUDED.unpriced_runs,
       EXCLUDED.total_tokens, EXCLUDED.total_cost_usd, EXCLUDED.total_cost_exact_usd, EXCLUDED.cost_breakdown)
