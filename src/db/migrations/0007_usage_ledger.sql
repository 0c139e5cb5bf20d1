-- Usage, counted change by change: every change of agent_runs appends what it adds or takes away to
-- billing_usage_deltas, in the transaction that makes it; billsync drains that table into billing_usage_by_model and
-- publishes billing_usage from there. What a run costs is paid once, however long the history.
--
-- note: first fill: months of history are metered by `billsync migrate` right after, or by `billsync rollup` and serve if it is interrupted; the platform's writes do not wait for it
--
-- Locks: ACCESS EXCLUSIVE on billing_usage (one row per user and month) for a change of type without a rewrite; last,
-- SHARE ROW EXCLUSIVE on agent_runs for its triggers. From the moment that lock is held, whoever changes a run appends
-- its deltas; whatever was committed before is history, which the first fill takes in.

-- ── What a run counts for ──────────────────────────────────────────────────────────────────────────────────────────
--
-- Plain expressions, which the planner puts in place of the calls. Total on purpose: whatever the platform writes, no
-- trigger below may raise an error because of it.

-- The first day of the month (UTC) a moment lies in; NULL outside of 1970 to 9998, where runs are not metered.
CREATE FUNCTION billing_usage_month(moment timestamptz)
RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN moment >= '1970-01-01 00:00:00+00' AND moment < '9999-01-01 00:00:00+00'
                THEN date_trunc('month', moment AT TIME ZONE 'UTC')::date END;
$$;
COMMENT ON FUNCTION billing_usage_month(timestamptz) IS 'The month (UTC) in which a run of that moment is metered';

-- 500 characters, because the model is part of a key, whose length PostgreSQL limits.
CREATE FUNCTION billing_usage_model(model_used text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT "left"(coalesce(model_used, 'unknown'), 500); $$;
COMMENT ON FUNCTION billing_usage_model(text) IS 'The key under which a run''s cost is broken down';

-- NULL, which counts as unpriced, for what no sum could include: NULL, NaN, infinity, a negative number.
CREATE FUNCTION billing_usage_cost(cost_usd numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN cost_usd >= 0 AND cost_usd < 'Infinity' THEN cost_usd END; $$;
COMMENT ON FUNCTION billing_usage_cost(numeric) IS 'The cost of a run, or NULL for an unpriced one';

-- The total, else the sum of its parts; never below 0. The bounds keep that sum within bigint.
CREATE FUNCTION billing_usage_tokens(tokens_total bigint, tokens_prompt bigint, tokens_completion bigint)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT greatest(0, coalesce(tokens_total,
                                least(greatest(coalesce(tokens_prompt, 0), 0), 4611686018427387903)
                                + least(greatest(coalesce(tokens_completion, 0), 0), 4611686018427387903)));
$$;
COMMENT ON FUNCTION billing_usage_tokens(bigint, bigint, bigint) IS 'The tokens of a run';

-- A sum with the digits of its value and at least four, whatever corrections went in and out of it: equal values are
-- written alike.
CREATE FUNCTION billing_usage_amount(exact numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT round(exact, greatest(4, min_scale(exact))); $$;
COMMENT ON FUNCTION billing_usage_amount(numeric) IS 'An exact amount in its canonical digits';

-- ── Tables ─────────────────────────────────────────────────────────────────────────────────────────────────────────

-- Insert-only for the platform's transactions: no key, no index, no reference, so that appending waits for nobody.
CREATE TABLE billing_usage_deltas (
    run_id uuid,
    user_id uuid NOT NULL,
    month date NOT NULL,
    model text NOT NULL,
    completed_runs bigint NOT NULL,
    failed_runs bigint NOT NULL,
    cancelled_runs bigint NOT NULL,
    unpriced_runs bigint NOT NULL,
    tokens numeric NOT NULL,
    cost_usd numeric NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now()
) WITH (
    -- Every row lives for seconds. Cleaned often; never shortened, because that would lock the platform's writers out.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_threshold = -1,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000, vacuum_truncate = false
);
COMMENT ON TABLE billing_usage_deltas IS 'What changes of agent_runs add to usage or take away, not yet drained';
COMMENT ON COLUMN billing_usage_deltas.run_id IS 'The run that changed; NULL for what a recomputation found missing';

-- No reference to users: usage outlives its user.
CREATE TABLE billing_usage_by_model (
    month date NOT NULL,
    user_id uuid NOT NULL,
    model text NOT NULL,
    completed_runs bigint NOT NULL,
    failed_runs bigint NOT NULL,
    cancelled_runs bigint NOT NULL,
    unpriced_runs bigint NOT NULL,
    tokens numeric NOT NULL,
    cost_usd numeric NOT NULL,
    CONSTRAINT billing_usage_by_model_pkey PRIMARY KEY (month, user_id, model),
    CONSTRAINT billing_usage_by_model_month CHECK (extract(day FROM month) = 1)
) WITH (fillfactor = 80);
COMMENT ON TABLE billing_usage_by_model IS 'Usage by month, user and model: the sum of all drained deltas';

-- Terminal runs that have no date at all belong to the month in which they were first seen so.
CREATE TABLE billing_undated_runs (
    run_id uuid CONSTRAINT billing_undated_runs_pkey PRIMARY KEY,
    month date NOT NULL
);
COMMENT ON TABLE billing_undated_runs IS 'Month of terminal runs without created_at, completed_at and started_at';

-- How far history is taken in. Months before filled_from are not drained or published yet.
CREATE TABLE billing_usage_fill (
    only_row boolean DEFAULT true
        CONSTRAINT billing_usage_fill_pkey PRIMARY KEY CONSTRAINT billing_usage_fill_only_row CHECK (only_row),
    installed_at timestamptz NOT NULL DEFAULT now(),
    filled_from date NOT NULL,
    filled_at timestamptz
);
COMMENT ON TABLE billing_usage_fill IS 'Progress of the first fill of usage from the runs that were there before';
COMMENT ON COLUMN billing_usage_fill.filled_from IS
    'Months from this one on are complete; infinity before the first step, -infinity at the end';

-- What the last verification of a month found.
CREATE TABLE billing_usage_checks (
    month date CONSTRAINT billing_usage_checks_pkey PRIMARY KEY,
    checked_at timestamptz NOT NULL,
    drifts bigint NOT NULL,
    CONSTRAINT billing_usage_checks_not_negative CHECK (drifts >= 0)
);
COMMENT ON TABLE billing_usage_checks IS 'When each month was last recomputed for comparison, and how much differed';

-- A type without bounds: one absurd cost must not stop the usage of all others. No rewrite.
ALTER TABLE billing_usage ALTER COLUMN total_cost_usd TYPE numeric;

-- Without any date they could not be found again; this is when they are first seen so.
UPDATE billing_retired_runs SET created_at = retired_at WHERE created_at IS NULL AND completed_at IS NULL;

-- ── Triggers ───────────────────────────────────────────────────────────────────────────────────────────────────────
--
-- All run with their owner's rights: who changes a run need not be able to read or write billing tables.

-- The month of a terminal run without any date.
CREATE FUNCTION billing_undated_month(id uuid)
RETURNS date
LANGUAGE plpgsql VOLATILE
SET search_path = public, pg_temp
AS $$
DECLARE
    found date;
BEGIN
    INSERT INTO billing_undated_runs (run_id, month) VALUES (id, billing_usage_month(now())) ON CONFLICT DO NOTHING;
    SELECT u.month INTO found FROM billing_undated_runs u WHERE u.run_id = id;
    RETURN found;
END;
$$;
COMMENT ON FUNCTION billing_undated_month(uuid) IS 'The month of a terminal run without any date: when it was first seen';

-- Moves users.monthly_runs_used by completed runs: for each, the user, the moment it completed and +1 or -1. Only what
-- lies in the user's current period counts; never below 0, because the platform may have set the counter.
--
-- The period's start is asked for inside the UPDATE: if a reset holds the user's row, this waits, and PostgreSQL then
-- evaluates it again, on the new period. Several users are locked in the order of their ids first, so that two such
-- statements never wait for each other crosswise.
CREATE FUNCTION billing_count_runs(users_ids uuid[], moments timestamptz[], signs int[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = public, pg_temp
AS $$
BEGIN
    IF cardinality(users_ids) > 1 THEN
        PERFORM FROM users u WHERE u.id = ANY (users_ids) ORDER BY u.id FOR NO KEY UPDATE;
    END IF;
    UPDATE users u
    SET monthly_runs_used = greatest(coalesce(u.monthly_runs_used, 0) + (
            SELECT coalesce(sum(c.sign), 0)
            FROM (SELECT billing_quota_period_start(u.id, u.quota_reset_date, u.created_at) AS start OFFSET 0) period
            JOIN unnest(n.moments, n.signs) AS c (moment, sign) ON c.moment >= period.start), 0)
    FROM (SELECT c.user_id, array_agg(c.moment) AS moments, array_agg(c.sign) AS signs
          FROM unnest(users_ids, moments, signs) AS c (user_id, moment, sign)
          GROUP BY c.user_id) n
    WHERE u.id = n.user_id;
END;
$$;
COMMENT ON FUNCTION billing_count_runs(uuid[], timestamptz[], int[]) IS
    'Moves users.monthly_runs_used by completed runs of the current period';

-- Appends one run: sign 1 for what it now counts for, -1 for what it counted for until now.
CREATE FUNCTION billing_note_run(
    sign int, run_id uuid, user_id uuid, moment timestamptz, status run_status, model_used text, tokens bigint,
    cost_usd numeric)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = public, pg_temp
AS $$
DECLARE
    month date := CASE WHEN moment IS NULL THEN billing_undated_month(run_id) ELSE billing_usage_month(moment) END;
BEGIN
    IF month IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO billing_usage_deltas (
        run_id, user_id, month, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
    VALUES (
        run_id, user_id, month, billing_usage_model(model_used),
        CASE WHEN status = 'completed' THEN sign ELSE 0 END, CASE WHEN status = 'failed' THEN sign ELSE 0 END,
        CASE WHEN status = 'cancelled' THEN sign ELSE 0 END,
        CASE WHEN billing_usage_cost(cost_usd) IS NULL THEN sign ELSE 0 END,
        sign * tokens::numeric, sign * coalesce(billing_usage_cost(cost_usd), 0));
END;
$$;
COMMENT ON FUNCTION billing_note_run(int, uuid, uuid, timestamptz, run_status, text, bigint, numeric) IS
    'Appends the delta of one terminal run';

-- Runs that come back under an id that was deleted before (a restore, a move between partitions) are taken out of the
-- deleted ones, before they count as what they are now. Returns those of them that were completed, for the quota.
CREATE FUNCTION billing_take_back_retired(ids uuid[], OUT user_ids uuid[], OUT moments timestamptz[])
LANGUAGE sql VOLATILE
SET search_path = public, pg_temp
AS $$
    WITH back AS (
        DELETE FROM billing_retired_runs
        WHERE run_id = ANY (ids)
        RETURNING run_id, user_id, coalesce(created_at, completed_at) AS moment, completed_at, status, model_used,
                  billing_usage_tokens(tokens_total, tokens_prompt, tokens_completion) AS tokens, cost_usd
    ), noted AS (
        SELECT billing_note_run(-1, run_id, user_id, moment, status, model_used, tokens, cost_usd) FROM back
    )
    SELECT array_agg(b.user_id) FILTER (WHERE b.status = 'completed'),
           array_agg(coalesce(b.completed_at, b.moment)) FILTER (WHERE b.status = 'completed')
    FROM back b, (SELECT count(*) FROM noted) all_of_them;
$$;
COMMENT ON FUNCTION billing_take_back_retired(uuid[]) IS 'Un-meters deleted runs that have come back';

-- INSERT and COPY, by statement: a bulk load pays once. The common case, a queued run, is the first query and no more.
-- LATERAL with LIMIT makes it one look-up by key a row, whatever the planner believes of the tables' sizes.
CREATE FUNCTION billing_meter_inserted_runs()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    terminal boolean;
    came_back uuid[];
    user_ids uuid[];
    moments timestamptz[];
    left_ids uuid[];
    left_moments timestamptz[];
BEGIN
    SELECT bool_or(i.status IN ('completed', 'failed', 'cancelled')),
           array_agg(r.run_id) FILTER (WHERE r.run_id IS NOT NULL)
    INTO terminal, came_back
    FROM inserted i
    LEFT JOIN LATERAL (SELECT b.run_id FROM billing_retired_runs b WHERE b.run_id = i.id LIMIT 1) r ON true;

    IF came_back IS NOT NULL THEN
        SELECT t.user_ids, t.moments INTO left_ids, left_moments FROM billing_take_back_retired(came_back) t;
    END IF;
    IF terminal THEN
        INSERT INTO billing_usage_deltas (
            run_id, user_id, month, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
        SELECT i.id, i.user_id, m.month, billing_usage_model(i.model_used),
               (i.status = 'completed')::int, (i.status = 'failed')::int, (i.status = 'cancelled')::int,
               (billing_usage_cost(i.cost_usd) IS NULL)::int,
               billing_usage_tokens(i.tokens_total, i.tokens_prompt, i.tokens_completion),
               coalesce(billing_usage_cost(i.cost_usd), 0)
        FROM inserted i
        CROSS JOIN LATERAL (
            SELECT CASE WHEN coalesce(i.created_at, i.completed_at, i.started_at) IS NULL
                        THEN billing_undated_month(i.id)
                        ELSE billing_usage_month(coalesce(i.created_at, i.completed_at, i.started_at)) END AS month
            OFFSET 0) m
        WHERE i.status IN ('completed', 'failed', 'cancelled') AND m.month IS NOT NULL;

        SELECT array_agg(i.user_id), array_agg(coalesce(i.completed_at, i.created_at, now()))
        INTO user_ids, moments
        FROM inserted i
        WHERE i.status = 'completed';
    END IF;
    IF user_ids IS NOT NULL OR left_ids IS NOT NULL THEN
        PERFORM billing_count_runs(
            coalesce(user_ids, '{}') || coalesce(left_ids, '{}'),
            coalesce(moments, '{}') || coalesce(left_moments, '{}'),
            array_fill(1, ARRAY[coalesce(cardinality(user_ids), 0)])
            || array_fill(-1, ARRAY[coalesce(cardinality(left_ids), 0)]));
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_meter_inserted_runs() IS 'Meters runs that are inserted, by statement';

-- The same by row, for a partitioned table: PostgreSQL fires a parent's statement triggers only for statements that name
-- the parent, and copies its row triggers to every partition, also to those that come later.
CREATE FUNCTION billing_meter_inserted_run()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    back record;
BEGIN
    IF EXISTS (SELECT FROM billing_retired_runs r WHERE r.run_id = NEW.id) THEN
        SELECT t.user_ids, t.moments INTO back FROM billing_take_back_retired(ARRAY[NEW.id]) t;
        PERFORM billing_count_runs(back.user_ids, back.moments, ARRAY[-1]) WHERE back.user_ids IS NOT NULL;
    END IF;
    IF NEW.status IN ('completed', 'failed', 'cancelled') THEN
        PERFORM billing_note_run(
            1, NEW.id, NEW.user_id, coalesce(NEW.created_at, NEW.completed_at, NEW.started_at), NEW.status,
            NEW.model_used, billing_usage_tokens(NEW.tokens_total, NEW.tokens_prompt, NEW.tokens_completion),
            NEW.cost_usd);
    END IF;
    IF NEW.status = 'completed' THEN
        PERFORM billing_count_runs(
            ARRAY[NEW.user_id], ARRAY[coalesce(NEW.completed_at, NEW.created_at, now())], ARRAY[1]);
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_meter_inserted_run() IS 'Meters a run that is inserted into a partitioned table';

-- UPDATE, by row: takes away what the run counted for and adds what it counts for now. The trigger's condition, which is
-- evaluated before any function is called, lets nothing through that changes neither.
CREATE FUNCTION billing_meter_updated_run()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    IF OLD.status IN ('completed', 'failed', 'cancelled') THEN
        PERFORM billing_note_run(
            -1, OLD.id, OLD.user_id, coalesce(OLD.created_at, OLD.completed_at, OLD.started_at), OLD.status,
            OLD.model_used, billing_usage_tokens(OLD.tokens_total, OLD.tokens_prompt, OLD.tokens_completion),
            OLD.cost_usd);
    END IF;
    IF NEW.id <> OLD.id THEN
        PERFORM billing_take_back_retired(ARRAY[NEW.id]);
    END IF;
    IF NEW.status IN ('completed', 'failed', 'cancelled') THEN
        PERFORM billing_note_run(
            1, NEW.id, NEW.user_id, coalesce(NEW.created_at, NEW.completed_at, NEW.started_at), NEW.status,
            NEW.model_used, billing_usage_tokens(NEW.tokens_total, NEW.tokens_prompt, NEW.tokens_completion),
            NEW.cost_usd);
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_meter_updated_run() IS 'Meters what an update changes of a run';

-- DELETE and TRUNCATE: what was metered stays metered; the run moves to billing_retired_runs, so that a recomputation
-- still finds it. As in 0002, and one without any date keeps the month it was first seen in.
CREATE OR REPLACE FUNCTION billing_retire_runs()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
AS $$
BEGIN
    EXECUTE format($sql$
        INSERT INTO billing_retired_runs (
            run_id, user_id, created_at, completed_at, status, model_used,
            tokens_total, tokens_prompt, tokens_completion, cost_usd)
        SELECT id, user_id,
               coalesce(created_at, completed_at, started_at, billing_undated_month(id)::timestamp AT TIME ZONE 'UTC'),
               completed_at, status, model_used, tokens_total, tokens_prompt, tokens_completion, cost_usd
        FROM %s
        WHERE status IN ('completed', 'failed', 'cancelled')
        ON CONFLICT (run_id) DO UPDATE SET
            user_id = EXCLUDED.user_id, created_at = EXCLUDED.created_at, completed_at = EXCLUDED.completed_at,
            status = EXCLUDED.status, model_used = EXCLUDED.model_used, tokens_total = EXCLUDED.tokens_total,
            tokens_prompt = EXCLUDED.tokens_prompt, tokens_completion = EXCLUDED.tokens_completion,
            cost_usd = EXCLUDED.cost_usd, retired_at = now()
        $sql$, CASE TG_OP WHEN 'TRUNCATE' THEN format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME) ELSE 'gone' END);
    RETURN NULL;
END;
$$;

-- The same by row, for a partitioned table.
CREATE FUNCTION billing_retire_run()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    INSERT INTO billing_retired_runs (
        run_id, user_id, created_at, completed_at, status, model_used,
        tokens_total, tokens_prompt, tokens_completion, cost_usd)
    VALUES (OLD.id, OLD.user_id,
            coalesce(OLD.created_at, OLD.completed_at, OLD.started_at,
                     billing_undated_month(OLD.id)::timestamp AT TIME ZONE 'UTC'),
            OLD.completed_at, OLD.status, OLD.model_used,
            OLD.tokens_total, OLD.tokens_prompt, OLD.tokens_completion, OLD.cost_usd)
    ON CONFLICT (run_id) DO UPDATE SET
        user_id = EXCLUDED.user_id, created_at = EXCLUDED.created_at, completed_at = EXCLUDED.completed_at,
        status = EXCLUDED.status, model_used = EXCLUDED.model_used, tokens_total = EXCLUDED.tokens_total,
        tokens_prompt = EXCLUDED.tokens_prompt, tokens_completion = EXCLUDED.tokens_completion,
        cost_usd = EXCLUDED.cost_usd, retired_at = now();
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_retire_run() IS 'Keeps what billing needs of a run deleted from a partitioned table';

-- Puts the triggers on agent_runs that fit what it is, an ordinary or a partitioned table. To be called again by the
-- owner after agent_runs was replaced by another table, and after a partition was added, for its TRUNCATE.
CREATE FUNCTION billing_install_metering()
RETURNS void
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
DECLARE
    partitioned boolean;
    partition regclass;
BEGIN
    SELECT c.relkind = 'p' INTO STRICT partitioned FROM pg_class c WHERE c.oid = 'public.agent_runs'::regclass;

    IF partitioned THEN
        CREATE OR REPLACE TRIGGER agent_runs_increment_usage
            AFTER INSERT ON agent_runs
            FOR EACH ROW
            EXECUTE FUNCTION billing_meter_inserted_run();
        CREATE OR REPLACE TRIGGER agent_runs_retire
            AFTER DELETE ON agent_runs
            FOR EACH ROW
            WHEN (OLD.status IN ('completed', 'failed', 'cancelled'))
            EXECUTE FUNCTION billing_retire_run();
    ELSE
        -- Under the platform's own name: it takes the place of the trigger that counted inserted runs for the quota.
        CREATE OR REPLACE TRIGGER agent_runs_increment_usage
            AFTER INSERT ON agent_runs
            REFERENCING NEW TABLE AS inserted
            FOR EACH STATEMENT
            EXECUTE FUNCTION billing_meter_inserted_runs();
        CREATE OR REPLACE TRIGGER agent_runs_retire
            AFTER DELETE ON agent_runs
            REFERENCING OLD TABLE AS gone
            FOR EACH STATEMENT
            EXECUTE FUNCTION billing_retire_runs();
    END IF;

    CREATE OR REPLACE TRIGGER agent_runs_meter_update
        AFTER UPDATE ON agent_runs
        FOR EACH ROW
        WHEN ((OLD.status IN ('completed', 'failed', 'cancelled') OR NEW.status IN ('completed', 'failed', 'cancelled')
               OR OLD.id <> NEW.id)
              AND (OLD.status, OLD.user_id, OLD.created_at, OLD.completed_at, OLD.started_at, OLD.model_used,
                   OLD.cost_usd, OLD.tokens_total, OLD.tokens_prompt, OLD.tokens_completion, OLD.id)
                  IS DISTINCT FROM
                  (NEW.status, NEW.user_id, NEW.created_at, NEW.completed_at, NEW.started_at, NEW.model_used,
                   NEW.cost_usd, NEW.tokens_total, NEW.tokens_prompt, NEW.tokens_completion, NEW.id))
        EXECUTE FUNCTION billing_meter_updated_run();
    CREATE OR REPLACE TRIGGER agent_runs_recount_usage
        AFTER UPDATE ON agent_runs
        FOR EACH ROW
        WHEN ((OLD.status = 'completed' OR NEW.status = 'completed')
              AND (OLD.status, OLD.user_id, OLD.completed_at)
                  IS DISTINCT FROM (NEW.status, NEW.user_id, NEW.completed_at))
        EXECUTE FUNCTION increment_user_runs();

    FOR partition IN SELECT t.relid FROM pg_partition_tree('public.agent_runs') t
                     UNION SELECT 'public.agent_runs'::regclass LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER agent_runs_retire_all BEFORE TRUNCATE ON %s'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION billing_retire_runs()', partition);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION billing_install_metering() IS 'Puts the triggers that meter and retire runs on agent_runs';

COMMENT ON FUNCTION increment_user_runs() IS
    'Keeps users.monthly_runs_used on updates of agent_runs; inserts are counted by billing_meter_inserted_runs()';

-- ── Recomputation ──────────────────────────────────────────────────────────────────────────────────────────────────

-- What the runs of a month say, less what is recorded of them (drained or not), where the two differ: empty when all is
-- well. Every change of a run and its delta are committed together, so the difference does not move while others write:
-- it can be taken at any moment, and put right by appending it as deltas. The first fill is this, against nothing.
--
-- A run that is both live and retired counts as it is now. Index idx_agent_runs_created. The planner puts the query in
-- place of the call.
CREATE FUNCTION billing_usage_drift(of_month date)
RETURNS TABLE (user_id uuid, model text, completed_runs bigint, failed_runs bigint, cancelled_runs bigint,
               unpriced_runs bigint, tokens numeric, cost_usd numeric)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    WITH metered AS (
        SELECT a.user_id, a.status, a.model_used, a.cost_usd, a.tokens_total, a.tokens_prompt, a.tokens_completion
        FROM agent_runs a
        WHERE a.created_at >= of_month::timestamp AT TIME ZONE 'UTC'
          AND a.created_at < (of_month + interval '1 month') AT TIME ZONE 'UTC'
          AND a.status IN ('completed', 'failed', 'cancelled')
        UNION ALL
        SELECT a.user_id, a.status, a.model_used, a.cost_usd, a.tokens_total, a.tokens_prompt, a.tokens_completion
        FROM agent_runs a
        LEFT JOIN billing_undated_runs u ON u.run_id = a.id
        WHERE a.created_at IS NULL
          AND a.status IN ('completed', 'failed', 'cancelled')
          AND CASE WHEN coalesce(a.completed_at, a.started_at) IS NULL THEN u.month
                   ELSE billing_usage_month(coalesce(a.completed_at, a.started_at)) END = of_month
        UNION ALL
        SELECT r.user_id, r.status, r.model_used, r.cost_usd, r.tokens_total, r.tokens_prompt, r.tokens_completion
        FROM billing_retired_runs r
        WHERE coalesce(r.created_at, r.completed_at) >= of_month::timestamp AT TIME ZONE 'UTC'
          AND coalesce(r.created_at, r.completed_at) < (of_month + interval '1 month') AT TIME ZONE 'UTC'
          AND NOT EXISTS (SELECT FROM agent_runs back WHERE back.id = r.run_id)
    ), computed AS (
        SELECT m.user_id, billing_usage_model(m.model_used) AS model,
               count(*) FILTER (WHERE m.status = 'completed') AS completed_runs,
               count(*) FILTER (WHERE m.status = 'failed') AS failed_runs,
               count(*) FILTER (WHERE m.status = 'cancelled') AS cancelled_runs,
               count(*) FILTER (WHERE billing_usage_cost(m.cost_usd) IS NULL) AS unpriced_runs,
               sum(billing_usage_tokens(m.tokens_total, m.tokens_prompt, m.tokens_completion)) AS tokens,
               coalesce(sum(billing_usage_cost(m.cost_usd)), 0) AS cost_usd
        FROM metered m
        GROUP BY 1, 2
    ), recorded AS (
        SELECT s.user_id, s.model, sum(s.completed_runs) AS completed_runs, sum(s.failed_runs) AS failed_runs,
               sum(s.cancelled_runs) AS cancelled_runs, sum(s.unpriced_runs) AS unpriced_runs, sum(s.tokens) AS tokens,
               sum(s.cost_usd) AS cost_usd
        FROM (SELECT b.user_id, b.model, b.completed_runs, b.failed_runs, b.cancelled_runs, b.unpriced_runs, b.tokens,
                     b.cost_usd
              FROM billing_usage_by_model b
              WHERE b.month = of_month
              UNION ALL
              SELECT d.user_id, d.model, d.completed_runs, d.failed_runs, d.cancelled_runs, d.unpriced_runs, d.tokens,
                     d.cost_usd
              FROM billing_usage_deltas d
              WHERE d.month = of_month) s
        GROUP BY 1, 2
    ), difference AS (
        SELECT user_id, model,
               (coalesce(c.completed_runs, 0) - coalesce(r.completed_runs, 0))::bigint AS completed_runs,
               (coalesce(c.failed_runs, 0) - coalesce(r.failed_runs, 0))::bigint AS failed_runs,
               (coalesce(c.cancelled_runs, 0) - coalesce(r.cancelled_runs, 0))::bigint AS cancelled_runs,
               (coalesce(c.unpriced_runs, 0) - coalesce(r.unpriced_runs, 0))::bigint AS unpriced_runs,
               coalesce(c.tokens, 0) - coalesce(r.tokens, 0) AS tokens,
               coalesce(c.cost_usd, 0) - coalesce(r.cost_usd, 0) AS cost_usd
        FROM computed c
        FULL JOIN recorded r USING (user_id, model)
    )
    SELECT d.user_id, d.model, d.completed_runs, d.failed_runs, d.cancelled_runs, d.unpriced_runs, d.tokens, d.cost_usd
    FROM difference d
    WHERE (d.completed_runs, d.failed_runs, d.cancelled_runs, d.unpriced_runs, d.tokens, d.cost_usd)
          IS DISTINCT FROM (0, 0, 0, 0, 0, 0);
$$;
COMMENT ON FUNCTION billing_usage_drift(date) IS
    'A month''s usage recomputed from the runs, less what is recorded: empty when all is well';

CREATE INDEX billing_retired_runs_metered ON billing_retired_runs (coalesce(created_at, completed_at));

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;

-- ── From here on every change is counted ───────────────────────────────────────────────────────────────────────────
--
-- Last, because the lock is held to the end of this migration. It waits for the transactions that write runs to finish;
-- those that come later wait a moment, and find the triggers.
LOCK TABLE agent_runs IN SHARE ROW EXCLUSIVE MODE;
DO $$ BEGIN PERFORM billing_install_metering(); END; $$;

INSERT INTO billing_usage_fill (filled_from, filled_at)
SELECT CASE WHEN history THEN 'infinity' ELSE '-infinity' END::date, CASE WHEN NOT history THEN now() END
FROM (SELECT EXISTS (SELECT FROM agent_runs) OR EXISTS (SELECT FROM billing_retired_runs) AS history) found;
