-- name: UsageMonths
-- Months with usage, newest first. billing_usage_by_day has a row a day and model.
SELECT DISTINCT to_char(d.day, 'YYYY-MM') AS period FROM billing_usage_by_day d ORDER BY 1 DESC

-- name: UsageState
-- Whether the month $1 is closed, and if so, whether the days that are shown are those of its close. Primary keys.
SELECT EXISTS (SELECT FROM billing_periods p WHERE p.period_start = $1::date AND p.closed_at IS NOT NULL) AS closed,
       billing_closed_days_kept($1::date) AS days_kept

-- name: UsageTotals
-- What the month $1 adds up to in billing_usage, of the users $2 if given: the totals of the usage report. Index
-- billing_usage_period.
SELECT count(*) AS users, coalesce(sum(b.total_runs), 0)::text AS total_runs,
       coalesce(sum(b.failed_runs), 0)::text AS failed_runs, coalesce(sum(b.cancelled_runs), 0)::text AS cancelled_runs,
       coalesce(sum(b.unpriced_runs), 0)::text AS unpriced_runs, coalesce(sum(b.total_tokens), 0)::text AS total_tokens,
       coalesce(sum(b.total_cost_usd), 0)::numeric(30, 2)::text AS total_cost_usd,
       billing_usage_amount(coalesce(sum(billing_exact_cost(b.rolled_up_at, b.total_cost_exact_usd, b.total_cost_usd)), 0))::text
           AS total_cost_exact_usd
FROM billing_usage b
WHERE b.period_start >= $1::date AND b.period_start < $1::date + interval '1 month'
  AND ($2::uuid[] IS NULL OR b.user_id = ANY ($2))

-- name: UsageByModel
-- The month $1 by model, dearest first: of a closed month what was kept when it was closed, a row a model; of an open one
-- a row a day and model. Primary keys.
SELECT a.model, sum(a.completed_runs)::text AS completed_runs, sum(a.failed_runs)::text AS failed_runs,
       sum(a.cancelled_runs)::text AS cancelled_runs, sum(a.unpriced_runs)::text AS unpriced_runs,
       sum(a.tokens)::text AS tokens, billing_usage_amount(sum(a.cost_usd))::text AS cost_usd
FROM (SELECT k.model, k.completed_runs, k.failed_runs, k.cancelled_runs, k.unpriced_runs, k.tokens, k.cost_usd
      FROM billing_closed_usage_by_month k WHERE k.period_start = $1::date
      UNION ALL
      SELECT d.model, d.completed_runs, d.failed_runs, d.cancelled_runs, d.unpriced_runs, d.tokens, d.cost_usd
      FROM billing_usage_by_day d
      WHERE d.day >= $1::date AND d.day < $1::date + interval '1 month'
        AND NOT EXISTS (SELECT FROM billing_periods p WHERE p.period_start = $1::date AND p.closed_at IS NOT NULL)) a
GROUP BY a.model ORDER BY sum(a.cost_usd) DESC, a.model

-- name: UsageByModelOfUsers
-- The same for the users $2. Primary keys of billing_closed_usage_by_model and billing_usage_by_model.
SELECT a.model, sum(a.completed_runs)::text AS completed_runs, sum(a.failed_runs)::text AS failed_runs,
       sum(a.cancelled_runs)::text AS cancelled_runs, sum(a.unpriced_runs)::text AS unpriced_runs,
       sum(a.tokens)::text AS tokens, billing_usage_amount(sum(a.cost_usd))::text AS cost_usd
FROM (SELECT k.model COLLATE "default" AS model, k.completed_runs, k.failed_runs, k.cancelled_runs, k.unpriced_runs,
             k.tokens, k.cost_usd
      FROM billing_closed_usage_by_model k
      WHERE k.usage_start >= $1::date AND k.usage_start < $1::date + interval '1 month'
        AND k.user_id = ANY ($2::uuid[])
      UNION ALL
      SELECT d.model, d.completed_runs, d.failed_runs, d.cancelled_runs, d.unpriced_runs, d.tokens, d.cost_usd
      FROM billing_usage_by_model d
      WHERE d.month = $1::date AND d.user_id = ANY ($2::uuid[])
        AND NOT EXISTS (SELECT FROM billing_periods p WHERE p.period_start = $1::date AND p.closed_at IS NOT NULL)) a
GROUP BY a.model ORDER BY sum(a.cost_usd) DESC, a.model

-- name: UsageByDay
-- Cost by day and model from $1 until before $2, days without any left out; of a closed month as it was closed, if that
-- was kept. Primary keys.
WITH kept AS MATERIALIZED (
    SELECT p.period_start
    FROM billing_periods p
    WHERE p.closed_at IS NOT NULL AND p.period_start >= date_trunc('month', $1::date::timestamp)::date
      AND p.period_start < $2::date AND billing_closed_days_kept(p.period_start)
)
SELECT to_char(a.day, 'YYYY-MM-DD') AS day, a.model, a.completed_runs::text AS completed_runs, a.tokens::text AS tokens,
       billing_usage_amount(a.cost_usd)::text AS cost_usd
FROM (SELECT k.day, k.model, k.completed_runs, k.tokens, k.cost_usd
      FROM billing_closed_usage_by_day k WHERE k.day >= $1::date AND k.day < $2::date
      UNION ALL
      SELECT d.day, d.model, d.completed_runs, d.tokens, d.cost_usd
      FROM billing_usage_by_day d
      WHERE d.day >= $1::date AND d.day < $2::date
        AND date_trunc('month', d.day::timestamp)::date NOT IN (SELECT kept.period_start FROM kept)) a
WHERE $3::text IS NULL OR a.model = $3
ORDER BY a.day, a.model

-- name: ListUsage
-- Usage of the month $1, dearest first, of the users $2 if given; $3 and $4 are the key of the page before. A row a user, as
-- in the usage report: only history that the platform wrote itself may hold several of a month. Index
-- billing_usage_dearest; names are looked up after the page is cut, of a closed month those it was closed with.
SELECT m.user_id, CASE WHEN c.user_id IS NULL THEN u.email ELSE c.email END AS email,
       CASE WHEN c.user_id IS NULL THEN u.plan_tier::text ELSE c.plan_tier END AS plan_tier,
       coalesce(m.total_runs, 0)::text AS total_runs,
       m.failed_runs::text AS failed_runs, coalesce(m.total_tokens, 0)::text AS total_tokens,
       coalesce(m.total_cost_usd, 0)::numeric(30, 2)::text AS total_cost_usd,
       billing_usage_amount(billing_exact_cost(m.rolled_up_at, m.total_cost_exact_usd, m.total_cost_usd))::text
           AS total_cost_exact_usd,
       m.total_cost_exact_usd::text AS key_1, m.id AS key_2
FROM (SELECT b.id, b.user_id, b.total_runs, b.failed_runs, b.total_tokens, b.total_cost_usd, b.total_cost_exact_usd,
             b.rolled_up_at
      FROM billing_usage b
      WHERE date_trunc('month', b.period_start::timestamp) = $1::date::timestamp
        AND ($2::uuid[] IS NULL OR b.user_id = ANY ($2))
        AND ($3::numeric IS NULL OR b.total_cost_exact_usd <= $3)
        AND ($3::numeric IS NULL OR b.total_cost_exact_usd < $3 OR b.id > $4::uuid)
      ORDER BY b.total_cost_exact_usd DESC, b.id LIMIT $5::int + 1) m
LEFT JOIN users u ON u.id = m.user_id
LEFT JOIN billing_closed_users c ON c.period_start = $1::date AND c.user_id = m.user_id
ORDER BY m.total_cost_exact_usd DESC, m.id

-- name: ListUsageOfModel
-- The same for the one model $6: of a closed month what was kept, of an open one billing_usage_by_model. Primary keys.
SELECT m.user_id, CASE WHEN c.user_id IS NULL THEN u.email ELSE c.email END AS email,
       CASE WHEN c.user_id IS NULL THEN u.plan_tier::text ELSE c.plan_tier END AS plan_tier,
       m.completed_runs::text AS total_runs,
       m.failed_runs::text AS failed_runs, m.tokens::text AS total_tokens,
       m.cost_usd::numeric(30, 2)::text AS total_cost_usd, billing_usage_amount(m.cost_usd)::text AS total_cost_exact_usd,
       m.cost_usd::text AS key_1, m.user_id AS key_2
FROM (SELECT b.user_id, b.completed_runs, b.failed_runs, b.tokens, b.cost_usd
      FROM (SELECT k.user_id, sum(k.completed_runs) AS completed_runs, sum(k.failed_runs) AS failed_runs,
                   sum(k.tokens) AS tokens, sum(k.cost_usd) AS cost_usd
            FROM billing_closed_usage_by_model k
            WHERE k.usage_start >= $1::date AND k.usage_start < $1::date + interval '1 month' AND k.model = $6
            GROUP BY k.user_id
            UNION ALL
            SELECT d.user_id, d.completed_runs, d.failed_runs, d.tokens, d.cost_usd
            FROM billing_usage_by_model d
            WHERE d.month = $1::date AND d.model = $6
              AND NOT EXISTS (SELECT FROM billing_periods p
                              WHERE p.period_start = $1::date AND p.closed_at IS NOT NULL)) b
      WHERE ($2::uuid[] IS NULL OR b.user_id = ANY ($2))
        AND ($3::numeric IS NULL OR b.cost_usd < $3 OR (b.cost_usd = $3 AND b.user_id > $4::uuid))
      ORDER BY b.cost_usd DESC, b.user_id LIMIT $5::int + 1) m
LEFT JOIN users u ON u.id = m.user_id
LEFT JOIN billing_closed_users c ON c.period_start = $1::date AND c.user_id = m.user_id
ORDER BY m.cost_usd DESC, m.user_id
