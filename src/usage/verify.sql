-- name: UnrecordedUsage
-- What the month's ($1) runs say and is not recorded of them, or the reverse, per user and model; of the users from $2 to
-- $3.
SELECT d.user_id, d.model, d.completed_runs, d.failed_runs, d.cancelled_runs, d.unpriced_runs, d.tokens::text AS tokens,
       billing_usage_amount(d.cost_usd)::text AS cost_usd
FROM billing_usage_drift($1::date, $2::uuid, $3::uuid) d
ORDER BY d.user_id, d.model

-- name: UnpublishedUsage
-- What is recorded of the month $1 and neither published in billing_usage nor booked as an adjustment of it, or the
-- reverse, per user from $2 to $3. Rows that the platform wrote itself are its own business. A breakdown or a rounding that
-- does not follow from the rest shows as a difference of zero. Users that are gone have no row. What waits in the deltas is
-- not recorded yet. Numbers in jsonb are equal whatever their zeros.
WITH recorded AS (
    SELECT m.user_id, sum(m.completed_runs) AS completed_runs, sum(m.failed_runs) AS failed_runs,
           sum(m.cancelled_runs) AS cancelled_runs, sum(m.unpriced_runs) AS unpriced_runs, sum(m.tokens) AS tokens,
           sum(m.cost_usd) AS cost_usd,
           coalesce(jsonb_object_agg(m.model, m.cost_usd)
                        FILTER (WHERE m.completed_runs + m.failed_runs + m.cancelled_runs > 0), '{}') AS breakdown
    FROM billing_usage_by_model m
    WHERE m.month = $1::date AND m.user_id BETWEEN $2::uuid AND $3::uuid
    GROUP BY m.user_id
), corrected AS (
    SELECT a.user_id, sum(a.total_runs) AS completed_runs, sum(a.failed_runs) AS failed_runs,
           sum(a.cancelled_runs) AS cancelled_runs, sum(a.unpriced_runs) AS unpriced_runs, sum(a.total_tokens) AS tokens,
           sum(a.amount_exact_usd) AS cost_usd, sum(a.amount_usd) AS cents
    FROM billing_adjustments a
    WHERE a.origin_period = $1::date AND a.kind = 'usage' AND a.user_id BETWEEN $2::uuid AND $3::uuid
    GROUP BY a.user_id
), compared AS (
    SELECT user_id, u.id IS NULL AND b.id IS NULL AS gone, b.rolled_up_at IS NULL AND b.id IS NOT NULL AS foreign_row,
           coalesce(r.completed_runs, 0) - coalesce(b.total_runs, 0) - coalesce(c.completed_runs, 0) AS completed_runs,
           coalesce(r.failed_runs, 0) - coalesce(b.failed_runs, 0) - coalesce(c.failed_runs, 0) AS failed_runs,
           coalesce(r.cancelled_runs, 0) - coalesce(b.cancelled_runs, 0) - coalesce(c.cancelled_runs, 0)
               AS cancelled_runs,
           coalesce(r.unpriced_runs, 0) - coalesce(b.unpriced_runs, 0) - coalesce(c.unpriced_runs, 0) AS unpriced_runs,
           least(coalesce(r.tokens, 0), 9223372036854775807) - coalesce(b.total_tokens, 0) - coalesce(c.tokens, 0)
               AS tokens,
           coalesce(r.cost_usd, 0) - coalesce(b.total_cost_exact_usd, 0) - coalesce(c.cost_usd, 0) AS cost_usd,
           round(coalesce(r.cost_usd, 0), 2) = coalesce(b.total_cost_usd, 0) + coalesce(c.cents, 0)
               AND (c.user_id IS NOT NULL OR b.id IS NULL OR b.cost_breakdown = coalesce(r.breakdown, '{}')) AS consistent
    FROM recorded r
    FULL JOIN (SELECT id, user_id, rolled_up_at, total_runs, failed_runs, cancelled_runs, unpriced_runs, total_tokens,
                      total_cost_usd, total_cost_exact_usd, cost_breakdown
               FROM billing_usage
               WHERE period_start = $1::date AND user_id BETWEEN $2::uuid AND $3::uuid) b USING (user_id)
    FULL JOIN corrected c USING (user_id)
    LEFT JOIN users u ON u.id = user_id
)
SELECT c.user_id, c.completed_runs::bigint AS completed_runs, c.failed_runs::bigint AS failed_runs,
       c.cancelled_runs::bigint AS cancelled_runs, c.unpriced_runs::bigint AS unpriced_runs, c.tokens::text AS tokens,
       billing_usage_amount(c.cost_usd)::text AS cost_usd
FROM compared c
WHERE NOT c.foreign_row
  AND NOT c.gone
  AND ((c.completed_runs, c.failed_runs, c.cancelled_runs, c.unpriced_runs, c.tokens, c.cost_usd)
           IS DISTINCT FROM (0, 0, 0, 0, 0, 0)
       OR NOT c.consistent)
ORDER BY c.user_id

-- name: ExportSnapshot
-- For another session, to see the same moment.
SELECT pg_export_snapshot() AS snapshot

-- name: PeriodState
-- Whether the month $1 is closed, whether its rows are still those that were frozen, and whether the first fill has
-- reached it.
SELECT p.closed_at IS NOT NULL AS closed,
       p.closed_at IS NULL OR p.usage_sha256 = billing_usage_sha256($1::date) AS unchanged,
       (SELECT f.filled_from <= $1::date FROM billing_usage_fill f) AS filled,
       (SELECT count(*) FROM billing_usage b WHERE b.period_start = $1::date AND b.rolled_up_at IS NULL) AS foreign_rows
FROM (SELECT $1::date AS period_start) wanted
LEFT JOIN billing_periods p ON p.period_start = wanted.period_start

-- name: RewrittenMonths
-- Closed months whose rows are not those that were frozen.
SELECT to_char(p.period_start, 'YYYY-MM') AS month
FROM billing_periods p
WHERE p.closed_at IS NOT NULL AND p.usage_sha256 <> billing_usage_sha256(p.period_start)
ORDER BY p.period_start

-- name: RecordCheck
INSERT INTO billing_usage_checks (month, checked_at, drifts) VALUES ($1::date, now(), $2::bigint)
ON CONFLICT (month) DO UPDATE SET checked_at = EXCLUDED.checked_at, drifts = EXCLUDED.drifts

-- name: DriftSummary
-- For metrics: the differences that the last check of each month found.
SELECT coalesce(sum(c.drifts), 0)::bigint AS drifts, count(*) AS months FROM billing_usage_checks c
