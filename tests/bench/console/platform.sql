-- What the console shows of :users users with 12 invoices each, and of ten million runs as their rollups have them.
SET session_replication_role = replica;
INSERT INTO users (id, email, full_name, plan_tier, monthly_runs_quota, monthly_runs_used, stripe_customer_id)
SELECT md5('user' || n)::uuid, 'user' || lpad(n::text, 7, '0') || '@example.com', 'User Number ' || n,
       (ARRAY['free', 'pro', 'pro', 'enterprise'])[1 + n % 4]::plan_tier, (ARRAY[100, 1000, 1000, 10000])[1 + n % 4],
       n * 7919 % 97, 'cus_' || n
FROM generate_series(1, :users) n;
INSERT INTO billing_customers (stripe_customer_id, user_id, linked_by)
SELECT 'cus_' || n, md5('user' || n)::uuid, 'users' FROM generate_series(1, :users) n;
INSERT INTO billing_subscriptions (user_id, stripe_subscription_id, stripe_price_id, plan_tier, status, current_period_start,
                                   current_period_end, amount_usd, amount_minor, currency, billing_interval,
                                   stripe_customer_id, started_at, created_at, updated_at)
SELECT md5('user' || n)::uuid, 'sub_' || n, 'price_pro', 'pro',
       (ARRAY['active', 'active', 'active', 'trialing', 'past_due', 'canceled'])[1 + n % 6],
       now() - interval '10 days', now() + interval '20 days', 29, 2900, 'usd', 'month', 'cus_' || n,
       now() - n * interval '7 minutes', now(), now()
FROM generate_series(1, :users) n WHERE n % 4 > 0;
INSERT INTO billing_subscription_items (stripe_subscription_id, item_id, user_id, price_id, quantity, currency, unit_amount,
                                        billing_interval, interval_count, metered, tiered, meaning, plan_tier)
SELECT 'sub_' || n, 'si_' || n, md5('user' || n)::uuid, 'price_pro', 1, 'usd', 2900, 'month', 1, false, false, 'tier', 'pro'
FROM generate_series(1, :users) n WHERE n % 4 > 0;
-- In the order of time, as they are written in life.
INSERT INTO billing_invoices (user_id, stripe_invoice_id, amount_usd, amount_paid_usd, amount_refunded_usd, amount_minor,
                              amount_paid_minor, currency, status, paid, issued_at, created_at,
                              stripe_customer_id, stripe_subscription_id, number)
SELECT md5('user' || n)::uuid, 'in_' || m || '_' || n, 29, CASE WHEN n % 50 = 0 THEN 0 ELSE 29 END,
       CASE WHEN n % 40 = 0 THEN 9.5 END, 2900, CASE WHEN n % 50 = 0 THEN 0 ELSE 2900 END, 'usd',
       (CASE WHEN n % 50 = 0 THEN 'open' ELSE 'paid' END), n % 50 > 0, t.at, t.at, 'cus_' || n, 'sub_' || n, 'A-' || m || '-' || n
FROM generate_series(0, 11) m
CROSS JOIN generate_series(1, :users) n
CROSS JOIN LATERAL (SELECT now() - make_interval(months => 11 - m) - (:users - n) * interval '20 seconds' AS at) t;
INSERT INTO billing_usage_by_day (day, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
SELECT d::date, model, 2800, 140, 60, 3, 3000 * 900, 3000 * price
FROM generate_series(now() - interval '1 year', now(), interval '1 day') d
CROSS JOIN (VALUES ('gpt-4o', 0.0025), ('gpt-4o-mini', 0.0002), ('claude-sonnet', 0.0031), ('claude-opus', 0.015),
                   ('llama3', 0.0004), ('mistral-large', 0.002), ('gemini-pro', 0.0019), ('unknown', 0)) v (model, price);
INSERT INTO billing_usage_by_model (month, user_id, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs,
                                    tokens, cost_usd)
SELECT m::date, md5('user' || n)::uuid, v.model, n % 23, n % 5, n % 2, 0, n % 23 * 900, n % 23 * v.price
FROM generate_series(date_trunc('month', now()) - interval '2 months', now(), interval '1 month') m
CROSS JOIN generate_series(1, :users) n
CROSS JOIN (VALUES ('gpt-4o', 0.0025), ('claude-sonnet', 0.0031), ('llama3', 0.0004)) v (model, price);
INSERT INTO billing_usage (user_id, period_start, period_end, total_runs, failed_runs, cancelled_runs, unpriced_runs,
                           total_tokens, total_cost_usd, total_cost_exact_usd, cost_breakdown, rolled_up_at)
SELECT b.user_id, b.month, b.month + interval '1 month', sum(b.completed_runs), sum(b.failed_runs), sum(b.cancelled_runs), 0,
       sum(b.tokens), round(sum(b.cost_usd), 2), sum(b.cost_usd), jsonb_object_agg(b.model, b.cost_usd), now()
FROM billing_usage_by_model b GROUP BY b.user_id, b.month;
INSERT INTO stripe_events (id, type, object_type, object_id, customer, created, livemode, payload, status, reason, applied_at,
                           received_at, next_attempt_at)
SELECT 'evt_' || n, 'invoice.paid', 'invoice', 'in_11_' || n, 'cus_' || n, now(), false, '{}',
       CASE WHEN n % 500 = 0 THEN 'parked' ELSE 'applied' END, CASE WHEN n % 500 = 0 THEN 'unknown_customer' END,
       CASE WHEN n % 500 > 0 THEN now() END, now() - (:users - n) * interval '1 second', now() + interval '1 day'
FROM generate_series(1, :users) n;
INSERT INTO billing_revenue_by_day (day, revenue_usd)
SELECT billing_revenue_day(i.paid_at, i.issued_at, i.created_at),
       sum(billing_revenue_usd(i.status, i.deleted, i.amount_paid_usd, i.amount_refunded_usd))
FROM billing_invoices i GROUP BY 1;
SET session_replication_role = origin;
