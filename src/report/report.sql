-- Every report is one query, which the program wraps: in an order and COPY for a file, in a limit for a page, in sums for
-- the control totals. COPY takes no parameters: there the values are put into the text, for which comments are dropped
-- that stand at the beginning of a line, so there must be no others. Parameters: $1 the first day and $2 the day after the last one of the period; only rows of user
-- $3, tier $4, members of team $5; rows behind the key $6. NULL: not asked for. row_key names a
-- row and is also its place in the order. Users and closed users are joined LEFT by their keys, although each row has its
-- user: a join that nothing is taken from is left out by the planner, which makes the totals cheap.
--
-- Of a closed month everything is read from what was kept when it was closed (billing_closed_…), of an open one from
-- today's tables (billing_live_…): see migration 0012. Team and tier of a user are those the report shows.

-- name: Usage
-- A row a user. Index billing_usage_period, users and billing_closed_users by key.
SELECT to_char(b.period_start, 'YYYY-MM') AS period, b.user_id, v.email, v.full_name, v.plan_tier,
       coalesce(b.total_runs, 0) AS total_runs, b.failed_runs, b.cancelled_runs, b.unpriced_runs,
       coalesce(b.total_tokens, 0) AS total_tokens, coalesce(b.total_cost_usd, 0)::numeric(30, 2) AS total_cost_usd,
       billing_exact_cost(b.rolled_up_at, b.total_cost_exact_usd, b.total_cost_usd)::numeric(30, 6) AS total_cost_exact_usd,
       b.cost_breakdown, b.period_start AS usage_start, b.user_id || '/' || b.period_start AS row_key
FROM billing_usage b
LEFT JOIN users u ON u.id = b.user_id
LEFT JOIN billing_closed_users c
    ON c.period_start = date_trunc('month', b.period_start::timestamp)::date AND c.user_id = b.user_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.user_id IS NULL THEN u.email ELSE c.email END AS email,
           CASE WHEN c.user_id IS NULL THEN u.full_name ELSE c.full_name END AS full_name,
           CASE WHEN c.user_id IS NULL THEN u.plan_tier::text ELSE c.plan_tier END AS plan_tier) v
WHERE b.period_start >= $1::date AND b.period_start < $2::date
  AND ($3::uuid IS NULL OR b.user_id = $3::uuid)
  AND ($4::text IS NULL OR v.plan_tier = $4)
  AND ($5::uuid IS NULL OR $5::uuid = ANY (CASE WHEN c.user_id IS NULL THEN billing_user_teams(b.user_id) ELSE c.team_ids END))
  AND ($6::text IS NULL OR (b.user_id || '/' || b.period_start) COLLATE "C" > $6)

-- name: UsageWide
-- The same with the costs by model, in the order of the models $7, as one text with commas between.
SELECT to_char(b.period_start, 'YYYY-MM') AS period, b.user_id, v.email, v.full_name, v.plan_tier,
       coalesce(b.total_runs, 0) AS total_runs, b.failed_runs, b.cancelled_runs, b.unpriced_runs,
       coalesce(b.total_tokens, 0) AS total_tokens, coalesce(b.total_cost_usd, 0)::numeric(30, 2) AS total_cost_usd,
       billing_exact_cost(b.rolled_up_at, b.total_cost_exact_usd, b.total_cost_usd)::numeric(30, 6) AS total_cost_exact_usd,
       array_to_string(ARRAY(SELECT (m.costs ->> w.model)::numeric(30, 6)::text
                             FROM unnest($7::text[]) WITH ORDINALITY w (model, place) ORDER BY w.place), ',', '') AS costs,
       b.period_start AS usage_start, b.user_id || '/' || b.period_start AS row_key
FROM billing_usage b
LEFT JOIN users u ON u.id = b.user_id
LEFT JOIN billing_closed_users c
    ON c.period_start = date_trunc('month', b.period_start::timestamp)::date AND c.user_id = b.user_id
LEFT JOIN (SELECT a.usage_start, a.user_id, jsonb_object_agg(a.model, a.cost_usd) AS costs
           FROM (SELECT k.usage_start, k.user_id, k.model, k.cost_usd
                 FROM billing_closed_usage_by_model k WHERE k.usage_start >= $1::date AND k.usage_start < $2::date
                 UNION ALL
                 SELECT l.usage_start, l.user_id, l.model, l.cost_usd
                 FROM (SELECT billing_open_months($1::date, $2::date) AS months OFFSET 0) o
                 CROSS JOIN LATERAL billing_live_usage_by_model(o.months) l) a
           GROUP BY a.usage_start, a.user_id) m ON m.usage_start = b.period_start AND m.user_id = b.user_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.user_id IS NULL THEN u.email ELSE c.email END AS email,
           CASE WHEN c.user_id IS NULL THEN u.full_name ELSE c.full_name END AS full_name,
           CASE WHEN c.user_id IS NULL THEN u.plan_tier::text ELSE c.plan_tier END AS plan_tier) v
WHERE b.period_start >= $1::date AND b.period_start < $2::date
  AND ($3::uuid IS NULL OR b.user_id = $3::uuid)
  AND ($4::text IS NULL OR v.plan_tier = $4)
  AND ($5::uuid IS NULL OR $5::uuid = ANY (CASE WHEN c.user_id IS NULL THEN billing_user_teams(b.user_id) ELSE c.team_ids END))
  AND ($6::text IS NULL OR (b.user_id || '/' || b.period_start) COLLATE "C" > $6)

-- name: UsageLong
-- A row a user and model. Index billing_closed_usage_by_model_pkey or billing_usage_by_model_pkey.
SELECT to_char(a.usage_start, 'YYYY-MM') AS period, a.user_id, v.email, v.full_name, v.plan_tier, a.model,
       a.completed_runs AS total_runs, a.failed_runs, a.cancelled_runs, a.unpriced_runs, a.tokens AS total_tokens,
       a.cost_usd::numeric(30, 6) AS cost_usd, a.usage_start,
       a.user_id || '/' || a.usage_start || '/' || a.model AS row_key
FROM (SELECT k.usage_start, k.user_id, k.model, k.completed_runs, k.failed_runs, k.cancelled_runs, k.unpriced_runs,
             k.tokens, k.cost_usd
      FROM billing_closed_usage_by_model k WHERE k.usage_start >= $1::date AND k.usage_start < $2::date
      UNION ALL
      SELECT l.usage_start, l.user_id, l.model, l.completed_runs, l.failed_runs, l.cancelled_runs, l.unpriced_runs,
             l.tokens, l.cost_usd
      FROM (SELECT billing_open_months($1::date, $2::date) AS months OFFSET 0) o
      CROSS JOIN LATERAL billing_live_usage_by_model(o.months) l) a
LEFT JOIN users u ON u.id = a.user_id
LEFT JOIN billing_closed_users c
    ON c.period_start = date_trunc('month', a.usage_start::timestamp)::date AND c.user_id = a.user_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.user_id IS NULL THEN u.email ELSE c.email END AS email,
           CASE WHEN c.user_id IS NULL THEN u.full_name ELSE c.full_name END AS full_name,
           CASE WHEN c.user_id IS NULL THEN u.plan_tier::text ELSE c.plan_tier END AS plan_tier) v
WHERE ($3::uuid IS NULL OR a.user_id = $3::uuid)
  AND ($4::text IS NULL OR v.plan_tier = $4)
  AND ($5::uuid IS NULL OR $5::uuid = ANY (CASE WHEN c.user_id IS NULL THEN billing_user_teams(a.user_id) ELSE c.team_ids END))
  AND ($6::text IS NULL OR (a.user_id || '/' || a.usage_start || '/' || a.model) COLLATE "C" > $6)

-- name: UsageFocus
-- The long rows in the columns of FOCUS 1.0. What a run costs the platform is every one of the four costs: there is no
-- list price beside it and nothing to amortise.
SELECT a.cost_usd::numeric(30, 6) AS billed_cost, 'platform' AS billing_account_id, 'Agent platform' AS billing_account_name,
       'USD' AS billing_currency, t.ends_at AS billing_period_end, t.starts_at AS billing_period_start,
       'Usage' AS charge_category, NULL AS charge_class, 'Agent runs of model ' || a.model AS charge_description,
       'Usage-Based' AS charge_frequency, t.ends_at AS charge_period_end, t.starts_at AS charge_period_start,
       a.tokens AS consumed_quantity, CASE WHEN a.tokens IS NOT NULL THEN 'Tokens' END AS consumed_unit,
       a.cost_usd::numeric(30, 6) AS contracted_cost, a.cost_usd::numeric(30, 6) AS effective_cost,
       'Agent platform' AS invoice_issuer_name, a.cost_usd::numeric(30, 6) AS list_cost,
       'Standard' AS pricing_category, a.tokens AS pricing_quantity,
       CASE WHEN a.tokens IS NOT NULL THEN 'Tokens' END AS pricing_unit, 'Agent platform' AS provider_name,
       'Agent platform' AS publisher_name, NULL AS region_id, NULL AS region_name, a.model AS resource_id,
       a.model AS resource_name, 'Model' AS resource_type, 'AI and Machine Learning' AS service_category,
       'Agent runs' AS service_name, a.model AS sku_id, a.user_id AS sub_account_id, v.email AS sub_account_name,
       NULL AS tags, to_char(a.usage_start, 'YYYY-MM') AS x_period, v.plan_tier AS x_plan_tier,
       a.completed_runs AS x_completed_runs, a.failed_runs AS x_failed_runs, a.cancelled_runs AS x_cancelled_runs,
       a.unpriced_runs AS x_unpriced_runs, a.usage_start,
       a.user_id || '/' || a.usage_start || '/' || a.model AS row_key
FROM (SELECT k.usage_start, k.user_id, k.model, k.completed_runs, k.failed_runs, k.cancelled_runs, k.unpriced_runs,
             k.tokens, k.cost_usd
      FROM billing_closed_usage_by_model k WHERE k.usage_start >= $1::date AND k.usage_start < $2::date
      UNION ALL
      SELECT l.usage_start, l.user_id, l.model, l.completed_runs, l.failed_runs, l.cancelled_runs, l.unpriced_runs,
             l.tokens, l.cost_usd
      FROM (SELECT billing_open_months($1::date, $2::date) AS months OFFSET 0) o
      CROSS JOIN LATERAL billing_live_usage_by_model(o.months) l) a
LEFT JOIN users u ON u.id = a.user_id
LEFT JOIN billing_closed_users c
    ON c.period_start = date_trunc('month', a.usage_start::timestamp)::date AND c.user_id = a.user_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.user_id IS NULL THEN u.email ELSE c.email END AS email,
           CASE WHEN c.user_id IS NULL THEN u.plan_tier::text ELSE c.plan_tier END AS plan_tier) v
CROSS JOIN LATERAL (
    SELECT to_char(date_trunc('month', a.usage_start::timestamp), 'YYYY-MM-DD"T00:00:00Z"') AS starts_at,
           to_char(date_trunc('month', a.usage_start::timestamp) + interval '1 month', 'YYYY-MM-DD"T00:00:00Z"') AS ends_at) t
WHERE ($3::uuid IS NULL OR a.user_id = $3::uuid)
  AND ($4::text IS NULL OR v.plan_tier = $4)
  AND ($5::uuid IS NULL OR $5::uuid = ANY (CASE WHEN c.user_id IS NULL THEN billing_user_teams(a.user_id) ELSE c.team_ids END))
  AND ($6::text IS NULL OR (a.user_id || '/' || a.usage_start || '/' || a.model) COLLATE "C" > $6)

-- name: UsageModels
-- The models of a period, for the columns of the wide layout, whatever rows are asked for: at most one more than $3.
SELECT a.model
FROM (SELECT k.model FROM billing_closed_usage_by_model k
      WHERE k.usage_start >= $1::date AND k.usage_start < $2::date
      UNION
      SELECT l.model COLLATE "C" FROM (SELECT billing_open_months($1::date, $2::date) AS months OFFSET 0) o
 CROSS JOIN LATERAL billing_live_usage_by_model(o.months) l) a
ORDER BY a.model COLLATE "C"
LIMIT $3::bigint + 1

-- name: Invoices
-- A row an invoice, the oldest first, by the month Stripe issued it in; one that was heard of after that month was
-- closed, in the first month that was open then. Drafts and void invoices are there: the status tells them apart. $7 is the
-- moment in the key $6, by which index billing_invoices_period skips the pages before.
SELECT i.stripe_invoice_id AS invoice, i.number, i.user_id, v.email,
       i.stripe_customer_id AS customer, i.stripe_subscription_id AS subscription, i.status, i.billing_reason,
       to_char(i.issued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS issued_at,
       to_char(i.finalized_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS finalized_at,
       to_char(i.paid_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS paid_at,
       to_char(i.due_date, 'YYYY-MM-DD') AS due_date, i.currency, i.amount_minor, i.amount_paid_minor,
       i.amount_remaining_minor, i.amount_credited_minor, i.usd_per_unit, i.amount_usd::numeric(30, 2) AS amount_usd,
       i.amount_paid_usd::numeric(30, 2) AS amount_paid_usd, i.amount_credited_usd::numeric(30, 2) AS amount_credited_usd,
       i.amount_refunded_minor, i.amount_refunded_usd::numeric(30, 2) AS amount_refunded_usd,
       to_char(i.period_start, 'YYYY-MM') AS period, to_char(i.issued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '/' || i.stripe_invoice_id AS row_key
FROM (SELECT k.period_start, k.stripe_invoice_id, k.user_id, k.number, k.stripe_customer_id, k.stripe_subscription_id,
             k.status, k.billing_reason, k.issued_at, k.finalized_at, k.paid_at, k.due_date, k.currency, k.amount_minor,
             k.amount_paid_minor, k.amount_remaining_minor, k.amount_credited_minor, k.amount_refunded_minor,
             k.usd_per_unit, k.amount_usd, k.amount_paid_usd, k.amount_credited_usd, k.amount_refunded_usd
      FROM billing_closed_invoices k WHERE k.period_start >= $1::date AND k.period_start < $2::date
      UNION ALL
      SELECT l.period_start, l.stripe_invoice_id, l.user_id, l.number, l.stripe_customer_id, l.stripe_subscription_id,
             l.status, l.billing_reason, l.issued_at, l.finalized_at, l.paid_at, l.due_date, l.currency, l.amount_minor,
             l.amount_paid_minor, l.amount_remaining_minor, l.amount_credited_minor, l.amount_refunded_minor,
             l.usd_per_unit, l.amount_usd, l.amount_paid_usd, l.amount_credited_usd, l.amount_refunded_usd
      FROM (SELECT billing_open_months($1::date, $2::date) AS months OFFSET 0) o
      CROSS JOIN LATERAL billing_live_invoices(o.months) l) i
LEFT JOIN users u ON u.id = i.user_id
LEFT JOIN billing_closed_users c ON c.period_start = i.period_start AND c.user_id = i.user_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.user_id IS NULL THEN u.email ELSE c.email END AS email,
           CASE WHEN c.user_id IS NULL THEN u.plan_tier::text ELSE c.plan_tier END AS plan_tier) v
WHERE ($3::uuid IS NULL OR i.user_id = $3::uuid)
  AND ($4::text IS NULL OR v.plan_tier = $4)
  AND ($5::uuid IS NULL OR $5::uuid = ANY (CASE WHEN c.user_id IS NULL THEN billing_user_teams(i.user_id) ELSE c.team_ids END))
  AND ($6::text IS NULL
       OR (to_char(i.issued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '/' || i.stripe_invoice_id) COLLATE "C" > $6)
  AND ($7::timestamptz IS NULL OR i.issued_at >= $7::timestamptz)

-- name: Subscriptions
-- A row a month and subscription that lived for some of it, as it stands now, or stood when the month was closed. The
-- tier asked for is the subscription's.
SELECT to_char(s.period_start, 'YYYY-MM') AS period, s.stripe_subscription_id AS subscription, s.user_id, v.email,
       s.stripe_customer_id AS customer, s.status, s.plan_tier, s.stripe_price_id AS price,
       coalesce(s.currency, 'USD') AS currency, s.amount_minor, s.amount_usd::numeric(30, 2) AS amount_usd,
       s.billing_interval, s.interval_count, s.monthly_usd::numeric(30, 2) AS monthly_usd,
       to_char(s.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at,
       to_char(s.current_period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS current_period_start,
       to_char(s.current_period_end AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS current_period_end,
       to_char(s.trial_end AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS trial_end,
       CASE WHEN s.cancel_at_period_end THEN 'true' ELSE 'false' END AS cancel_at_period_end,
       to_char(s.cancel_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS cancel_at,
       to_char(s.canceled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS canceled_at,
       to_char(s.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS ended_at,
       to_char(s.scheduled_change_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS scheduled_change_at,
       s.scheduled_plan_tier, to_char(s.period_start, 'YYYY-MM') || '/' || s.stripe_subscription_id AS row_key
FROM (SELECT k.period_start, k.stripe_subscription_id, k.user_id, k.stripe_customer_id, k.status, k.plan_tier,
             k.stripe_price_id, k.currency, k.amount_minor, k.amount_usd, k.billing_interval, k.interval_count,
             k.monthly_usd, k.started_at, k.current_period_start, k.current_period_end, k.trial_end,
             k.cancel_at_period_end, k.cancel_at, k.canceled_at, k.ended_at, k.scheduled_change_at, k.scheduled_plan_tier
      FROM billing_closed_subscriptions k WHERE k.period_start >= $1::date AND k.period_start < $2::date
      UNION ALL
      SELECT l.period_start, l.stripe_subscription_id, l.user_id, l.stripe_customer_id, l.status, l.plan_tier,
             l.stripe_price_id, l.currency, l.amount_minor, l.amount_usd, l.billing_interval, l.interval_count,
             l.monthly_usd, l.started_at, l.current_period_start, l.current_period_end, l.trial_end,
             l.cancel_at_period_end, l.cancel_at, l.canceled_at, l.ended_at, l.scheduled_change_at, l.scheduled_plan_tier
      FROM (SELECT billing_open_months($1::date, $2::date) AS months OFFSET 0) o
      CROSS JOIN LATERAL billing_live_subscriptions(o.months) l) s
LEFT JOIN users u ON u.id = s.user_id
LEFT JOIN billing_closed_users c ON c.period_start = s.period_start AND c.user_id = s.user_id
CROSS JOIN LATERAL (SELECT CASE WHEN c.user_id IS NULL THEN u.email ELSE c.email END AS email) v
WHERE ($3::uuid IS NULL OR s.user_id = $3::uuid)
  AND ($4::text IS NULL OR s.plan_tier = $4)
  AND ($5::uuid IS NULL OR $5::uuid = ANY (CASE WHEN c.user_id IS NULL THEN billing_user_teams(s.user_id) ELSE c.team_ids END))
  AND ($6::text IS NULL OR (to_char(s.period_start, 'YYYY-MM') || '/' || s.stripe_subscription_id) COLLATE "C" > $6)

-- name: Margin
-- A row a month and user. Revenue: invoices paid in the month (UTC) less what was refunded of them, in US dollars; and
-- what has changed since of invoices paid in closed months, which late_revenue_usd shows apart. Cost: the exact cost of
-- the month's runs and the adjustments booked in it.
SELECT to_char(m.month, 'YYYY-MM') AS period, m.user_id, v.email, v.full_name, v.plan_tier,
       m.revenue::numeric(30, 2) AS revenue_usd, m.late::numeric(30, 2) AS late_revenue_usd,
       m.run_cost::numeric(30, 6) AS run_cost_usd, m.adjustments::numeric(30, 6) AS adjustments_usd,
       (m.run_cost + m.adjustments)::numeric(30, 6) AS cost_usd,
       (m.revenue - m.run_cost - m.adjustments)::numeric(30, 6) AS margin_usd,
       CASE WHEN m.revenue > 0
            THEN ((m.revenue - m.run_cost - m.adjustments) / m.revenue)::numeric(30, 4) END AS margin_share,
       m.user_id || '/' || to_char(m.month, 'YYYY-MM') AS row_key
FROM (SELECT p.month, p.user_id, sum(p.revenue) AS revenue, sum(p.late) AS late, sum(p.run_cost) AS run_cost,
             sum(p.adjustments) AS adjustments
      FROM (SELECT date_trunc('month', b.period_start::timestamp)::date AS month, b.user_id, 0 AS revenue, 0 AS late,
                   billing_exact_cost(b.rolled_up_at, b.total_cost_exact_usd, b.total_cost_usd) AS run_cost,
                   0 AS adjustments
            FROM billing_usage b WHERE b.period_start >= $1::date AND b.period_start < $2::date
            UNION ALL
            SELECT a.booked_period, a.user_id, 0, 0, 0, a.amount_exact_usd
            FROM billing_adjustments a WHERE a.booked_period >= $1::date AND a.booked_period < $2::date
            UNION ALL
            SELECT r.period_start, r.user_id, r.amount_usd,
                   CASE WHEN r.paid_period <> r.period_start THEN r.amount_usd ELSE 0 END, 0, 0
            FROM (SELECT k.period_start, k.paid_period, k.user_id, k.amount_usd
                  FROM billing_closed_revenue k WHERE k.period_start >= $1::date AND k.period_start < $2::date
                  UNION ALL
                  SELECT l.period_start, l.paid_period, l.user_id, l.amount_usd
                  FROM (SELECT billing_open_months($1::date, $2::date) AS months OFFSET 0) o
                  CROSS JOIN LATERAL billing_live_revenue(o.months) l) r) p
      WHERE $3::uuid IS NULL OR p.user_id = $3::uuid
      GROUP BY p.month, p.user_id) m
LEFT JOIN users u ON u.id = m.user_id
LEFT JOIN billing_closed_users c ON c.period_start = m.month AND c.user_id = m.user_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.user_id IS NULL THEN u.email ELSE c.email END AS email,
           CASE WHEN c.user_id IS NULL THEN u.full_name ELSE c.full_name END AS full_name,
           CASE WHEN c.user_id IS NULL THEN u.plan_tier::text ELSE c.plan_tier END AS plan_tier) v
WHERE ($4::text IS NULL OR v.plan_tier = $4)
  AND ($5::uuid IS NULL OR $5::uuid = ANY (CASE WHEN c.user_id IS NULL THEN billing_user_teams(m.user_id) ELSE c.team_ids END))
  AND ($6::text IS NULL OR (m.user_id || '/' || to_char(m.month, 'YYYY-MM')) COLLATE "C" > $6)

-- name: Adjustments
-- Corrections of closed months that were booked in the period, in the order they were booked. Index
-- billing_adjustments_booked.
SELECT to_char(a.booked_period, 'YYYY-MM') AS period, a.id AS adjustment, a.kind,
       to_char(a.origin_period, 'YYYY-MM') AS origin_period, a.user_id, a.email,
       a.total_runs, a.failed_runs, a.cancelled_runs, a.unpriced_runs, a.total_tokens,
       a.amount_usd::numeric(30, 2) AS amount_usd, a.amount_exact_usd::numeric(30, 6) AS amount_exact_usd,
       a.cost_breakdown, a.reason, a.booked_by,
       to_char(a.booked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS booked_at,
       to_char(a.id, 'FM00000000000000000000') AS row_key
FROM billing_adjustments a
LEFT JOIN users u ON u.id = a.user_id
LEFT JOIN billing_closed_users c ON c.period_start = a.booked_period AND c.user_id = a.user_id
WHERE a.booked_period >= $1::date AND a.booked_period < $2::date
  AND ($3::uuid IS NULL OR a.user_id = $3::uuid)
  AND ($4::text IS NULL OR CASE WHEN c.user_id IS NULL THEN u.plan_tier::text ELSE c.plan_tier END = $4)
  AND ($5::uuid IS NULL OR $5::uuid = ANY (CASE WHEN c.user_id IS NULL THEN billing_user_teams(a.user_id) ELSE c.team_ids END))
  AND ($6::text IS NULL OR to_char(a.id, 'FM00000000000000000000') COLLATE "C" > $6)

-- name: AdjustmentsFocus
-- The same in the columns of FOCUS 1.0: corrections of what was charged in an earlier period, charged in the one they
-- were booked in.
SELECT a.amount_exact_usd::numeric(30, 6) AS billed_cost, 'platform' AS billing_account_id,
       'Agent platform' AS billing_account_name, 'USD' AS billing_currency, t.ends_at AS billing_period_end,
       t.starts_at AS billing_period_start,
       CASE a.kind WHEN 'usage' THEN 'Usage' ELSE 'Adjustment' END AS charge_category, 'Correction' AS charge_class,
       a.reason AS charge_description, 'One-Time' AS charge_frequency, t.origin_ends_at AS charge_period_end,
       t.origin_starts_at AS charge_period_start, a.total_tokens AS consumed_quantity, 'Tokens' AS consumed_unit,
       a.amount_exact_usd::numeric(30, 6) AS contracted_cost, a.amount_exact_usd::numeric(30, 6) AS effective_cost,
       'Agent platform' AS invoice_issuer_name, a.amount_exact_usd::numeric(30, 6) AS list_cost,
       'Standard' AS pricing_category, a.total_tokens AS pricing_quantity, 'Tokens' AS pricing_unit,
       'Agent platform' AS provider_name, 'Agent platform' AS publisher_name, NULL AS region_id, NULL AS region_name,
       NULL AS resource_id, NULL AS resource_name, NULL AS resource_type, 'AI and Machine Learning' AS service_category,
       'Agent runs' AS service_name, NULL AS sku_id, a.user_id AS sub_account_id, a.email AS sub_account_name,
       NULL AS tags, to_char(a.booked_period, 'YYYY-MM') AS x_period, NULL AS x_plan_tier,
       a.total_runs AS x_completed_runs, a.failed_runs AS x_failed_runs, a.cancelled_runs AS x_cancelled_runs,
       a.unpriced_runs AS x_unpriced_runs, a.id AS x_adjustment, to_char(a.id, 'FM00000000000000000000') AS row_key
FROM billing_adjustments a
LEFT JOIN users u ON u.id = a.user_id
LEFT JOIN billing_closed_users c ON c.period_start = a.booked_period AND c.user_id = a.user_id
CROSS JOIN LATERAL (
    SELECT to_char(a.booked_period, 'YYYY-MM-DD"T00:00:00Z"') AS starts_at,
           to_char(a.booked_period + interval '1 month', 'YYYY-MM-DD"T00:00:00Z"') AS ends_at,
           to_char(a.origin_period, 'YYYY-MM-DD"T00:00:00Z"') AS origin_starts_at,
           to_char(a.origin_period + interval '1 month', 'YYYY-MM-DD"T00:00:00Z"') AS origin_ends_at) t
WHERE a.booked_period >= $1::date AND a.booked_period < $2::date
  AND ($3::uuid IS NULL OR a.user_id = $3::uuid)
  AND ($4::text IS NULL OR CASE WHEN c.user_id IS NULL THEN u.plan_tier::text ELSE c.plan_tier END = $4)
  AND ($5::uuid IS NULL OR $5::uuid = ANY (CASE WHEN c.user_id IS NULL THEN billing_user_teams(a.user_id) ELSE c.team_ids END))
  AND ($6::text IS NULL OR to_char(a.id, 'FM00000000000000000000') COLLATE "C" > $6)

-- name: PeriodStates
-- Every month of the period, with its state and the digest of a closed one.
SELECT to_char(m.month, 'YYYY-MM') AS month, p.closed_at, p.usage_sha256
FROM generate_series($1::timestamp, $2::timestamp - interval '1 day', interval '1 month') m (month)
LEFT JOIN billing_periods p ON p.period_start = m.month::date
ORDER BY m.month

-- name: SnapshotMoment
SELECT now() AS as_of
