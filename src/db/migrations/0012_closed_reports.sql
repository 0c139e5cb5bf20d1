-- What finance's reports say of a closed month, kept when it is closed: a report of a closed month is the same bytes for
-- ever, and invoices, subscriptions and users go on changing. What changes later is not lost: it shows in the first
-- month that is still open.
--
-- note: keeps the reports of months that are closed already, as they stand now
--
-- Locks: none that anybody waits for; billing_closed_users gets a column without a default.

-- ── What is kept ───────────────────────────────────────────────────────────────────────────────────────────────────

-- Tables of columns instead of finished files: every format, layout and filter of a closed month can still be asked for.

ALTER TABLE billing_closed_users ADD COLUMN team_ids uuid[];
COMMENT ON COLUMN billing_closed_users.team_ids IS
    'Teams the user was a member of; NULL for months closed before this was kept';

-- billing_usage_by_model goes on counting for what comes late, billing_usage does not.
CREATE TABLE billing_closed_usage_by_model (
    usage_start date NOT NULL,
    user_id uuid NOT NULL,
    model text COLLATE "C" NOT NULL,
    completed_runs bigint,
    failed_runs bigint,
    cancelled_runs bigint,
    unpriced_runs bigint,
    tokens numeric,
    cost_usd numeric NOT NULL,
    CONSTRAINT billing_closed_usage_by_model_pkey PRIMARY KEY (usage_start, user_id, model)
);
COMMENT ON TABLE billing_closed_usage_by_model IS 'Usage of closed months by user and model: adds up to billing_usage';

CREATE TABLE billing_closed_invoices (
    period_start date NOT NULL,
    stripe_invoice_id text COLLATE "C" NOT NULL,
    user_id uuid NOT NULL,
    number text,
    stripe_customer_id text,
    stripe_subscription_id text,
    status text NOT NULL,
    billing_reason text,
    issued_at timestamptz,
    finalized_at timestamptz,
    paid_at timestamptz,
    due_date date,
    currency text NOT NULL,
    amount_minor bigint,
    amount_paid_minor bigint,
    amount_remaining_minor bigint,
    amount_credited_minor bigint,
    amount_refunded_minor bigint,
    usd_per_unit numeric,
    amount_usd numeric,
    amount_paid_usd numeric,
    amount_credited_usd numeric,
    amount_refunded_usd numeric,
    CONSTRAINT billing_closed_invoices_pkey PRIMARY KEY (stripe_invoice_id)
);
CREATE INDEX billing_closed_invoices_period ON billing_closed_invoices (period_start);
COMMENT ON TABLE billing_closed_invoices IS 'Invoices of closed months, as they were when the month was closed';
COMMENT ON COLUMN billing_closed_invoices.period_start IS
    'The month whose report shows it: that of issued_at, or a later one for an invoice that was heard of too late';

CREATE TABLE billing_closed_subscriptions (
    period_start date NOT NULL,
    stripe_subscription_id text COLLATE "C" NOT NULL,
    user_id uuid NOT NULL,
    stripe_customer_id text,
    status text NOT NULL,
    plan_tier text NOT NULL,
    stripe_price_id text,
    currency text,
    amount_minor bigint,
    amount_usd numeric,
    billing_interval text,
    interval_count bigint,
    monthly_usd numeric,
    started_at timestamptz,
    current_period_start timestamptz,
    current_period_end timestamptz,
    trial_end timestamptz,
    cancel_at_period_end boolean,
    cancel_at timestamptz,
    canceled_at timestamptz,
    ended_at timestamptz,
    scheduled_change_at timestamptz,
    scheduled_plan_tier text,
    CONSTRAINT billing_closed_subscriptions_pkey PRIMARY KEY (period_start, stripe_subscription_id)
);
COMMENT ON TABLE billing_closed_subscriptions IS 'Subscriptions of closed months, as they were when the month was closed';

-- Append-only ledger: revenue of an invoice is what its lines add up to, and every line stands in the month it was
-- reported in. A refund after the close is a line of a later month.
CREATE TABLE billing_closed_revenue (
    period_start date NOT NULL,
    stripe_invoice_id text COLLATE "C" NOT NULL,
    paid_period date NOT NULL,
    user_id uuid NOT NULL,
    amount_usd numeric NOT NULL,
    CONSTRAINT billing_closed_revenue_pkey PRIMARY KEY (period_start, stripe_invoice_id)
);
CREATE INDEX billing_closed_revenue_invoice ON billing_closed_revenue (stripe_invoice_id);
COMMENT ON TABLE billing_closed_revenue IS 'Revenue of closed months by invoice: paid less refunded, less what was reported before';
COMMENT ON COLUMN billing_closed_revenue.paid_period IS 'The month the invoice was paid in; earlier than period_start for what came late';

DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['billing_closed_usage_by_model', 'billing_closed_invoices',
                                'billing_closed_subscriptions', 'billing_closed_revenue'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I'
                       ' FOR EACH ROW EXECUTE FUNCTION billing_refuse_rewriting()', kept || '_once', kept);
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_rewriting()', kept || '_kept', kept);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I, ENABLE ALWAYS TRIGGER %I',
                       kept, kept || '_once', kept || '_kept');
    END LOOP;
END;
$$;

-- ── What is live ───────────────────────────────────────────────────────────────────────────────────────────────────
--
-- Rows of the months that are given, made from today's tables: of open months for a report, of the month that is being
-- closed for keeping them. Plain queries, which the planner puts in place of the call.

-- The months in [first, until) that are open.
CREATE FUNCTION billing_open_months(first date, until date)
RETURNS date[]
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(array_agg(m::date ORDER BY m), '{}')
    FROM generate_series(date_trunc('month', first::timestamp), until - interval '1 day', interval '1 month') m
    WHERE NOT EXISTS (SELECT FROM billing_periods p WHERE p.period_start = m::date AND p.closed_at IS NOT NULL);
$$;
COMMENT ON FUNCTION billing_open_months(date, date) IS 'Months from the first day to before the second that are open';

-- Each closed month with the first open one after it: where what comes late is reported.
CREATE FUNCTION billing_late_months()
RETURNS TABLE (closed date, reported date)
LANGUAGE sql STABLE
AS $$
    SELECT p.period_start, min(n.open)
    FROM billing_periods p
    JOIN (SELECT (q.period_start + interval '1 month')::date AS open
          FROM billing_periods q
          WHERE q.closed_at IS NOT NULL
            AND NOT EXISTS (SELECT FROM billing_periods c
                            WHERE c.period_start = (q.period_start + interval '1 month')::date
                              AND c.closed_at IS NOT NULL)) n ON n.open > p.period_start
    WHERE p.closed_at IS NOT NULL
    GROUP BY p.period_start;
$$;
COMMENT ON FUNCTION billing_late_months() IS 'Closed months with the first open month after each';

CREATE FUNCTION billing_user_teams(of_user uuid)
RETURNS uuid[]
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(array_agg(t.team_id ORDER BY t.team_id), '{}') FROM team_members t WHERE t.user_id = of_user;
$$;
COMMENT ON FUNCTION billing_user_teams(uuid) IS 'The teams a user is a member of';

-- A row of billing_usage that the platform wrote itself has no exact sum but its cents.
CREATE FUNCTION billing_exact_cost(rolled_up_at timestamptz, exact numeric, cents numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN rolled_up_at IS NULL AND exact = 0 THEN coalesce(cents, 0) ELSE exact END; $$;
COMMENT ON FUNCTION billing_exact_cost(timestamptz, numeric, numeric) IS 'The exact cost of a row of billing_usage';

-- A row of billing_usage that the platform wrote itself has no runs behind it: what its own breakdown does not explain
-- is 'unknown', and so are its runs and tokens. So the rows of a user always add up to the user's row.
CREATE FUNCTION billing_live_usage_by_model(months date[])
RETURNS TABLE (usage_start date, user_id uuid, model text, completed_runs bigint, failed_runs bigint,
               cancelled_runs bigint, unpriced_runs bigint, tokens numeric, cost_usd numeric)
LANGUAGE sql STABLE
AS $$
    SELECT b.period_start, b.user_id, m.model COLLATE "C", m.completed_runs, m.failed_runs, m.cancelled_runs,
           m.unpriced_runs, m.tokens, m.cost_usd
    FROM billing_usage b
    JOIN billing_usage_by_model m ON m.month = b.period_start AND m.user_id = b.user_id
    WHERE b.rolled_up_at IS NOT NULL AND b.period_start = ANY (months)
      AND (m.completed_runs, m.failed_runs, m.cancelled_runs, m.unpriced_runs, m.tokens, m.cost_usd)
          IS DISTINCT FROM (0, 0, 0, 0, 0, 0)
    UNION ALL
    SELECT f.period_start, f.user_id, e.model COLLATE "C",
           CASE WHEN e.rest THEN f.total_runs END, CASE WHEN e.rest THEN f.failed_runs END,
           CASE WHEN e.rest THEN f.cancelled_runs END, CASE WHEN e.rest THEN f.unpriced_runs END,
           CASE WHEN e.rest THEN f.total_tokens END, e.cost_usd
    FROM (SELECT b.period_start, b.user_id, b.total_runs, b.failed_runs, b.cancelled_runs, b.unpriced_runs,
                 b.total_tokens, billing_exact_cost(b.rolled_up_at, b.total_cost_exact_usd, b.total_cost_usd) AS cost,
                 CASE WHEN jsonb_typeof(b.cost_breakdown) = 'object' THEN b.cost_breakdown ELSE '{}' END AS breakdown
          FROM billing_usage b
          WHERE b.rolled_up_at IS NULL AND date_trunc('month', b.period_start::timestamp)::date = ANY (months)) f
    CROSS JOIN LATERAL (
        SELECT x.key AS model, x.value::text::numeric AS cost_usd, false AS rest
        FROM jsonb_each(f.breakdown) x
        WHERE jsonb_typeof(x.value) = 'number' AND x.key <> 'unknown'
        UNION ALL
        SELECT 'unknown', f.cost - coalesce(sum(x.value::text::numeric), 0), true
        FROM jsonb_each(f.breakdown) x
        WHERE jsonb_typeof(x.value) = 'number' AND x.key <> 'unknown') e;
$$;
COMMENT ON FUNCTION billing_live_usage_by_model(date[]) IS 'Usage of months by user and model: adds up to billing_usage';

-- Invoices Stripe issued in the months, and those of closed months that were heard of after the close. Rows from before
-- billsync have neither issued_at nor currency: they count by the day they were recorded, in US dollars.
CREATE FUNCTION billing_live_invoices(months date[])
RETURNS TABLE (
    period_start date, stripe_invoice_id text, user_id uuid, number text, stripe_customer_id text,
    stripe_subscription_id text, status text, billing_reason text, issued_at timestamptz, finalized_at timestamptz,
    paid_at timestamptz, due_date date, currency text, amount_minor bigint, amount_paid_minor bigint,
    amount_remaining_minor bigint, amount_credited_minor bigint, amount_refunded_minor bigint, usd_per_unit numeric,
    amount_usd numeric, amount_paid_usd numeric, amount_credited_usd numeric, amount_refunded_usd numeric)
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN m.month = ANY (months) THEN m.month ELSE l.reported END, b.stripe_invoice_id COLLATE "C", b.user_id,
           b.number, b.stripe_customer_id, b.stripe_subscription_id, b.status, b.billing_reason,
           coalesce(b.issued_at, b.created_at), b.finalized_at, b.paid_at, b.due_date, upper(coalesce(b.currency, 'usd')),
           b.amount_minor, b.amount_paid_minor, b.amount_remaining_minor, b.amount_credited_minor,
           b.amount_refunded_minor, b.usd_per_unit, b.amount_usd, b.amount_paid_usd, b.amount_credited_usd,
           b.amount_refunded_usd
    FROM billing_invoices b
    CROSS JOIN LATERAL (
        SELECT date_trunc('month', coalesce(b.issued_at, b.created_at) AT TIME ZONE 'UTC')::date AS month) m
    LEFT JOIN billing_late_months() l ON l.closed = m.month
    WHERE (m.month = ANY (months) OR l.reported = ANY (months)) AND NOT b.deleted
      AND coalesce(b.issued_at, b.created_at) < (SELECT (max(n) + interval '1 month') AT TIME ZONE 'UTC'
                                                 FROM unnest(months) n)
      AND NOT EXISTS (SELECT FROM billing_closed_invoices c WHERE c.stripe_invoice_id = b.stripe_invoice_id COLLATE "C");
$$;
COMMENT ON FUNCTION billing_live_invoices(date[]) IS 'Invoices of months, as they are now';

-- Subscriptions that lived for some of the month. monthly_usd is what one brings a month while it is active or past due.
CREATE FUNCTION billing_live_subscriptions(months date[])
RETURNS TABLE (
    period_start date, stripe_subscription_id text, user_id uuid, stripe_customer_id text, status text, plan_tier text,
    stripe_price_id text, currency text, amount_minor bigint, amount_usd numeric, billing_interval text,
    interval_count bigint, monthly_usd numeric, started_at timestamptz, current_period_start timestamptz,
    current_period_end timestamptz, trial_end timestamptz, cancel_at_period_end boolean, cancel_at timestamptz,
    canceled_at timestamptz, ended_at timestamptz, scheduled_change_at timestamptz, scheduled_plan_tier text)
LANGUAGE sql STABLE
AS $$
    SELECT n.month, s.stripe_subscription_id COLLATE "C", s.user_id, s.stripe_customer_id, s.status, s.plan_tier::text,
           s.stripe_price_id, upper(s.currency), s.amount_minor, s.amount_usd, s.billing_interval, i.interval_count,
           CASE WHEN s.status NOT IN ('active', 'past_due') THEN 0
                ELSE round(s.amount_usd / coalesce(i.interval_count, 1)
                           / CASE s.billing_interval WHEN 'month' THEN 1 WHEN 'year' THEN 12
                                                     WHEN 'week' THEN 12::numeric / 52
                                                     WHEN 'day' THEN 12::numeric / 365 END, 2) END,
           coalesce(s.started_at, s.created_at), s.current_period_start, s.current_period_end, s.trial_end,
           s.cancel_at_period_end, s.cancel_at, s.canceled_at, e.ended_at, s.scheduled_change_at,
           s.scheduled_plan_tier::text
    FROM unnest(months) n (month)
    CROSS JOIN billing_subscriptions s
    CROSS JOIN LATERAL (
        SELECT coalesce(s.ended_at, CASE WHEN s.status IN ('canceled', 'incomplete_expired')
                                         THEN coalesce(s.canceled_at, s.current_period_end) END) AS ended_at) e
    LEFT JOIN LATERAL (
        SELECT max(p.interval_count) AS interval_count
        FROM billing_subscription_items p
        WHERE p.stripe_subscription_id = s.stripe_subscription_id AND NOT p.metered) i ON true
    WHERE coalesce(s.started_at, s.created_at) < (n.month + interval '1 month') AT TIME ZONE 'UTC'
      AND (e.ended_at IS NULL OR e.ended_at >= n.month::timestamp AT TIME ZONE 'UTC');
$$;
COMMENT ON FUNCTION billing_live_subscriptions(date[]) IS 'Subscriptions of months, as they are now';

-- Paid less refunded, in US dollars, by the month (UTC) an invoice was paid in. Of an invoice paid in a closed month:
-- what it is worth now less what was reported for it, in the first open month after that. So the revenue of all months
-- together is always that of all invoices. Reads every invoice: a refund may come for any.
CREATE FUNCTION billing_live_revenue(months date[])
RETURNS TABLE (period_start date, stripe_invoice_id text, paid_period date, user_id uuid, amount_usd numeric)
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN t.paid_period = ANY (months) THEN t.paid_period ELSE l.reported END, t.stripe_invoice_id,
           t.paid_period, t.user_id, t.amount_usd
    FROM (SELECT v.stripe_invoice_id,
                 coalesce(max(v.paid_period) FILTER (WHERE v.now), max(v.paid_period)) AS paid_period,
                 (coalesce(max(v.user_id::text) FILTER (WHERE v.now), max(v.user_id::text)))::uuid AS user_id,
                 sum(v.amount_usd) AS amount_usd
          FROM (SELECT b.stripe_invoice_id COLLATE "C" AS stripe_invoice_id, b.user_id,
                       date_trunc('month', coalesce(b.paid_at, b.issued_at, b.created_at) AT TIME ZONE 'UTC')::date
                           AS paid_period,
                       coalesce(b.amount_paid_usd, 0) - coalesce(b.amount_refunded_usd, 0) AS amount_usd, true AS now
                FROM billing_invoices b
                WHERE b.status = 'paid' AND NOT b.deleted
                UNION ALL
                SELECT r.stripe_invoice_id, r.user_id, r.paid_period, -r.amount_usd, false
                FROM billing_closed_revenue r) v
          GROUP BY v.stripe_invoice_id) t
    LEFT JOIN billing_late_months() l ON l.closed = t.paid_period
    WHERE (t.paid_period = ANY (months) OR l.reported = ANY (months)) AND t.amount_usd <> 0;
$$;
COMMENT ON FUNCTION billing_live_revenue(date[]) IS 'Revenue of months by invoice, as it is now';

-- ── Keeping ────────────────────────────────────────────────────────────────────────────────────────────────────────

-- Keeps what reports say of the month, in the transaction that closes it.
CREATE FUNCTION billing_keep_closed_reports(of_month date)
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO billing_closed_usage_by_model (
        usage_start, user_id, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
    SELECT v.usage_start, v.user_id, v.model, v.completed_runs, v.failed_runs, v.cancelled_runs, v.unpriced_runs,
           v.tokens, v.cost_usd
    FROM billing_live_usage_by_model(ARRAY[of_month]) v;

    INSERT INTO billing_closed_invoices (
        period_start, stripe_invoice_id, user_id, number, stripe_customer_id, stripe_subscription_id, status,
        billing_reason, issued_at, finalized_at, paid_at, due_date, currency, amount_minor, amount_paid_minor,
        amount_remaining_minor, amount_credited_minor, amount_refunded_minor, usd_per_unit, amount_usd, amount_paid_usd,
        amount_credited_usd, amount_refunded_usd)
    SELECT v.period_start, v.stripe_invoice_id, v.user_id, v.number, v.stripe_customer_id, v.stripe_subscription_id,
           v.status, v.billing_reason, v.issued_at, v.finalized_at, v.paid_at, v.due_date, v.currency, v.amount_minor,
           v.amount_paid_minor, v.amount_remaining_minor, v.amount_credited_minor, v.amount_refunded_minor,
           v.usd_per_unit, v.amount_usd, v.amount_paid_usd, v.amount_credited_usd, v.amount_refunded_usd
    FROM billing_live_invoices(ARRAY[of_month]) v;

    INSERT INTO billing_closed_subscriptions (
        period_start, stripe_subscription_id, user_id, stripe_customer_id, status, plan_tier, stripe_price_id, currency,
        amount_minor, amount_usd, billing_interval, interval_count, monthly_usd, started_at, current_period_start,
        current_period_end, trial_end, cancel_at_period_end, cancel_at, canceled_at, ended_at, scheduled_change_at,
        scheduled_plan_tier)
    SELECT v.period_start, v.stripe_subscription_id, v.user_id, v.stripe_customer_id, v.status, v.plan_tier,
           v.stripe_price_id, v.currency, v.amount_minor, v.amount_usd, v.billing_interval, v.interval_count,
           v.monthly_usd, v.started_at, v.current_period_start, v.current_period_end, v.trial_end,
           v.cancel_at_period_end, v.cancel_at, v.canceled_at, v.ended_at, v.scheduled_change_at, v.scheduled_plan_tier
    FROM billing_live_subscriptions(ARRAY[of_month]) v;

    INSERT INTO billing_closed_revenue (period_start, stripe_invoice_id, paid_period, user_id, amount_usd)
    SELECT v.period_start, v.stripe_invoice_id, v.paid_period, v.user_id, v.amount_usd
    FROM billing_live_revenue(ARRAY[of_month]) v;

    INSERT INTO billing_closed_users (period_start, user_id, email, full_name, plan_tier, team_ids)
    SELECT of_month, u.id, u.email, u.full_name, u.plan_tier::text, t.team_ids
    FROM users u
    LEFT JOIN (SELECT m.user_id, array_agg(m.team_id ORDER BY m.team_id) AS team_ids
               FROM team_members m GROUP BY m.user_id) t ON t.user_id = u.id
    WHERE u.id IN (SELECT b.user_id FROM billing_usage b
                   WHERE b.period_start >= of_month AND b.period_start < of_month + interval '1 month'
                   UNION SELECT i.user_id FROM billing_closed_invoices i WHERE i.period_start = of_month
                   UNION SELECT s.user_id FROM billing_closed_subscriptions s WHERE s.period_start = of_month
                   UNION SELECT r.user_id FROM billing_closed_revenue r WHERE r.period_start = of_month
                   UNION SELECT a.user_id FROM billing_adjustments a WHERE a.booked_period = of_month)
    ON CONFLICT (period_start, user_id) DO NOTHING;
$$;
COMMENT ON FUNCTION billing_keep_closed_reports(date) IS 'Keeps what reports say of a month that is being closed';

-- As in 0002, and team_members, by which reports are filtered.
CREATE OR REPLACE FUNCTION billing_filtered_tables()
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = public, pg_temp
AS $$
    SELECT c.relname::text
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity
      AND (c.relname IN ('users', 'agent_runs', 'llm_calls', 'team_members') OR c.relname ~ '^(billing|stripe)_')
      AND has_any_column_privilege(c.oid, 'SELECT') AND row_security_active(c.oid)
      AND (NOT EXISTS (
               SELECT FROM pg_policy p
               WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd IN ('r', '*')
                 AND pg_get_expr(p.polqual, p.polrelid) = 'true'
                 AND EXISTS (SELECT FROM unnest(p.polroles) r WHERE r = 0 OR pg_has_role(current_user, r, 'USAGE')))
           OR EXISTS (
               SELECT FROM pg_policy p
               WHERE p.polrelid = c.oid AND NOT p.polpermissive AND p.polcmd IN ('r', '*')
                 AND EXISTS (SELECT FROM unnest(p.polroles) r WHERE r = 0 OR pg_has_role(current_user, r, 'USAGE'))))
    ORDER BY c.relname;
$$;

-- Months that were closed before their reports were kept, oldest first.
DO $$
DECLARE
    closed date;
BEGIN
    FOR closed IN SELECT p.period_start FROM billing_periods p WHERE p.closed_at IS NOT NULL ORDER BY 1 LOOP
        PERFORM billing_keep_closed_reports(closed);
    END LOOP;
END;
$$;

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
