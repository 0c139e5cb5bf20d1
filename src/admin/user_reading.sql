-- name: PlanChangesOfUser
-- Index billing_plan_changes_user.
SELECT billing_shown_time(c.changed_at) AS changed_at, c.from_tier::text AS from_tier, c.to_tier::text AS to_tier,
       c.from_quota, c.to_quota, c.cause, c.stripe_subscription_id AS subscription_id, c.event_id
FROM billing_plan_changes c WHERE c.user_id = $1::uuid ORDER BY c.changed_at DESC, c.id DESC LIMIT 50

-- name: CustomersOfUser
-- Index billing_customers_user.
SELECT c.stripe_customer_id AS customer, c.linked_by, billing_shown_time(c.linked_at) AS linked_at, c.deleted
FROM billing_customers c WHERE c.user_id = $1::uuid ORDER BY c.linked_at DESC LIMIT 20

-- name: QuotaOverrideOfUser
SELECT o.monthly_runs_quota, o.reason, billing_shown_time(o.expires_at) AS expires_at
FROM billing_quota_overrides o
WHERE o.user_id = $1::uuid AND (o.expires_at IS NULL OR o.expires_at > $2::timestamptz)

-- name: QuotaResetsOfUser
-- Primary key.
SELECT r.period_start::text AS period_start, r.previous_used, r.used, r.next_reset_date::text AS next_reset_date
FROM billing_quota_resets r WHERE r.user_id = $1::uuid ORDER BY r.period_start DESC LIMIT 12

-- name: UsageOfUser
-- Index idx_billing_usage_user_period.
SELECT to_char(b.period_start, 'YYYY-MM') AS period, b.total_runs::text AS total_runs, b.failed_runs::text AS failed_runs,
       b.total_tokens::text AS total_tokens, b.total_cost_usd::numeric(30, 2)::text AS total_cost_usd
FROM billing_usage b WHERE b.user_id = $1::uuid ORDER BY b.period_start DESC LIMIT 24

-- name: AdjustmentsOfUser
-- Index billing_adjustments_origin leads by month, of which there are few: the months are walked.
SELECT a.id, to_char(a.origin_period, 'YYYY-MM') AS origin_period, to_char(a.booked_period, 'YYYY-MM') AS booked_period,
       a.amount_usd::numeric(30, 2)::text AS amount_usd, a.reason, a.booked_by
FROM (SELECT p.period_start FROM billing_periods p WHERE p.closed_at IS NOT NULL ORDER BY p.period_start DESC LIMIT 60) m
JOIN billing_adjustments a ON a.origin_period = m.period_start AND a.user_id = $1::uuid
ORDER BY a.id DESC LIMIT 50

-- name: RunsOfUser
-- The newest runs. Index idx_agent_runs_user.
SELECT r.id AS run_id, r.status::text AS status, billing_shown_time(r.created_at) AS created_at,
       billing_shown_time(r.completed_at) AS completed_at, coalesce(r.model_used, 'unknown') AS model,
       r.tokens_total AS tokens, r.cost_usd::text AS cost_usd
FROM agent_runs r WHERE r.user_id = $1::uuid ORDER BY r.created_at DESC LIMIT 20
