-- name: LockPeriod
-- Makes the row of the month $1 if it is missing, and holds it: who writes usage of the month is waited for, and who
-- comes later waits. Is read by the next statement, which then sees what those wrote.
INSERT INTO billing_periods (period_start) VALUES ($1::date)
ON CONFLICT (period_start) DO UPDATE SET period_start = EXCLUDED.period_start WHERE billing_periods.closed_at IS NULL

-- name: DeltasWait
-- Whether something of the month $1 is not drained: what belongs to users whose rows somebody holds.
SELECT EXISTS (SELECT FROM billing_usage_deltas d WHERE d.month = $1::date) AS wait

-- name: FindPeriod
SELECT to_char(p.period_start, 'YYYY-MM') AS month, p.closed_at, p.closed_by, p.users, p.total_runs::text AS total_runs,
       p.total_tokens::text AS total_tokens, p.total_cost_usd::text AS total_cost_usd,
       p.total_cost_exact_usd::text AS total_cost_exact_usd, p.usage_sha256
FROM billing_periods p
WHERE p.period_start = $1::date

-- name: ListPeriods
-- Every month with usage or a state, newest first, with what was booked for it and in it.
SELECT to_char(m.month, 'YYYY-MM') AS month, p.closed_at, p.closed_by,
       coalesce(p.users, u.users, 0) AS users, coalesce(p.total_runs, u.total_runs, 0)::text AS total_runs,
       coalesce(p.total_tokens, u.total_tokens, 0)::text AS total_tokens,
       coalesce(p.total_cost_usd, u.total_cost_usd, 0)::numeric(30, 2)::text AS total_cost_usd,
       coalesce(p.total_cost_exact_usd, u.total_cost_exact_usd, 0)::text AS total_cost_exact_usd, p.usage_sha256
FROM (SELECT b.period_start AS month FROM billing_periods b
      UNION SELECT date_trunc('month', b.period_start::timestamp)::date FROM billing_usage b) m
LEFT JOIN billing_periods p ON p.period_start = m.month
LEFT JOIN (SELECT date_trunc('month', b.period_start::timestamp)::date AS month, count(*) AS users,
                  sum(b.total_runs) AS total_runs, sum(b.total_tokens) AS total_tokens,
                  sum(b.total_cost_usd) AS total_cost_usd, sum(b.total_cost_exact_usd) AS total_cost_exact_usd
           FROM billing_usage b GROUP BY 1) u ON u.month = m.month AND p.closed_at IS NULL
WHERE isfinite(m.month)
ORDER BY m.month DESC

-- name: KeepClosedReports
-- What reports say of the month $1 and its users, as it is now; see 0012. Before the month is closed, because what is
-- closed is not live any more.
SELECT billing_keep_closed_reports($1::date)

-- name: FreezePeriod
-- Closes the month $1 in the name of $2, with its totals and digest.
UPDATE billing_periods p
SET closed_at = now(), closed_by = $2, users = t.users, total_runs = t.total_runs, failed_runs = t.failed_runs,
    cancelled_runs = t.cancelled_runs, unpriced_runs = t.unpriced_runs, total_tokens = t.total_tokens,
    total_cost_usd = t.total_cost_usd, total_cost_exact_usd = t.total_cost_exact_usd,
    usage_sha256 = billing_usage_sha256($1::date)
FROM (SELECT count(*) AS users, coalesce(sum(b.total_runs), 0) AS total_runs,
             coalesce(sum(b.failed_runs), 0) AS failed_runs, coalesce(sum(b.cancelled_runs), 0) AS cancelled_runs,
             coalesce(sum(b.unpriced_runs), 0) AS unpriced_runs, coalesce(sum(b.total_tokens), 0) AS total_tokens,
             coalesce(sum(b.total_cost_usd), 0)::numeric(30, 2) AS total_cost_usd,
             billing_usage_amount(coalesce(sum(b.total_cost_exact_usd), 0)) AS total_cost_exact_usd
      FROM billing_usage b
      WHERE b.period_start >= $1::date AND b.period_start < $1::date + interval '1 month') t
WHERE p.period_start = $1::date AND p.closed_at IS NULL

-- name: RecordCloseStep
INSERT INTO billing_close_steps (period_start, step, done_by, detail) VALUES ($1::date, $2, $3, $4)
ON CONFLICT (period_start, step) DO NOTHING

-- name: ListCloseSteps
SELECT s.step, s.done_at, s.done_by, s.detail FROM billing_close_steps s WHERE s.period_start = $1::date ORDER BY s.done_at

-- name: MonthsToClose
-- Months that ended at least $2 days before $1, after billsync began to count, and are not closed or not through all
-- their steps, oldest first. Older history is a person's to close.
SELECT to_char(m, 'YYYY-MM') AS month
FROM (SELECT date_trunc('month', f.installed_at AT TIME ZONE 'UTC') AS first FROM billing_usage_fill f) f
CROSS JOIN LATERAL generate_series(
    f.first, date_trunc('month', ($1::timestamptz - make_interval(days => $2::int)) AT TIME ZONE 'UTC') - interval '1 month',
    interval '1 month') m
WHERE NOT EXISTS (SELECT FROM billing_close_steps s WHERE s.period_start = m::date AND s.step = $3)
ORDER BY m

-- name: ListAdjustments
-- Adjustments by origin ($1), month booked in ($2) and user ($3), each optional, newest first.
SELECT a.id, a.kind, a.user_id, a.email, to_char(a.origin_period, 'YYYY-MM') AS origin_period,
       to_char(a.booked_period, 'YYYY-MM') AS booked_period, a.total_runs, a.failed_runs, a.cancelled_runs,
       a.unpriced_runs, a.total_tokens::text AS total_tokens, a.amount_usd::numeric(30, 2)::text AS amount_usd,
       a.amount_exact_usd::text AS amount_exact_usd, a.reason, a.booked_by, a.booked_at
FROM billing_adjustments a
WHERE ($1::date IS NULL OR a.origin_period = $1::date) AND ($2::date IS NULL OR a.booked_period = $2::date)
  AND ($3::uuid IS NULL OR a.user_id = $3::uuid)
ORDER BY a.id DESC

-- name: BookManualAdjustment
-- No row: the origin $2 is not a closed month, or there is no such user.
INSERT INTO billing_adjustments (
    kind, user_id, email, origin_period, booked_period, amount_usd, amount_exact_usd, reason, booked_by)
SELECT 'manual', u.id, u.email, p.period_start, $3::date, $4::numeric, billing_usage_amount($4::numeric), $5, $6
FROM users u
JOIN billing_periods p ON p.period_start = $2::date AND p.closed_at IS NOT NULL
WHERE u.id = $1::uuid
RETURNING id

-- name: RequestClose
-- Primary key. No row: the request before is not finished.
INSERT INTO billing_close_requests (period_start, audit_id) VALUES ($1::date, $2::bigint)
ON CONFLICT (period_start) DO UPDATE
SET audit_id = EXCLUDED.audit_id, requested_at = now(), finished_at = NULL, outcome = NULL, detail = NULL
WHERE billing_close_requests.finished_at IS NOT NULL

-- name: ListCloseRequests
-- That of the month $1, or, if NULL, all that are not finished, the oldest first. A row a month; primary keys.
SELECT to_char(r.period_start, 'YYYY-MM') AS month, r.audit_id, coalesce(a.actor, '') AS requested_by, r.requested_at,
       r.finished_at, r.outcome, r.detail
FROM billing_close_requests r LEFT JOIN billing_audit a ON a.id = r.audit_id
WHERE CASE WHEN $1::date IS NULL THEN r.finished_at IS NULL ELSE r.period_start = $1::date END
ORDER BY r.requested_at, r.period_start

-- name: SettleCloseRequest
-- Only the request ($2) that was carried out. Primary key.
UPDATE billing_close_requests SET finished_at = now(), outcome = $3, detail = "left"($4, 2000)
WHERE period_start = $1::date AND audit_id = $2::bigint AND finished_at IS NULL
