-- What the finance desk and the operators' console lacked: an action is on record before it is done, a logout counts for
-- every process, a month is closed by the job that closes months, and a running job says how far it is.
--
-- Safe on a live database: ACCESS EXCLUSIVE for a moment on billing_audit and billing_jobs, which hold a row for each thing
-- people did and for each job; SHARE on billing_usage while its index is made, if the table is small.

-- What takes long is recorded twice: when it begins, and how it ended. A row that has begun and is named by no other is
-- under way, or was cut off.
ALTER TABLE billing_audit
    ADD COLUMN begun_id bigint,
    DROP CONSTRAINT billing_audit_known_outcome,
    ADD CONSTRAINT billing_audit_known_outcome CHECK (outcome IN ('begun', 'done', 'refused', 'failed')),
    ADD CONSTRAINT billing_audit_begun_before CHECK (begun_id < id AND outcome <> 'begun' OR begun_id IS NULL);
COMMENT ON COLUMN billing_audit.begun_id IS 'Of the end of something that took long: the row that says it began';
CREATE UNIQUE INDEX billing_audit_ended ON billing_audit (begun_id) WHERE begun_id IS NOT NULL;

-- Sessions of the console that somebody ended before their time. A session carries its own end and signature, so only
-- these need a row, until they would be over anyway.
CREATE TABLE billing_ended_sessions (
    session text CONSTRAINT billing_ended_sessions_pkey PRIMARY KEY,
    ends_at timestamptz NOT NULL
);
COMMENT ON TABLE billing_ended_sessions IS 'Console sessions that were logged out before they were over';
COMMENT ON COLUMN billing_ended_sessions.session IS 'Names the session; nobody can use one without its signature';

-- Months that somebody asked to have closed, over HTTP: the job close does it. The newest request of a month.
CREATE TABLE billing_close_requests (
    period_start date CONSTRAINT billing_close_requests_pkey PRIMARY KEY,
    audit_id bigint NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    outcome text,
    detail text,
    CONSTRAINT billing_close_requests_known_outcome CHECK (outcome IN ('done', 'refused', 'failed')),
    CONSTRAINT billing_close_requests_told CHECK ((finished_at IS NULL) = (outcome IS NULL))
);
COMMENT ON TABLE billing_close_requests IS 'Who asked for a month to be closed, and what came of it';
COMMENT ON COLUMN billing_close_requests.audit_id IS 'The row of billing_audit with who asked, and from where';

-- The dearest of a month first, fifty at a time, without sorting the month. What the rollup publishes has one more index
-- entry for it; no statement of the platform's does. On a large table making one would lock writers out: then the warning
-- says how to do without.
DO $$
BEGIN
    IF pg_relation_size('public.billing_usage') < 64 * 1024 * 1024 THEN
        CREATE INDEX IF NOT EXISTS billing_usage_dearest
            ON billing_usage (date_trunc('month', period_start::timestamp), total_cost_exact_usd DESC, id);
    ELSE
        RAISE WARNING 'the console''s list of a month''s users has no index, and billing_usage is too large to make one while others wait'
            USING HINT = 'Run: CREATE INDEX CONCURRENTLY billing_usage_dearest ON public.billing_usage'
                         ' (date_trunc(''month'', period_start::timestamp), total_cost_exact_usd DESC, id)';
    END IF;
END;
$$;

-- As in 0012, but read from the first of the months on, or from the oldest closed month whose late invoices they report: a
-- month of an old account must not cost its whole history. The bound only repeats what the condition above it says.
CREATE OR REPLACE FUNCTION billing_live_invoices(months date[])
RETURNS TABLE (period_start date, stripe_invoice_id text, user_id uuid, number text, stripe_customer_id text,
               stripe_subscription_id text, status text, billing_reason text, issued_at timestamptz,
               finalized_at timestamptz, paid_at timestamptz, due_date date, currency text, amount_minor bigint,
               amount_paid_minor bigint, amount_remaining_minor bigint, amount_credited_minor bigint,
               amount_refunded_minor bigint, usd_per_unit numeric, amount_usd numeric, amount_paid_usd numeric,
               amount_credited_usd numeric, amount_refunded_usd numeric)
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
      AND coalesce(b.issued_at, b.created_at) >= (SELECT min(n)::timestamp AT TIME ZONE 'UTC'
                                                  FROM (SELECT unnest(months) AS n
                                                        UNION ALL
                                                        SELECT late.closed FROM billing_late_months() late
                                                        WHERE late.reported = ANY (months)) bounds)
      AND NOT EXISTS (SELECT FROM billing_closed_invoices c WHERE c.stripe_invoice_id = b.stripe_invoice_id COLLATE "C");
$$;

-- How far a running job is; NULL when it does not run or has told nothing yet.
ALTER TABLE billing_jobs
    ADD COLUMN progress_what text,
    ADD COLUMN progress_done bigint,
    ADD COLUMN progress_total bigint,
    ADD COLUMN progress_ends_at timestamptz;
COMMENT ON COLUMN billing_jobs.progress_what IS 'What is counted, or what the job is doing';
COMMENT ON COLUMN billing_jobs.progress_total IS '0: not known';
COMMENT ON COLUMN billing_jobs.progress_ends_at IS 'When what is counted will be done at the present pace';

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
