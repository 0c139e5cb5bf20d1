-- name: DeclareUsage
-- Rows of the usage report for the month that begins at $1 (both ends are passed to every report), by user id and day,
-- which makes the order total. Of a closed month users are shown as they were when it was closed. Index
-- billing_usage_period, users and billing_closed_users by key.
DECLARE report_rows NO SCROLL CURSOR FOR
SELECT to_char(b.period_start, 'YYYY-MM') AS period, b.user_id,
       CASE WHEN c.user_id IS NULL THEN u.email ELSE c.email END AS email,
       CASE WHEN c.user_id IS NULL THEN u.full_name ELSE c.full_name END AS full_name,
       CASE WHEN c.user_id IS NULL THEN u.plan_tier::text ELSE c.plan_tier END AS plan_tier,
       b.total_runs, b.failed_runs, b.cancelled_runs, b.unpriced_runs, b.total_tokens,
       b.total_cost_usd::numeric(30, 2) AS total_cost_usd,
       b.total_cost_exact_usd::numeric(30, 6) AS total_cost_exact_usd, b.cost_breakdown
FROM billing_usage b
JOIN users u ON u.id = b.user_id
LEFT JOIN billing_closed_users c ON c.period_start = $1::timestamptz::date AND c.user_id = b.user_id
WHERE b.period_start >= $1::timestamptz::date AND b.period_start < $2::timestamptz::date
ORDER BY b.user_id, b.period_start

-- name: TotalsUsage
SELECT 'USD' AS currency, count(*) AS rows, coalesce(sum(total_runs), 0)::text AS total_runs,
       coalesce(sum(total_tokens), 0)::text AS total_tokens,
       coalesce(sum(total_cost_usd), 0)::numeric(30, 2)::text AS total_cost_usd,
       coalesce(sum(total_cost_exact_usd), 0)::numeric(30, 6)::text AS total_cost_exact_usd
FROM billing_usage WHERE period_start >= $1::timestamptz::date AND period_start < $2::timestamptz::date

-- name: DeclareAdjustments
-- Corrections of closed months that were booked in the month that begins at $1, in the order they were booked. Index
-- billing_adjustments_booked.
DECLARE report_rows NO SCROLL CURSOR FOR
SELECT to_char(a.booked_period, 'YYYY-MM') AS period, a.id AS adjustment, a.kind,
       to_char(a.origin_period, 'YYYY-MM') AS origin_period, a.user_id, a.email,
       a.total_runs, a.failed_runs, a.cancelled_runs, a.unpriced_runs, a.total_tokens,
       a.amount_usd::numeric(30, 2) AS amount_usd, a.amount_exact_usd::numeric(30, 6) AS amount_exact_usd,
       a.cost_breakdown, a.reason, a.booked_by,
       to_char(a.booked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS booked_at
FROM billing_adjustments a
WHERE a.booked_period >= $1::timestamptz::date AND a.booked_period < $2::timestamptz::date
ORDER BY a.id

-- name: TotalsAdjustments
SELECT 'USD' AS currency, count(*) AS rows, coalesce(sum(total_runs), 0)::text AS total_runs,
       coalesce(sum(total_tokens), 0)::text AS total_tokens,
       coalesce(sum(amount_usd), 0)::numeric(30, 2)::text AS amount_usd,
       coalesce(sum(amount_exact_usd), 0)::numeric(30, 6)::text AS amount_exact_usd
FROM billing_adjustments
WHERE booked_period >= $1::timestamptz::date AND booked_period < $2::timestamptz::date

-- name: PeriodState
SELECT CASE WHEN EXISTS (SELECT FROM billing_periods
                         WHERE period_start = $1::timestamptz::date AND closed_at IS NOT NULL)
            THEN 'closed' ELSE 'open' END AS state

-- name: DeclareInvoices
-- Invoices Stripe created in the month, oldest first. Rows from before billsync have neither issued_at nor currency: they
-- count by the day they were recorded, in US dollars. Index billing_invoices_period.
DECLARE report_rows NO SCROLL CURSOR FOR
SELECT b.stripe_invoice_id, b.number, b.user_id, u.email, b.stripe_customer_id, b.stripe_subscription_id, b.status,
       b.billing_reason, to_char(coalesce(b.issued_at, b.created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS issued_at,
       to_char(b.finalized_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS finalized_at,
       to_char(b.paid_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS paid_at,
       to_char(b.due_date, 'YYYY-MM-DD') AS due_date, upper(coalesce(b.currency, 'usd')) AS currency,
       b.amount_minor, b.amount_paid_minor, b.amount_remaining_minor, b.amount_credited_minor,
       b.usd_per_unit, b.amount_usd, b.amount_paid_usd, b.amount_credited_usd, b.amount_refunded_minor,
       b.amount_refunded_usd
FROM billing_invoices b JOIN users u ON u.id = b.user_id
WHERE coalesce(b.issued_at, b.created_at) >= $1::timestamptz AND coalesce(b.issued_at, b.created_at) < $2::timestamptz
  AND NOT b.deleted
ORDER BY coalesce(b.issued_at, b.created_at), b.stripe_invoice_id

-- name: TotalsInvoices
-- Per currency; the US dollar sums are over the invoices of that currency. Drafts and void invoices are counted in rows
-- and amounts as they stand: the status column tells them apart.
SELECT upper(coalesce(currency, 'usd')) AS currency, count(*) AS rows, coalesce(sum(amount_minor), 0)::text AS amount_minor,
       coalesce(sum(amount_paid_minor), 0)::text AS amount_paid_minor,
       coalesce(sum(amount_usd), 0)::text AS amount_usd, coalesce(sum(amount_paid_usd), 0)::text AS amount_paid_usd,
       coalesce(sum(amount_credited_minor), 0)::text AS amount_credited_minor,
       coalesce(sum(amount_credited_usd), 0)::numeric(20, 2)::text AS amount_credited_usd,
       coalesce(sum(amount_refunded_minor), 0)::text AS amount_refunded_minor,
       coalesce(sum(amount_refunded_usd), 0)::numeric(20, 2)::text AS amount_refunded_usd
FROM billing_invoices
WHERE coalesce(issued_at, created_at) >= $1::timestamptz AND coalesce(issued_at, created_at) < $2::timestamptz
  AND NOT deleted
GROUP BY coalesce(currency, 'usd') ORDER BY 1

-- name: FetchRows
FETCH FORWARD 2000 FROM report_rows

-- name: SnapshotMoment
SELECT now() AS as_of

-- name: CloseRows
CLOSE report_rows
