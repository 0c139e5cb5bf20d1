-- What the console needs: a ledger of what people did, and indexes behind its searches.
--
-- Locks: SHARE on users, billing_invoices and billing_subscriptions while their indexes are made, if the table is small.

-- Who did what, when and from where. No references: it outlives whatever it names.
CREATE TABLE billing_audit (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT billing_audit_pkey PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    role text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    origin text NOT NULL,
    outcome text NOT NULL,
    detail text,
    CONSTRAINT billing_audit_known_role CHECK (role IN ('finance', 'ops', 'cli')),
    CONSTRAINT billing_audit_known_outcome CHECK (outcome IN ('done', 'refused', 'failed')),
    CONSTRAINT billing_audit_told CHECK (actor <> '' AND action <> '' AND origin <> '')
);
COMMENT ON TABLE billing_audit IS 'Every retry, run, close, adjustment and export that a person asked for';
COMMENT ON COLUMN billing_audit.actor IS
    'Over HTTP the role and fingerprint of the token, on the command line user@host:pid';
COMMENT ON COLUMN billing_audit.action IS 'retry, run, close, adjust, export, rollup, reset-quotas or replay';
COMMENT ON COLUMN billing_audit.target IS 'What it was done to: event ids, the job, the period, the report';
COMMENT ON COLUMN billing_audit.origin IS 'The peer''s address, or ''command line''';

-- Written once, by anybody; see 0009.
CREATE TRIGGER billing_audit_once BEFORE UPDATE OR DELETE ON billing_audit
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_rewriting();
CREATE TRIGGER billing_audit_kept BEFORE TRUNCATE ON billing_audit
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_rewriting();
ALTER TABLE billing_audit ENABLE ALWAYS TRIGGER billing_audit_once, ENABLE ALWAYS TRIGGER billing_audit_kept;

-- A moment as programs and pages show it, in UTC; NULL for infinity.
CREATE FUNCTION billing_shown_time(moment timestamptz)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN isfinite(moment)
                THEN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END;
$$;
COMMENT ON FUNCTION billing_shown_time(timestamptz) IS 'A moment in UTC, ISO 8601';

-- Pages of 50 out of a hundred thousand rows, by key. None of these columns changes when a run is counted, so no update
-- of the platform's becomes dearer. On a large table making one would lock writers out: then the warning says how to do
-- without; the pages work without them too, only slower.
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('billing_users_by_email', 'users', '(lower(email) COLLATE "C", id)'),
            ('billing_invoices_listed', 'billing_invoices',
             '(coalesce(issued_at, created_at, ''-infinity'') DESC, stripe_invoice_id DESC)'),
            ('billing_invoices_listed_by_status', 'billing_invoices',
             '(status, coalesce(issued_at, created_at, ''-infinity'') DESC, stripe_invoice_id DESC)'),
            ('billing_invoices_by_number', 'billing_invoices', '(number) WHERE number IS NOT NULL'),
            ('billing_invoices_by_customer', 'billing_invoices', '(stripe_customer_id)'),
            ('billing_subscriptions_listed', 'billing_subscriptions', '(coalesce(started_at, created_at, ''-infinity'') DESC, stripe_subscription_id DESC)'),
            ('billing_subscriptions_listed_by_status', 'billing_subscriptions',
             '(status, coalesce(started_at, created_at, ''-infinity'') DESC, stripe_subscription_id DESC)'),
            ('billing_subscriptions_by_customer', 'billing_subscriptions', '(stripe_customer_id)')
        ) AS t (index_name, table_name, definition)
    LOOP
        IF pg_relation_size(('public.' || wanted.table_name)::regclass) < 64 * 1024 * 1024 THEN
            EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON public.%I %s',
                           wanted.index_name, wanted.table_name, wanted.definition);
        ELSE
            RAISE WARNING 'the console''s search on % has no index, and the table is too large to make one while others wait',
                wanted.table_name
                USING HINT = format('Run: CREATE INDEX CONCURRENTLY %I ON public.%I %s',
                                    wanted.index_name, wanted.table_name, wanted.definition);
        END IF;
    END LOOP;
END;
$$;

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
