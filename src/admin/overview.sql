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
-- By month from $1 to $2: what invoices issued in it were paid, less what was refunded, and what its runs cost. Reads
-- the invoices once, from one end to the other; billing_usage_by_day has a row a day and model.
SELECT to_char(m.month, 'YYYY-MM') AS period, coalesce(r.revenue_usd, 0)::numeric(30, 2)::text AS revenue_usd,
       coalesce((SELECT sum(d.cost_usd) FROM billing_usage_by_day d
                 WHERE d.day >= m.month AND d.day < m.month + interval '1 month'), 0)::numeric(30, 2)::text AS cost_usd
FROM (SELECT g AS month
      FROM generate_series($1::date::timestamp, $2::date::timestamp, interval '1 month') g) m
LEFT JOIN (SELECT date_trunc('month', coalesce(b.issued_at, b.created_at)) AS month,
                  sum(coalesce(b.amount_paid_usd, 0) - coalesce(b.amount_refunded_usd, 0)) AS revenue_usd
           FROM billing_invoices b
           WHERE coalesce(b.issued_at, b.created_at) >= $1::date::timestamp AT TIME ZONE 'UTC' AND NOT b.deleted
           GROUP BY 1) r ON r.month = m.month AT TIME ZONE 'UTC'
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
