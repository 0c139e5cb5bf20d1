-- name: RunsAgainstCalls
-- Terminal runs of the month [$1, $2) whose cost differs from the sum of their LLM calls' costs, the largest difference
-- first, at most $3. A run of which no call is recorded cannot be compared. Calls without a usable cost count as
-- nothing. Indexes idx_agent_runs_created and the one on llm_calls.agent_run_id.
SELECT r.id AS run_id, r.user_id, billing_usage_model(r.model_used) AS model,
       coalesce(billing_usage_cost(r.cost_usd), 0)::text AS run_cost, c.cost::text AS calls_cost, c.calls
FROM agent_runs r
JOIN LATERAL (SELECT count(*) AS calls, coalesce(sum(billing_usage_cost(l.cost_usd)), 0) AS cost
              FROM llm_calls l WHERE l.agent_run_id = r.id) c ON c.calls > 0
WHERE r.created_at >= $1::timestamptz AND r.created_at < $2::timestamptz
  AND r.status IN ('completed', 'failed', 'cancelled')
  AND coalesce(billing_usage_cost(r.cost_usd), 0) <> c.cost
ORDER BY abs(coalesce(billing_usage_cost(r.cost_usd), 0) - c.cost) DESC, r.id
LIMIT $3

-- name: CallsByModel
-- Runs of the month [$1, $2) that have LLM calls, by model: how many, how many differ, and both sums.
SELECT billing_usage_model(r.model_used) AS model, count(*) AS runs,
       count(*) FILTER (WHERE coalesce(billing_usage_cost(r.cost_usd), 0) <> c.cost) AS differing,
       billing_usage_amount(coalesce(sum(billing_usage_cost(r.cost_usd)), 0))::text AS run_cost,
       billing_usage_amount(coalesce(sum(c.cost), 0))::text AS calls_cost
FROM agent_runs r
JOIN LATERAL (SELECT count(*) AS calls, coalesce(sum(billing_usage_cost(l.cost_usd)), 0) AS cost
              FROM llm_calls l WHERE l.agent_run_id = r.id) c ON c.calls > 0
WHERE r.created_at >= $1::timestamptz AND r.created_at < $2::timestamptz
  AND r.status IN ('completed', 'failed', 'cancelled')
GROUP BY 1
ORDER BY 1

-- name: UncoveredMoney
-- What cannot be compared: runs of the month [$1, $2) that cost something and have no LLM call recorded, and calls of
-- the month that belong to no run.
SELECT (SELECT count(*) FROM agent_runs r
        WHERE r.created_at >= $1::timestamptz AND r.created_at < $2::timestamptz
          AND r.status IN ('completed', 'failed', 'cancelled') AND billing_usage_cost(r.cost_usd) > 0
          AND NOT EXISTS (SELECT FROM llm_calls l WHERE l.agent_run_id = r.id)) AS runs_without_calls,
       (SELECT count(*) FROM llm_calls l
        WHERE l.created_at >= $1::timestamptz AND l.created_at < $2::timestamptz
          AND l.agent_run_id IS NULL) AS calls_without_run

-- name: UnevenUsage
-- Rows of billing_usage of the month $1 that do not add up: the breakdown against the exact total, and that against the
-- cents. Rows the platform wrote itself have no exact total.
SELECT b.user_id, coalesce(s.cost, 0)::text AS breakdown, b.total_cost_exact_usd::text AS exact,
       b.total_cost_usd::text AS cents
FROM billing_usage b
LEFT JOIN LATERAL (SELECT sum(e.value::numeric) AS cost FROM jsonb_each_text(b.cost_breakdown) e) s ON true
WHERE b.period_start >= $1::date AND b.period_start < $1::date + interval '1 month' AND b.rolled_up_at IS NOT NULL
  AND (coalesce(s.cost, 0) <> b.total_cost_exact_usd OR round(b.total_cost_exact_usd, 2) <> b.total_cost_usd)
ORDER BY b.user_id

-- name: UnevenAdjustments
-- Adjustments of usage booked in the month $1 whose breakdown or lines do not add up to their exact amount.
SELECT a.id, a.user_id, coalesce(s.cost, 0)::text AS breakdown, a.amount_exact_usd::text AS exact,
       coalesce(l.cost, 0)::text AS lines
FROM billing_adjustments a
LEFT JOIN LATERAL (SELECT sum(e.value::numeric) AS cost FROM jsonb_each_text(a.cost_breakdown) e) s ON true
LEFT JOIN LATERAL (SELECT sum(i.cost_usd) AS cost FROM billing_adjustment_lines i WHERE i.adjustment_id = a.id) l ON true
WHERE a.booked_period = $1::date AND a.kind = 'usage'
  AND (coalesce(s.cost, 0) <> a.amount_exact_usd OR coalesce(l.cost, 0) <> a.amount_exact_usd)
ORDER BY a.id
