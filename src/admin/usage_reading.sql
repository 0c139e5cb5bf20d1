-- name: UsageMonths
-- Months with usage, newest first. billing_usage_by_day has a row a day and model.
SELECT DISTINCT to_char(d.day, 'YYYY-MM') AS period FROM billing_usage_by_day d ORDER BY 1 DESC

-- name: UsageTotals
-- What the month $1 adds up to in billing_usage, of the users $2 if given: the totals of the usage report. Index
-- billing_usage_period.
SELECT count(*) AS users, coalesce(sum(b.total_runs), 0)::text AS total_runs,
       coalesce(sum(b.failed_runs), 0)::text AS failed_runs, coalesce(sum(b.cancelled_runs), 0)::text AS cancelled_runs,
       coalesce(sum(b.unpriced_runs), 0)::text AS unpriced_runs, coalesce(sum(b.total_tokens), 0)::text AS total_tokens,
       coalesce(sum(b.total_cost_usd), 0)::numeric(30, 2)::text AS total_cost_usd,
       billing_usage_amount(coalesce(sum(b.total_cost_exact_usd), 0))::text AS total_cost_exact_usd
FROM billing_usage b
WHERE b.period_start >= $1::date AND b.period_start < $1::date + interval '1 month'
  AND ($2::uuid[] IS NULL OR b.user_id = ANY ($2))

-- name: UsageByModel
-- The month $1 by model, dearest first. A row a day and model: primary key.
SELECT d.model, sum(d.completed_runs)::text AS completed_runs, sum(d.failed_runs)::text AS failed_runs,
       sum(d.cancelled_runs)::text AS cancelled_runs, sum(d.unpriced_runs)::text AS unpriced_runs,
       sum(d.tokens)::text AS tokens, billing_usage_amount(sum(d.cost_usd))::text AS cost_usd
FROM billing_usage_by_day d
WHERE d.day >= $1::date AND d.day < $1::date + interval '1 month'
GROUP BY d.model ORDER BY sum(d.cost_usd) DESC, d.model

-- name: UsageByModelOfUsers
-- The same for the users $2. Primary key of billing_usage_by_model.
SELECT d.model, sum(d.completed_runs)::text AS completed_runs, sum(d.failed_runs)::text AS failed_runs,
       sum(d.cancelled_runs)::text AS cancelled_runs, sum(d.unpriced_runs)::text AS unpriced_runs,
       sum(d.tokens)::text AS tokens, billing_usage_amount(sum(d.cost_usd))::text AS cost_usd
FROM billing_usage_by_model d
WHERE d.month = $1::date AND d.user_id = ANY ($2::uuid[])
GROUP BY d.model ORDER BY sum(d.cost_usd) DESC, d.model

-- name: UsageByDay
-- Cost by day and model from $1 until before $2, days without any left out. Primary key.
SELECT to_char(d.day, 'YYYY-MM-DD') AS day, d.model, d.completed_runs::text AS completed_runs, d.tokens::text AS tokens,
       billing_usage_amount(d.cost_usd)::text AS cost_usd
FROM billing_usage_by_day d
WHERE d.day >= $1::date AND d.day < $2::date AND ($3::text IS NULL OR d.model = $3)
ORDER BY d.day, d.model

-- name: ListUsage
-- Usage of the month $1, dearest first, of the users $2 if given; $3 and $4 are the key of the page before. A row a user, as
-- in the usage report: only history that the platform wrote itself may hold several of a month. Index
-- billing_usage_dearest, for which the user's name is looked up after the page is cut.
SELECT m.user_id, u.email, u.plan_tier::text AS plan_tier, coalesce(m.total_runs, 0)::text AS total_runs,
       m.failed_runs::text AS failed_runs, coalesce(m.total_tokens, 0)::text AS total_tokens,
       coalesce(m.total_cost_usd, 0)::numeric(30, 2)::text AS total_cost_usd,
       billing_usage_amount(m.total_cost_exact_usd)::text AS total_cost_exact_usd, m.total_cost_exact_usd::text AS key_1,
       m.id AS key_2
FROM (SELECT b.id, b.user_id, b.total_runs, b.failed_runs, b.total_tokens, b.total_cost_usd, b.total_cost_exact_usd
      FROM billing_usage b
      WHERE date_trunc('month', b.period_start::timestamp) = $1::date::timestamp
        AND ($2::uuid[] IS NULL OR b.user_id = ANY ($2))
        AND ($3::numeric IS NULL OR b.total_cost_exact_usd <= $3)
        AND ($3::numeric IS NULL OR b.total_cost_exact_usd < $3 OR b.id > $4::uuid)
      ORDER BY b.total_cost_exact_usd DESC, b.id LIMIT $5::int + 1) m
LEFT JOIN users u ON u.id = m.user_id
ORDER BY m.total_cost_exact_usd DESC, m.id

-- name: ListUsageOfModel
-- The same for the one model $6, from billing_usage_by_model.
SELECT m.user_id, u.email, u.plan_tier::text AS plan_tier, m.completed_runs::text AS total_runs,
       m.failed_runs::text AS failed_runs, m.tokens::text AS total_tokens,
       m.cost_usd::numeric(30, 2)::text AS total_cost_usd, billing_usage_amount(m.cost_usd)::text AS total_cost_exact_usd,
       m.cost_usd::text AS key_1, m.user_id AS key_2
FROM (SELECT b.user_id, b.completed_runs, b.failed_runs, b.tokens, b.cost_usd
      FROM billing_usage_by_model b
      WHERE b.month = $1::date AND b.model = $6 AND ($2::uuid[] IS NULL OR b.user_id = ANY ($2))
        AND ($3::numeric IS NULL OR b.cost_usd < $3 OR (b.cost_usd = $3 AND b.user_id > $4::uuid))
      ORDER BY b.cost_usd DESC, b.user_id LIMIT $5::int + 1) m
LEFT JOIN users u ON u.id = m.user_id
ORDER BY m.cost_usd DESC, m.user_id
