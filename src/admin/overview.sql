-- name: RecurringRevenue
-- What the running subscriptions bring in a month, by currency: their price brought to a month (52 weeks, 365 days a
-- year). active and past_due count; a trial brings nothing yet. `unpriced` are those whose amount is not known.
SELECT upper(l.currency) AS currency, count(*) AS subscriptions, count(*) FILTER (WHERE l.amount_minor IS NULL) AS unpriced,
       coalesce(round(sum(l.amount_minor / l.months)), 0)::bigint AS mrr_minor,
       coalesce(sum(l.amount_usd / l.months), 0)::numeric(30, 2)::text AS mrr_usd
FROM (SELECT coalesce(s.currency, 'usd') AS currency,
             CASE WHEN s.currency IS NULL THEN s.amount_usd * 100 ELSE s.amount_minor END AS amount_minor, s.amount_usd,
             coalesce(i.interval_count, 1) * CASE s.billing_interval WHEN 'year' THEN 12.0 WHEN 'week' THEN 12.0 / 52
                                                  WHEN 'day' THEN 12.0 / 365 ELSE 1.0 END AS months
      FROM billing_subscriptions s
      LEFT JOIN (SELECT c.stripe_subscription_id, max(c.interval_count) AS interval_count
                 FROM billing_subscription_items c WHERE c.interval_count > 1 GROUP BY 1) i
             ON i.stripe_subscription_id = s.stripe_subscription_id
      WHERE s.status IN ('active', 'past_due')) l
GROUP BY l.currency ORDER BY sum(l.amount_usd / l.months) DESC NULLS LAST, l.currency

-- name: SubscriptionsByTier
-- Index idx_billing_subscriptions_status.
SELECT s.plan_tier::text AS plan_tier, count(*) FILTER (WHERE s.status = 'active') AS active,
       count(*) FILTER (WHERE s.status = 'trialing') AS trialing,
       count(*) FILTER (WHERE s.status = 'past_due') AS past_due,
       count(*) FILTER (WHERE s.status <> 'trialing' AND s.cancel_at_period_end) AS ending
FROM billing_subscriptions s
WHERE s.status IN ('active', 'trialing', 'past_due')
GROUP BY s.plan_tier ORDER BY s.plan_tier DESC

-- name: RevenueAndCost
-- By month from $1 to $2: revenue and cost as the margin report has them. A closed month brought and cost what was
-- reported for it; an open one brought what its invoices are worth, and what those of closed months have changed by since,
-- if it is the one that reports it; and it cost its runs and the adjustments booked in it. Reads rollups: no invoice, no
-- run. Index billing_adjustments_booked.
WITH worth AS (
    SELECT date_trunc('month', d.day::timestamp)::date AS month, sum(d.revenue_usd) AS usd
    FROM billing_revenue_by_day d GROUP BY 1
), late AS (
    SELECT l.reported AS month,
           sum(coalesce(w.usd, 0) - coalesce((SELECT sum(c.revenue_usd) FROM billing_closed_revenue_by_month c
                                              WHERE c.paid_period = l.closed), 0)) AS usd
    FROM billing_late_months() l LEFT JOIN worth w ON w.month = l.closed
    GROUP BY l.reported
), cost AS (
    SELECT date_trunc('month', d.day::timestamp)::date AS month, sum(d.cost_usd) AS usd
    FROM billing_usage_by_day d WHERE d.day >= $1::date GROUP BY 1
), booked AS (
    SELECT a.booked_period AS month, sum(a.amount_exact_usd) AS usd
    FROM billing_adjustments a WHERE a.booked_period >= $1::date GROUP BY 1
)
SELECT to_char(m.month, 'YYYY-MM') AS period,
       (CASE WHEN p.closed_at IS NULL THEN coalesce(w.usd, 0) + coalesce(l.usd, 0)
             ELSE coalesce((SELECT sum(c.revenue_usd) FROM billing_closed_revenue_by_month c
                            WHERE c.period_start = m.month), 0) END)::numeric(30, 2)::text AS revenue_usd,
       billing_usage_amount(CASE WHEN p.closed_at IS NULL THEN coalesce(k.usd, 0)
                                 ELSE coalesce((SELECT sum(c.cost_usd) FROM billing_closed_usage_by_month c
                                                WHERE c.period_start = m.month), 0) END
                            + coalesce(b.usd, 0))::text AS cost_usd
FROM (SELECT g::date AS month
      FROM generate_series($1::date::timestamp, $2::date::timestamp, interval '1 month') g) m
LEFT JOIN billing_periods p ON p.period_start = m.month
LEFT JOIN worth w ON w.month = m.month
LEFT JOIN late l ON l.month = m.month
LEFT JOIN cost k ON k.month = m.month
LEFT JOIN booked b ON b.month = m.month
ORDER BY m.month

-- name: NearQuota
-- Users at 80 % of their quota or more, the nearest to its end first. Reads users: an index would have to hold
-- monthly_runs_used, and every run would pay for it.
SELECT u.id AS user_id, u.email, u.plan_tier::text AS plan_tier, u.monthly_runs_used, u.monthly_runs_quota,
       u.quota_reset_date::text AS quota_reset_date, count(*) OVER () AS all_users
FROM users u
WHERE u.monthly_runs_used::bigint * 100 >= u.monthly_runs_quota::bigint * 80 AND u.monthly_runs_quota > 0
  AND u.deleted_at IS NULL
ORDER BY u.monthly_runs_used::numeric / u.monthly_runs_quota DESC, u.monthly_runs_used DESC, u.id LIMIT 8
