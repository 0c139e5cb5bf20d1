-- name: FindUsersByEmail
-- Users whose address begins with $1 (lower case; $2 is what follows the last such address). Index
-- billing_users_by_email.
SELECT id FROM users
WHERE lower(email) COLLATE "C" >= $1 AND lower(email) COLLATE "C" < $2
ORDER BY lower(email) COLLATE "C", id LIMIT 100

-- name: ListUsers
-- By address. $1 and $2 as above, $3 id, $4 customer, $5 subscription, $6 tier: a NULL filters nothing. $7 and $8 are
-- the key of the page before. Index billing_users_by_email.
SELECT u.id AS user_id, u.email, u.full_name, u.plan_tier::text AS plan_tier, u.monthly_runs_used,
       u.monthly_runs_quota, u.quota_reset_date::text AS quota_reset_date, u.stripe_customer_id,
       billing_shown_time(u.created_at) AS created_at, u.deleted_at IS NOT NULL AS deleted,
       lower(u.email) COLLATE "C" AS key_1, u.id AS key_2
FROM users u
WHERE ($1::text IS NULL OR (lower(u.email) COLLATE "C" >= $1 AND lower(u.email) COLLATE "C" < $2))
  AND ($3::uuid IS NULL OR u.id = $3)
  AND ($4::text IS NULL OR u.id IN (SELECT c.user_id FROM billing_customers c WHERE c.stripe_customer_id = $4
                                    UNION ALL SELECT p.id FROM users p WHERE p.stripe_customer_id = $4))
  AND ($5::text IS NULL OR u.id IN (SELECT s.user_id FROM billing_subscriptions s WHERE s.stripe_subscription_id = $5))
  AND ($6::text IS NULL OR u.plan_tier::text = $6)
  AND ($7::text IS NULL OR (lower(u.email) COLLATE "C", u.id) > ($7, $8::uuid))
ORDER BY lower(u.email) COLLATE "C", u.id LIMIT $9::int + 1

-- name: FindUser
SELECT u.id AS user_id, u.email, u.full_name, u.plan_tier::text AS plan_tier, u.monthly_runs_used,
       u.monthly_runs_quota, u.quota_reset_date::text AS quota_reset_date, u.stripe_customer_id,
       billing_shown_time(u.created_at) AS created_at, u.deleted_at IS NOT NULL AS deleted
FROM users u WHERE u.id = $1::uuid

-- name: ListInvoices
-- Newest first. $1 status, $2 invoice, $3 customer, $4 subscription, $5 users or $6 number, $7 to $8 issued; a NULL
-- filters nothing. $9 and $10 are the key of the page before. Indexes billing_invoices_listed(_by_status), _by_number,
-- _by_customer, idx_billing_invoices_user.
SELECT b.stripe_invoice_id AS invoice_id, b.number, b.user_id, u.email, b.status,
       billing_shown_time(coalesce(b.issued_at, b.created_at)) AS issued_at, billing_shown_time(b.paid_at) AS paid_at,
       upper(coalesce(b.currency, 'usd')) AS currency, b.amount_minor, b.amount_usd::text AS amount_usd,
       b.amount_paid_usd::text AS amount_paid_usd, b.amount_refunded_usd::text AS amount_refunded_usd,
       b.amount_credited_usd::text AS amount_credited_usd, b.stripe_customer_id AS customer,
       b.stripe_subscription_id AS subscription_id, b.needs_refetch,
       coalesce(billing_shown_time(coalesce(b.issued_at, b.created_at)), '-infinity') AS key_1,
       b.stripe_invoice_id AS key_2
FROM billing_invoices b LEFT JOIN users u ON u.id = b.user_id
WHERE NOT b.deleted AND ($1::text IS NULL OR b.status = $1) AND ($2::text IS NULL OR b.stripe_invoice_id = $2)
  AND ($3::text IS NULL OR b.stripe_customer_id = $3) AND ($4::text IS NULL OR b.stripe_subscription_id = $4)
  AND ($5::uuid[] IS NULL OR b.user_id = ANY ($5) OR b.number = $6)
  AND ($7::timestamptz IS NULL OR (coalesce(b.issued_at, b.created_at, '-infinity') >= $7
                                   AND coalesce(b.issued_at, b.created_at, '-infinity') < $8::timestamptz))
  AND ($9::timestamptz IS NULL
       OR (coalesce(b.issued_at, b.created_at, '-infinity'), b.stripe_invoice_id) < ($9, $10::text))
ORDER BY coalesce(b.issued_at, b.created_at, '-infinity') DESC, b.stripe_invoice_id DESC LIMIT $11::int + 1

-- name: ListSubscriptions
-- Newest first. $1 status, $2 tier, $3 subscription, $4 customer, $5 users; a NULL filters nothing. $6 and $7 are the
-- key of the page before. Indexes billing_subscriptions_listed(_by_status), _by_customer,
-- idx_billing_subscriptions_user.
SELECT s.stripe_subscription_id AS subscription_id, s.user_id, u.email, s.plan_tier::text AS plan_tier, s.status,
       upper(coalesce(s.currency, 'usd')) AS currency, s.amount_minor, s.amount_usd::text AS amount_usd,
       s.billing_interval AS interval, billing_shown_time(coalesce(s.started_at, s.created_at)) AS started_at,
       billing_shown_time(s.current_period_end) AS current_period_end, s.cancel_at_period_end,
       billing_shown_time(s.cancel_at) AS cancel_at, s.scheduled_plan_tier::text AS scheduled_plan_tier,
       billing_shown_time(s.scheduled_change_at) AS scheduled_change_at, s.stripe_customer_id AS customer,
       s.needs_refetch, coalesce(billing_shown_time(coalesce(s.started_at, s.created_at)), '-infinity') AS key_1,
       s.stripe_subscription_id AS key_2
FROM billing_subscriptions s LEFT JOIN users u ON u.id = s.user_id
WHERE ($1::text IS NULL OR s.status = $1) AND ($2::text IS NULL OR s.plan_tier::text = $2)
  AND ($3::text IS NULL OR s.stripe_subscription_id = $3) AND ($4::text IS NULL OR s.stripe_customer_id = $4)
  AND ($5::uuid[] IS NULL OR s.user_id = ANY ($5))
  AND ($6::timestamptz IS NULL
       OR (coalesce(s.started_at, s.created_at, '-infinity'), s.stripe_subscription_id) < ($6, $7::text))
ORDER BY coalesce(s.started_at, s.created_at, '-infinity') DESC, s.stripe_subscription_id DESC LIMIT $8::int + 1

-- name: ListPeriods
-- Months with usage, a state or a request to close them, newest first, before the month $1. Totals of a closed one as they were frozen, of an
-- open one as billing_usage has them. Index billing_usage_period.
SELECT to_char(m.month, 'YYYY-MM') AS period, CASE WHEN p.closed_at IS NULL THEN 'open' ELSE 'closed' END AS state,
       coalesce(p.users, t.users, 0) AS users, coalesce(p.total_runs, t.total_runs, 0)::text AS total_runs,
       coalesce(p.total_tokens, t.total_tokens, 0)::text AS total_tokens,
       coalesce(p.total_cost_usd, t.total_cost_usd, 0)::numeric(30, 2)::text AS total_cost_usd,
       (SELECT count(*) FROM billing_adjustments a WHERE a.origin_period = m.month) AS adjustments,
       (SELECT coalesce(sum(a.amount_usd), 0)::numeric(30, 2)::text FROM billing_adjustments a
        WHERE a.origin_period = m.month) AS adjusted_usd,
       billing_shown_time(p.closed_at) AS closed_at, p.closed_by, p.usage_sha256,
       c.drifts, billing_shown_time(c.checked_at) AS checked_at, to_char(m.month, 'YYYY-MM') AS key_1, '' AS key_2
FROM (SELECT p.period_start AS month FROM billing_periods p
      UNION SELECT r.period_start FROM billing_close_requests r
      UNION SELECT date_trunc('month', d.day::timestamp)::date FROM billing_usage_by_day d) m
LEFT JOIN billing_periods p ON p.period_start = m.month
LEFT JOIN billing_usage_checks c ON c.month = m.month
LEFT JOIN LATERAL (
    SELECT count(*) AS users, sum(b.total_runs) AS total_runs, sum(b.total_tokens) AS total_tokens,
           sum(b.total_cost_usd) AS total_cost_usd
    FROM billing_usage b
    WHERE p.closed_at IS NULL AND b.period_start >= m.month AND b.period_start < m.month + interval '1 month') t ON true
WHERE isfinite(m.month) AND ($1::date IS NULL OR m.month < $1) AND ($2::date IS NULL OR m.month = $2)
ORDER BY m.month DESC LIMIT $3::int + 1

-- name: ListAdjustmentsOfPeriod
-- Corrections of the month $1, and those booked in it, newest first; $2 is the id the page before ended with. Indexes
-- billing_adjustments_origin and _booked.
SELECT a.id, a.kind, a.user_id, a.email, to_char(a.origin_period, 'YYYY-MM') AS origin_period,
       to_char(a.booked_period, 'YYYY-MM') AS booked_period, a.total_runs,
       a.amount_usd::numeric(30, 2)::text AS amount_usd, a.reason, a.booked_by,
       billing_shown_time(a.booked_at) AS booked_at, a.id AS key_1, '' AS key_2
FROM billing_adjustments a
WHERE (a.origin_period = $1::date OR a.booked_period = $1::date) AND ($2::bigint IS NULL OR a.id < $2)
ORDER BY a.id DESC LIMIT $3::int + 1

-- name: ListJobRuns
-- Runs of the job $1, newest first; $2 and $3 are the key of the page before. Index billing_job_runs_job.
SELECT r.id, r.job, billing_shown_time(r.started_at) AS started_at,
       extract(epoch FROM r.finished_at - r.started_at)::numeric(14, 3)::text AS seconds, r.status, r.trigger, r.rows,
       r.detail, r.error, r.owner, billing_shown_time(r.started_at) AS key_1, r.id AS key_2
FROM billing_job_runs r
WHERE r.job = $1 AND ($2::timestamptz IS NULL OR (r.started_at, r.id) < ($2, $3::bigint))
ORDER BY r.started_at DESC, r.id DESC LIMIT $4::int + 1

-- name: JobTrends
-- Seconds of the newest 40 runs of each job, oldest first. Index billing_job_runs_job.
SELECT j.job, t.seconds
FROM billing_jobs j
CROSS JOIN LATERAL (
    SELECT r.started_at, r.id, extract(epoch FROM r.finished_at - r.started_at)::numeric(14, 3)::text AS seconds
    FROM billing_job_runs r WHERE r.job = j.job AND r.status <> 'abandoned'
    ORDER BY r.started_at DESC, r.id DESC LIMIT 40) t
ORDER BY j.job, t.started_at, t.id

-- name: ListAudit
-- Newest first; $1 action, $2 is the id the page before ended with. What has ended is one row: its beginning is told with
-- its end. Primary key, and billing_audit_ended.
SELECT a.id, billing_shown_time(a.at) AS at, a.actor, a.role, a.action, a.target, a.origin, a.outcome, a.detail,
       billing_shown_time(b.at) AS begun_at, a.id AS key_1, '' AS key_2
FROM billing_audit a
LEFT JOIN billing_audit b ON b.id = a.begun_id
WHERE ($1::text IS NULL OR a.action = $1) AND ($2::bigint IS NULL OR a.id < $2)
  AND (a.outcome <> 'begun' OR NOT EXISTS (SELECT FROM billing_audit e WHERE e.begun_id = a.id))
ORDER BY a.id DESC LIMIT $3::int + 1
