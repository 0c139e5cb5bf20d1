-- A closed month is closed: its usage is frozen in the database, with totals and a digest, and what arrives later becomes
-- an adjustment, booked in an open month.
--
-- Locks: SHARE ROW EXCLUSIVE on billing_usage for its triggers, for the moment of a catalogue change.

-- A month of usage. Closed once closed_at is set; there is no way back.
CREATE TABLE billing_periods (
    period_start date CONSTRAINT billing_periods_pkey PRIMARY KEY,
    closed_at timestamptz,
    closed_by text,
    users bigint,
    total_runs numeric,
    failed_runs numeric,
    cancelled_runs numeric,
    unpriced_runs numeric,
    total_tokens numeric,
    total_cost_usd numeric,
    total_cost_exact_usd numeric,
    usage_sha256 text,
    CONSTRAINT billing_periods_month CHECK (extract(day FROM period_start) = 1),
    CONSTRAINT billing_periods_closed_whole CHECK (
        num_nulls(closed_at, closed_by, users, total_runs, failed_runs, cancelled_runs, unpriced_runs, total_tokens,
                  total_cost_usd, total_cost_exact_usd, usage_sha256) IN (0, 11))
);
COMMENT ON TABLE billing_periods IS 'Months of usage, open or closed; the totals of a closed one are final';
COMMENT ON COLUMN billing_periods.usage_sha256 IS
    'Digest of the month''s rows of billing_usage and billing_closed_users, see billing_usage_sha256()';

-- What a report says of a user beside the usage, as it was when the month was closed: exports of a closed month must not
-- change with the user. No references: it outlives its user.
CREATE TABLE billing_closed_users (
    period_start date NOT NULL,
    user_id uuid NOT NULL,
    email text NOT NULL,
    full_name text,
    plan_tier text,
    CONSTRAINT billing_closed_users_pkey PRIMARY KEY (period_start, user_id)
);
COMMENT ON TABLE billing_closed_users IS 'Users of a closed month, as they were when it was closed';

-- Signed corrections of closed months.
CREATE TABLE billing_adjustments (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT billing_adjustments_pkey PRIMARY KEY,
    kind text NOT NULL,
    user_id uuid NOT NULL,
    email text,
    origin_period date NOT NULL,
    booked_period date NOT NULL,
    total_runs bigint NOT NULL DEFAULT 0,
    failed_runs bigint NOT NULL DEFAULT 0,
    cancelled_runs bigint NOT NULL DEFAULT 0,
    unpriced_runs bigint NOT NULL DEFAULT 0,
    total_tokens numeric NOT NULL DEFAULT 0,
    amount_usd numeric NOT NULL,
    amount_exact_usd numeric NOT NULL,
    cost_breakdown jsonb NOT NULL DEFAULT '{}',
    reason text NOT NULL,
    booked_by text NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_adjustments_kind CHECK (kind IN ('usage', 'manual')),
    CONSTRAINT billing_adjustments_order CHECK (booked_period > origin_period),
    CONSTRAINT billing_adjustments_months CHECK (
        extract(day FROM origin_period) = 1 AND extract(day FROM booked_period) = 1),
    CONSTRAINT billing_adjustments_cents CHECK (amount_usd = round(amount_usd, 2)),
    CONSTRAINT billing_adjustments_explained CHECK (reason <> '' AND booked_by <> '')
);
CREATE INDEX billing_adjustments_origin ON billing_adjustments (origin_period, user_id);
CREATE INDEX billing_adjustments_booked ON billing_adjustments (booked_period, id);
COMMENT ON TABLE billing_adjustments IS 'Signed corrections of closed months, each booked in a month that was open';
COMMENT ON COLUMN billing_adjustments.kind IS 'usage: by runs that came or changed late; manual: by a person';
COMMENT ON COLUMN billing_adjustments.email IS 'The user''s address when it was booked; NULL when the user was gone';
COMMENT ON COLUMN billing_adjustments.amount_usd IS
    'Whole cents. Of usage: what the exact sum of the month with all its adjustments rounds to, less what was posted before';

-- Which runs made an adjustment of kind usage.
CREATE TABLE billing_adjustment_lines (
    adjustment_id bigint NOT NULL
        CONSTRAINT billing_adjustment_lines_adjustment_id_fkey REFERENCES billing_adjustments (id),
    run_id uuid,
    noted_at timestamptz NOT NULL,
    model text NOT NULL,
    completed_runs bigint NOT NULL,
    failed_runs bigint NOT NULL,
    cancelled_runs bigint NOT NULL,
    unpriced_runs bigint NOT NULL,
    tokens numeric NOT NULL,
    cost_usd numeric NOT NULL
);
CREATE INDEX billing_adjustment_lines_adjustment ON billing_adjustment_lines (adjustment_id);
COMMENT ON TABLE billing_adjustment_lines IS 'Origin of each adjustment of usage: one line a change of a run';
COMMENT ON COLUMN billing_adjustment_lines.run_id IS 'NULL for what a recomputation found missing';

-- The steps of closing a month, so that whoever resumes knows what is done.
CREATE TABLE billing_close_steps (
    period_start date NOT NULL,
    step text NOT NULL,
    done_at timestamptz NOT NULL DEFAULT now(),
    done_by text NOT NULL,
    detail text NOT NULL,
    CONSTRAINT billing_close_steps_pkey PRIMARY KEY (period_start, step),
    CONSTRAINT billing_close_steps_step CHECK (step IN ('rollup', 'verify', 'close', 'reset', 'export'))
);
COMMENT ON TABLE billing_close_steps IS 'Steps of closing a month that are done';

-- The digest of a month's usage as reports show it. A digest of digests, so that no size limit is near.
CREATE FUNCTION billing_usage_sha256(of_month date)
RETURNS text
LANGUAGE sql STABLE
SET search_path = public, pg_temp
SET TimeZone = 'UTC' SET DateStyle = 'ISO'
AS $$
    SELECT encode(sha256(coalesce(string_agg(sha256(convert_to(row(
               b.period_start, b.period_end, b.user_id, c.email, c.full_name, c.plan_tier, b.total_runs, b.failed_runs,
               b.cancelled_runs, b.unpriced_runs, b.total_tokens, b.total_cost_usd, b.total_cost_exact_usd,
               b.cost_breakdown)::text, 'UTF8')), ''::bytea ORDER BY b.user_id, b.period_start), ''::bytea)), 'hex')
    FROM billing_usage b
    LEFT JOIN billing_closed_users c ON c.period_start = of_month AND c.user_id = b.user_id
    WHERE b.period_start >= of_month AND b.period_start < of_month + interval '1 month';
$$;
COMMENT ON FUNCTION billing_usage_sha256(date) IS 'Digest of a month''s rows of billing_usage';

-- ── Frozen ─────────────────────────────────────────────────────────────────────────────────────────────────────────

-- Raises an error when one of these months is closed, and keeps the others from being closed until the transaction ends.
--
-- A month's row is locked FOR SHARE: closing waits for those who write, and who comes later waits for closing and then
-- finds it done. The row is made when it is missing, because that is how a transaction with an older snapshot, which
-- cannot see it, hears of it: as a serialization failure.
CREATE FUNCTION billing_refuse_closed(what text, months date[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    closed date;
BEGIN
    INSERT INTO billing_periods (period_start)
    SELECT m FROM unnest(months) m WHERE isfinite(m)
    ON CONFLICT DO NOTHING;
    PERFORM FROM billing_periods p WHERE p.period_start = ANY (months) ORDER BY p.period_start FOR SHARE;
    SELECT min(p.period_start) INTO closed
    FROM billing_periods p
    WHERE p.period_start = ANY (months) AND p.closed_at IS NOT NULL;
    IF closed IS NOT NULL THEN
        RAISE EXCEPTION '% of % cannot change: the period is closed', what, to_char(closed, 'YYYY-MM')
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_period_closed',
                  HINT = 'Corrections of a closed period are booked as adjustments, see: billsync adjust --help';
    END IF;
END;
$$;
COMMENT ON FUNCTION billing_refuse_closed(text, date[]) IS 'Raises an error when one of these months is closed';

-- Nobody changes the usage of a closed month: neither billsync nor the platform nor the tables' owner.
CREATE FUNCTION billing_guard_usage()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    months date[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        SELECT array_agg(p.period_start) INTO months FROM billing_periods p;
    ELSIF TG_OP = 'UPDATE' THEN
        SELECT array_agg(DISTINCT date_trunc('month', t.period_start::timestamp)::date) INTO months
        FROM (SELECT b.period_start FROM before b UNION ALL SELECT c.period_start FROM changed c) t;
    ELSE
        SELECT array_agg(DISTINCT date_trunc('month', c.period_start::timestamp)::date) INTO months FROM changed c;
    END IF;
    IF months IS NOT NULL THEN
        PERFORM billing_refuse_closed('usage', months);
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_guard_usage() IS 'Refuses changes of usage of a closed month';

CREATE TRIGGER billing_usage_closed_insert AFTER INSERT ON billing_usage
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION billing_guard_usage();
CREATE TRIGGER billing_usage_closed_update AFTER UPDATE ON billing_usage
    REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION billing_guard_usage();
CREATE TRIGGER billing_usage_closed_delete AFTER DELETE ON billing_usage
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION billing_guard_usage();
CREATE TRIGGER billing_usage_closed_truncate BEFORE TRUNCATE ON billing_usage
    FOR EACH STATEMENT EXECUTE FUNCTION billing_guard_usage();

-- An adjustment is booked in an open month, and then stands.
CREATE FUNCTION billing_guard_adjustments()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    months date[];
BEGIN
    SELECT array_agg(DISTINCT c.booked_period) INTO months FROM changed c;
    IF months IS NOT NULL THEN
        PERFORM billing_refuse_closed('adjustments', months);
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_guard_adjustments() IS 'Refuses adjustments booked in a closed month';

CREATE TRIGGER billing_adjustments_open AFTER INSERT ON billing_adjustments
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION billing_guard_adjustments();

CREATE FUNCTION billing_refuse_rewriting()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '% cannot change: its rows are written once', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_written_once', TABLE = TG_TABLE_NAME;
END;
$$;
COMMENT ON FUNCTION billing_refuse_rewriting() IS 'Refuses changes of what is written once';

DO $$
DECLARE
    once text;
BEGIN
    FOREACH once IN ARRAY ARRAY['billing_adjustments', 'billing_adjustment_lines', 'billing_closed_users'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I'
                       ' FOR EACH ROW EXECUTE FUNCTION billing_refuse_rewriting()', once || '_once', once);
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_rewriting()', once || '_kept', once);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I, ENABLE ALWAYS TRIGGER %I',
                       once, once || '_once', once || '_kept');
    END LOOP;
END;
$$;
CREATE TRIGGER billing_periods_once BEFORE UPDATE OR DELETE ON billing_periods
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION billing_refuse_rewriting();
CREATE TRIGGER billing_periods_kept BEFORE TRUNCATE ON billing_periods
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_rewriting();

-- Also in a session that replays replicated changes and skips ordinary triggers.
ALTER TABLE billing_periods
    ENABLE ALWAYS TRIGGER billing_periods_once, ENABLE ALWAYS TRIGGER billing_periods_kept;
ALTER TABLE billing_adjustments ENABLE ALWAYS TRIGGER billing_adjustments_open;
ALTER TABLE billing_usage
    ENABLE ALWAYS TRIGGER billing_usage_closed_insert, ENABLE ALWAYS TRIGGER billing_usage_closed_update,
    ENABLE ALWAYS TRIGGER billing_usage_closed_delete, ENABLE ALWAYS TRIGGER billing_usage_closed_truncate;

-- Row-level security of our own tables is not needed: only billsync's roles may read them.
DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
