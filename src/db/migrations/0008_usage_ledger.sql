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

-- The day (UTC) of the same moment.
CREATE FUNCTION billing_usage_day(moment timestamptz)
RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN moment >= '1970-01-01 00:00:00+00' AND moment < '9999-01-01 00:00:00+00'
                THEN (moment AT TIME ZONE 'UTC')::date END;
$$;
COMMENT ON FUNCTION billing_usage_day(timestamptz) IS 'The day (UTC) in which a run of that moment is metered';

CREATE FUNCTION billing_month_of_day(day date)
RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT day - (extract(day FROM day)::int - 1); $$;
COMMENT ON FUNCTION billing_month_of_day(date) IS 'The first day of a day''s month';

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
    day date,
    model text NOT NULL,
    completed_runs bigint NOT NULL,
    failed_runs bigint NOT NULL,
    cancelled_runs bigint NOT NULL,
    unpriced_runs bigint NOT NULL,
    tokens numeric NOT NULL,
    cost_usd numeric NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now()
) WITH (
    -- Every row lives for seconds: cleaned often, and shortened after a burst (VACUUM gives way to whoever waits).
    -- Statistics of such a table mislead: taken while it is full, they would have a plan for millions of rows compiled to
    -- find none.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_threshold = -1,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2000000000
);
COMMENT ON TABLE billing_usage_deltas IS 'What changes of agent_runs add to usage or take away, not yet drained';
COMMENT ON COLUMN billing_usage_deltas.run_id IS 'The run that changed; NULL for what a recomputation found missing';
COMMENT ON COLUMN billing_usage_deltas.day IS 'The run''s day (UTC); NULL as run_id';

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

-- All users together: what a chart of the days needs, without reading runs.
CREATE TABLE billing_usage_by_day (
    day date NOT NULL,
    model text NOT NULL,
    completed_runs bigint NOT NULL,
    failed_runs bigint NOT NULL,
    cancelled_runs bigint NOT NULL,
    unpriced_runs bigint NOT NULL,
    tokens numeric NOT NULL,
    cost_usd numeric NOT NULL,
    CONSTRAINT billing_usage_by_day_pkey PRIMARY KEY (day, model)
) WITH (fillfactor = 80);
COMMENT ON TABLE billing_usage_by_day IS
    'Usage by day (UTC) and model, of all users; a month''s days add up to its billing_usage_by_model';

-- Terminal runs that have no date at all belong to the month in which they were first seen so.
CREATE TABLE billing_undated_runs (
    run_id uuid CONSTRAINT billing_undated_runs_pkey PRIMARY KEY,
    month date NOT NULL
);
COMMENT ON TABLE billing_undated_runs IS 'Month of terminal runs without created_at, completed_at and started_at';

-- Runs that were allowed and have not ended yet, so that 100 callers at once cannot take the same last one.
CREATE TABLE billing_run_reservations (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT billing_run_reservations_pkey PRIMARY KEY,
    user_id uuid NOT NULL,
    reserved_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT billing_run_reservations_order CHECK (expires_at > reserved_at)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX billing_run_reservations_user ON billing_run_reservations (user_id, id);
COMMENT ON TABLE billing_run_reservations IS
    'Runs that try_consume_run() allowed and that have neither ended nor expired';

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

-- The labels of run_status stand in this order: what is not before 'completed' has ended. A label the platform adds at the
-- end would count as ended and as none of the three, so it shows.
DO $$
BEGIN
    IF (SELECT array_agg(s::text) FROM unnest(enum_range('completed'::run_status, NULL)) s)
       <> '{completed,failed,cancelled}' OR 'running'::run_status > 'completed' THEN
        RAISE EXCEPTION 'run_status has labels in an order or of a kind that billsync does not know: %',
            enum_range(NULL::run_status);
    END IF;
END;
$$;

-- ── Triggers ───────────────────────────────────────────────────────────────────────────────────────────────────────
--
-- A run that is queued or running costs next to nothing: conditions are evaluated before any function is called. They are
-- short, because PostgreSQL reads a condition's stored text again for each statement.
--
-- Inserts into a table are metered by statement, so that a thousand runs cost two statements and not two thousand. Into
-- a partitioned table by row: a parent's row triggers also fire for statements that name a partition, and are copied to
-- every partition, those that come later included. Updates and deletes are always by row.
--
-- They run with their owner's rights: who changes a run need not be able to read or write billing tables. search_path is
-- set once a call, in the trigger's own function; what that calls is not set again, which would cost as much as the rest.

-- The month of a terminal run without any date.
CREATE FUNCTION billing_undated_month(id uuid)
RETURNS date
LANGUAGE plpgsql VOLATILE
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

-- As in 0002, without a search_path of its own.
CREATE OR REPLACE FUNCTION billing_quota_period_start(for_user uuid, quota_reset_date date, created_at timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    stored record;
    ends date := CASE WHEN isfinite(quota_reset_date) THEN quota_reset_date END;
    anchor int;
    today date;
    starts date;
BEGIN
    SELECT q.anchor_day, q.period_start INTO stored FROM billing_quota_anchors q WHERE q.user_id = for_user;
    -- A date that somebody moved to before the last reset makes the stored start meaningless.
    IF stored.period_start < coalesce(ends, 'infinity') THEN
        starts := stored.period_start;
    ELSE
        anchor := billing_anchor_day(stored.anchor_day, ends, created_at);
        today := (now() AT TIME ZONE 'UTC')::date;
        starts := billing_anchor_on_or_before(anchor, today);
        IF ends <= today THEN
            ends := ends - 1;
            starts := billing_anchor_on_or_before(anchor, ends);
        END IF;
    END IF;
    RETURN starts::timestamp AT TIME ZONE 'UTC';
END;
$$;

-- users.monthly_runs_used by one completed run (+1) or one that is completed no more (-1), if its moment lies in the
-- user's current period; never below 0, because the platform may have set the counter.
--
-- The period's start is asked for inside the UPDATE: if a reset holds the user's row, this waits, and PostgreSQL then
-- evaluates the condition again, on the new period.
CREATE FUNCTION billing_count_run(for_user uuid, moment timestamptz, change int)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE users u
    SET monthly_runs_used = greatest(coalesce(u.monthly_runs_used, 0) + change, 0)
    WHERE u.id = for_user
      AND moment >= billing_quota_period_start(u.id, u.quota_reset_date, u.created_at);
END;
$$;
COMMENT ON FUNCTION billing_count_run(uuid, timestamptz, int) IS
    'Moves users.monthly_runs_used by one run of the current period';

-- Appends one run: sign 1 for what it now counts for, -1 for what it counted for until now.
CREATE FUNCTION billing_append_run(
    sign int, id uuid, user_id uuid, moment timestamptz, status run_status, model_used text, tokens bigint,
    cost_usd numeric)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    of_day date := CASE WHEN moment IS NULL THEN billing_undated_month(id) ELSE billing_usage_day(moment) END;
BEGIN
    INSERT INTO billing_usage_deltas (
        run_id, user_id, month, day, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
    SELECT id, user_id, billing_month_of_day(of_day), of_day, billing_usage_model(model_used), sign * (status = 'completed')::int,
           sign * (status = 'failed')::int, sign * (status = 'cancelled')::int,
           sign * (billing_usage_cost(cost_usd) IS NULL)::int, sign * tokens::numeric,
           sign * coalesce(billing_usage_cost(cost_usd), 0)
    WHERE of_day IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION billing_append_run(int, uuid, uuid, timestamptz, run_status, text, bigint, numeric) IS
    'Appends the delta of one terminal run';

-- A run becomes terminal under an id that was deleted before (a restore, a move between partitions): what was deleted
-- counts no more. A transaction with an older snapshot may not see that the run was deleted: inserting under the same key
-- makes PostgreSQL tell it, by a serialization failure, before the run is counted twice.
CREATE FUNCTION billing_take_back_retired(id uuid, of_user uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    retired record;
BEGIN
    DELETE FROM billing_retired_runs r WHERE r.run_id = id RETURNING r.* INTO retired;
    IF NOT FOUND THEN
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            INSERT INTO billing_retired_runs (run_id, user_id, status) VALUES (id, of_user, 'cancelled')
            ON CONFLICT DO NOTHING;
            DELETE FROM billing_retired_runs r WHERE r.run_id = id;
        END IF;
        RETURN;
    END IF;
    PERFORM billing_append_run(
        -1, id, retired.user_id, coalesce(retired.created_at, retired.completed_at), retired.status,
        retired.model_used,
        billing_usage_tokens(retired.tokens_total, retired.tokens_prompt, retired.tokens_completion),
        retired.cost_usd);
    IF retired.status = 'completed' THEN
        PERFORM billing_count_run(retired.user_id, coalesce(retired.completed_at, retired.created_at), -1);
    END IF;
END;
$$;
COMMENT ON FUNCTION billing_take_back_retired(uuid, uuid) IS 'Un-meters a deleted run that has come back';

-- A run that ends now ends what try_consume_run() took for it. One that ended before that (a restore, an import) does
-- not; the platform's clock may be a little behind.
CREATE FUNCTION billing_release_run(for_user uuid, ended timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    DELETE FROM billing_run_reservations r
    WHERE r.id = (SELECT h.id
                  FROM billing_run_reservations h
                  WHERE h.user_id = for_user AND h.reserved_at <= coalesce(ended, now()) + interval '5 minutes'
                  ORDER BY h.id
                  LIMIT 1
                  FOR UPDATE SKIP LOCKED);
END;
$$;
COMMENT ON FUNCTION billing_release_run(uuid, timestamptz) IS 'Frees the oldest reservation of a user';

-- A run ends. Every run of the platform pays for this once, so it has few statements and few expressions: PL/pgSQL prepares
-- each of them again in each transaction.
CREATE FUNCTION billing_meter_ended_run()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    restored boolean;
    reserved boolean;
BEGIN
    INSERT INTO billing_usage_deltas (
        run_id, user_id, month, day, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
    SELECT NEW.id, NEW.user_id,
           CASE WHEN coalesce(NEW.created_at, NEW.completed_at, NEW.started_at) IS NULL THEN billing_undated_month(NEW.id)
                ELSE billing_usage_month(coalesce(NEW.created_at, NEW.completed_at, NEW.started_at)) END,
           CASE WHEN coalesce(NEW.created_at, NEW.completed_at, NEW.started_at) IS NULL THEN billing_undated_month(NEW.id)
                ELSE billing_usage_day(coalesce(NEW.created_at, NEW.completed_at, NEW.started_at)) END,
           billing_usage_model(NEW.model_used),
           (NEW.status = 'completed')::int, (NEW.status = 'failed')::int, (NEW.status = 'cancelled')::int,
           (billing_usage_cost(NEW.cost_usd) IS NULL)::int,
           billing_usage_tokens(NEW.tokens_total, NEW.tokens_prompt, NEW.tokens_completion),
           coalesce(billing_usage_cost(NEW.cost_usd), 0)
    WHERE (coalesce(NEW.created_at, NEW.completed_at, NEW.started_at) >= '1970-01-01 00:00:00+00'
           AND coalesce(NEW.created_at, NEW.completed_at, NEW.started_at) < '9999-01-01 00:00:00+00') IS NOT FALSE
    RETURNING current_setting('transaction_isolation') <> 'read committed'
                  OR EXISTS (SELECT FROM billing_retired_runs r WHERE r.run_id = NEW.id),
              EXISTS (SELECT FROM billing_run_reservations h WHERE h.user_id = NEW.user_id)
    INTO restored, reserved;
    IF (restored OR reserved) IS NOT FALSE THEN
        PERFORM billing_take_back_retired(NEW.id, NEW.user_id);
        PERFORM billing_release_run(
            NEW.user_id, CASE WHEN TG_OP = 'INSERT' THEN coalesce(NEW.completed_at, NEW.created_at) END);
    END IF;

    -- As in billing_count_run(). A period has always begun by today.
    UPDATE users u
    SET monthly_runs_used = coalesce(u.monthly_runs_used, 0) + 1
    WHERE NEW.status = 'completed' AND u.id = NEW.user_id
      AND (coalesce(NEW.completed_at, NEW.created_at, now()) >= date_trunc('day', now(), 'UTC')
           OR coalesce(NEW.completed_at, NEW.created_at, now())
              >= billing_quota_period_start(u.id, u.quota_reset_date, u.created_at));
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_meter_ended_run() IS
    'Meters a run that ends: usage into billing_usage_deltas, quota into users.monthly_runs_used';

-- The same for all runs that one statement inserts.
CREATE FUNCTION billing_meter_added_runs()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM added a WHERE a.status >= 'completed') THEN
        RETURN NULL;
    END IF;
    INSERT INTO billing_usage_deltas (
        run_id, user_id, month, day, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
    SELECT d.id, d.user_id, billing_month_of_day(d.day), d.day, billing_usage_model(d.model_used),
           (d.status = 'completed')::int, (d.status = 'failed')::int, (d.status = 'cancelled')::int,
           (billing_usage_cost(d.cost_usd) IS NULL)::int,
           billing_usage_tokens(d.tokens_total, d.tokens_prompt, d.tokens_completion),
           coalesce(billing_usage_cost(d.cost_usd), 0)
    FROM (SELECT a.*, CASE WHEN coalesce(a.created_at, a.completed_at, a.started_at) IS NULL
                           THEN billing_undated_month(a.id)
                           ELSE billing_usage_day(coalesce(a.created_at, a.completed_at, a.started_at)) END AS day
          FROM added a
          WHERE a.status >= 'completed'
          OFFSET 0) d
    WHERE d.day IS NOT NULL;

    PERFORM billing_take_back_retired(a.id, a.user_id)
    FROM added a
    WHERE a.status >= 'completed'
      AND (current_setting('transaction_isolation') <> 'read committed'
           OR EXISTS (SELECT FROM billing_retired_runs r WHERE r.run_id = a.id));
    PERFORM billing_release_run(a.user_id, coalesce(a.completed_at, a.created_at))
    FROM added a
    WHERE a.status >= 'completed' AND EXISTS (SELECT FROM billing_run_reservations h WHERE h.user_id = a.user_id);

    -- In the order of the ids, so that two such statements never wait for each other crosswise; then, with the rows as
    -- they are by now, each user once.
    PERFORM FROM users u
    WHERE u.id IN (SELECT a.user_id FROM added a WHERE a.status = 'completed')
    ORDER BY u.id
    FOR NO KEY UPDATE;
    UPDATE users u
    SET monthly_runs_used = coalesce(u.monthly_runs_used, 0) + counted.runs
    FROM (SELECT c.user_id, count(*) AS runs
          FROM (SELECT a.user_id, coalesce(a.completed_at, a.created_at, now()) AS moment
                FROM added a
                WHERE a.status = 'completed') c
          JOIN users of_run ON of_run.id = c.user_id
          WHERE c.moment >= date_trunc('day', now(), 'UTC')
             OR c.moment >= billing_quota_period_start(of_run.id, of_run.quota_reset_date, of_run.created_at)
          GROUP BY c.user_id) counted
    WHERE u.id = counted.user_id;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_meter_added_runs() IS 'Meters the runs that a statement inserts as ended';

-- A run that had ended changes: takes away what it counted for until now and adds what it counts for from now on.
CREATE FUNCTION billing_meter_changed_run()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    IF (OLD.status, OLD.user_id, OLD.created_at, OLD.completed_at, OLD.started_at, OLD.model_used, OLD.cost_usd,
        OLD.tokens_total, OLD.tokens_prompt, OLD.tokens_completion, OLD.id)
       IS NOT DISTINCT FROM
       (NEW.status, NEW.user_id, NEW.created_at, NEW.completed_at, NEW.started_at, NEW.model_used, NEW.cost_usd,
        NEW.tokens_total, NEW.tokens_prompt, NEW.tokens_completion, NEW.id) THEN
        RETURN NULL;
    END IF;
    PERFORM billing_append_run(
        -1, OLD.id, OLD.user_id, coalesce(OLD.created_at, OLD.completed_at, OLD.started_at), OLD.status, OLD.model_used,
        billing_usage_tokens(OLD.tokens_total, OLD.tokens_prompt, OLD.tokens_completion), OLD.cost_usd);
    IF NEW.id <> OLD.id THEN
        PERFORM billing_take_back_retired(NEW.id, NEW.user_id);
    END IF;
    IF NEW.status IN ('completed', 'failed', 'cancelled') THEN
        PERFORM billing_append_run(
            1, NEW.id, NEW.user_id, coalesce(NEW.created_at, NEW.completed_at, NEW.started_at), NEW.status,
            NEW.model_used, billing_usage_tokens(NEW.tokens_total, NEW.tokens_prompt, NEW.tokens_completion),
            NEW.cost_usd);
    END IF;

    IF (OLD.status, OLD.user_id, coalesce(OLD.completed_at, OLD.created_at))
       IS DISTINCT FROM (NEW.status, NEW.user_id, coalesce(NEW.completed_at, NEW.created_at)) THEN
        IF OLD.status = 'completed' THEN
            PERFORM billing_count_run(OLD.user_id, coalesce(OLD.completed_at, OLD.created_at, now()), -1);
        END IF;
        IF NEW.status = 'completed' THEN
            PERFORM billing_count_run(NEW.user_id, coalesce(NEW.completed_at, NEW.created_at, now()), 1);
        END IF;
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_meter_changed_run() IS 'Meters what changes of a run that had ended';

-- DELETE: what was metered stays metered; the run moves to billing_retired_runs, so that a recomputation still finds it.
-- One without any date keeps the month it was first seen in. By row, so that a run that is deleted and inserted by one
-- statement, or moved to another partition, is retired before it comes back.
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
COMMENT ON FUNCTION billing_retire_run() IS 'Keeps what billing needs of a deleted agent run';

-- The same for all runs of the table or of one partition: before TRUNCATE, and to be called before a partition is detached
-- or dropped. Runs that are still there count once all the same. Returns how many it keeps.
CREATE FUNCTION billing_retire_runs_of(relation regclass)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
AS $$
DECLARE
    kept bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_partition_tree('public.agent_runs') t WHERE t.relid = relation)
       AND relation <> 'public.agent_runs'::regclass THEN
        RAISE EXCEPTION '% is neither agent_runs nor a partition of it', relation
            USING ERRCODE = 'wrong_object_type';
    END IF;
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
        $sql$, relation);
    GET DIAGNOSTICS kept = ROW_COUNT;
    RETURN kept;
END;
$$;
COMMENT ON FUNCTION billing_retire_runs_of(regclass) IS
    'Keeps what billing needs of the runs of agent_runs or a partition of it, which may then be detached or dropped';

CREATE FUNCTION billing_retire_truncated_runs()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    PERFORM billing_retire_runs_of(TG_RELID::regclass);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_retire_truncated_runs() IS 'Keeps what billing needs of truncated agent runs';

-- As in 0002, but for a short condition on the trigger: what was wrong before and is not touched may stay.
CREATE OR REPLACE FUNCTION billing_refuse_bad_metering()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.cost_usd = 'NaN' AND NEW.cost_usd IS DISTINCT FROM OLD.cost_usd
            OR NEW.tokens_prompt < 0 AND NEW.tokens_prompt IS DISTINCT FROM OLD.tokens_prompt
            OR NEW.tokens_completion < 0 AND NEW.tokens_completion IS DISTINCT FROM OLD.tokens_completion
            OR NEW.tokens_total < 0 AND NEW.tokens_total IS DISTINCT FROM OLD.tokens_total) IS NOT TRUE THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'agent run %: cost_usd must be a number, and tokens must not be negative', NEW.id
        USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'agent_runs_metering';
END;
$$;

-- Puts the triggers on agent_runs. To be called again by the owner after agent_runs was replaced by another table, and
-- after a partition was added, for its TRUNCATE; all else is copied to new partitions by PostgreSQL.
CREATE FUNCTION billing_install_metering()
RETURNS void
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
DECLARE
    partition regclass;
BEGIN
    -- Under the platform's own name: it takes the place of the trigger that counted inserted runs for the quota.
    DROP TRIGGER IF EXISTS agent_runs_increment_usage ON agent_runs;
    IF (SELECT c.relkind FROM pg_class c WHERE c.oid = 'public.agent_runs'::regclass) = 'p' THEN
        CREATE TRIGGER agent_runs_increment_usage
            AFTER INSERT ON agent_runs
            FOR EACH ROW
            WHEN (NEW.status >= 'completed')
            EXECUTE FUNCTION billing_meter_ended_run();
    ELSE
        CREATE TRIGGER agent_runs_increment_usage
            AFTER INSERT ON agent_runs
            REFERENCING NEW TABLE AS added
            FOR EACH STATEMENT
            EXECUTE FUNCTION billing_meter_added_runs();
    END IF;
    CREATE OR REPLACE TRIGGER agent_runs_meter_end
        AFTER UPDATE ON agent_runs
        FOR EACH ROW
        WHEN (NEW.status >= 'completed' AND (OLD.status >= 'completed') IS NOT TRUE)
        EXECUTE FUNCTION billing_meter_ended_run();
    CREATE OR REPLACE TRIGGER agent_runs_recount_usage
        AFTER UPDATE ON agent_runs
        FOR EACH ROW
        WHEN (OLD.status >= 'completed')
        EXECUTE FUNCTION billing_meter_changed_run();
    CREATE OR REPLACE TRIGGER agent_runs_retire
        AFTER DELETE ON agent_runs
        FOR EACH ROW
        WHEN (OLD.status >= 'completed')
        EXECUTE FUNCTION billing_retire_run();
    CREATE OR REPLACE TRIGGER agent_runs_metering_insert
        BEFORE INSERT ON agent_runs
        FOR EACH ROW
        WHEN (NEW.cost_usd = 'NaN' OR least(NEW.tokens_prompt, NEW.tokens_completion, NEW.tokens_total) < 0)
        EXECUTE FUNCTION billing_refuse_bad_metering();
    CREATE OR REPLACE TRIGGER agent_runs_metering_update
        BEFORE UPDATE OF cost_usd, tokens_prompt, tokens_completion, tokens_total ON agent_runs
        FOR EACH ROW
        WHEN (NEW.cost_usd = 'NaN' OR least(NEW.tokens_prompt, NEW.tokens_completion, NEW.tokens_total) < 0)
        EXECUTE FUNCTION billing_refuse_bad_metering();

    FOR partition IN SELECT t.relid FROM pg_partition_tree('public.agent_runs') t
                     UNION SELECT 'public.agent_runs'::regclass LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER agent_runs_retire_all BEFORE TRUNCATE ON %s'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION billing_retire_truncated_runs()', partition);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION billing_install_metering() IS 'Puts the triggers that meter and retire runs on agent_runs';

COMMENT ON FUNCTION increment_user_runs() IS
    'Not used any more: billing_meter_ended_run() and its like keep users.monthly_runs_used';

-- ── Recomputation ──────────────────────────────────────────────────────────────────────────────────────────────────

-- The terminal runs of a month, deleted ones included: a deleted run counts until its id becomes a terminal run again.
-- Indexes idx_agent_runs_created and billing_retired_runs_metered. The planner puts the query in place of the call.
CREATE FUNCTION billing_metered_runs(of_month date)
RETURNS TABLE (user_id uuid, day date, status run_status, model_used text, cost_usd numeric, tokens_total bigint,
               tokens_prompt bigint, tokens_completion bigint)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT a.user_id, billing_usage_day(a.created_at), a.status, a.model_used::text, a.cost_usd, a.tokens_total::bigint,
           a.tokens_prompt::bigint, a.tokens_completion::bigint
    FROM agent_runs a
    WHERE a.created_at >= of_month::timestamp AT TIME ZONE 'UTC'
      AND a.created_at < (of_month + interval '1 month') AT TIME ZONE 'UTC'
      AND a.status IN ('completed', 'failed', 'cancelled')
    UNION ALL
    SELECT a.user_id,
           CASE WHEN coalesce(a.completed_at, a.started_at) IS NULL THEN u.month
                ELSE billing_usage_day(coalesce(a.completed_at, a.started_at)) END,
           a.status, a.model_used::text, a.cost_usd, a.tokens_total::bigint, a.tokens_prompt::bigint,
           a.tokens_completion::bigint
    FROM agent_runs a
    LEFT JOIN billing_undated_runs u ON u.run_id = a.id
    WHERE a.created_at IS NULL
      AND a.status IN ('completed', 'failed', 'cancelled')
      AND CASE WHEN coalesce(a.completed_at, a.started_at) IS NULL THEN u.month
               ELSE billing_usage_month(coalesce(a.completed_at, a.started_at)) END = of_month
    UNION ALL
    SELECT r.user_id, billing_usage_day(coalesce(r.created_at, r.completed_at)), r.status, r.model_used::text, r.cost_usd,
           r.tokens_total::bigint, r.tokens_prompt::bigint, r.tokens_completion::bigint
    FROM billing_retired_runs r
    WHERE coalesce(r.created_at, r.completed_at) >= of_month::timestamp AT TIME ZONE 'UTC'
      AND coalesce(r.created_at, r.completed_at) < (of_month + interval '1 month') AT TIME ZONE 'UTC'
      AND NOT EXISTS (SELECT FROM agent_runs back
                      WHERE back.id = r.run_id AND back.status IN ('completed', 'failed', 'cancelled'));
$$;
COMMENT ON FUNCTION billing_metered_runs(date) IS 'The terminal runs of a month, deleted ones included';

-- What the runs of a month say, less what is recorded of them (drained or not), where the two differ: empty when all is
-- well. Every change of a run and its delta are committed together, so the difference does not move while others write:
-- it can be taken at any moment, and put right by appending it as deltas. The first fill is this, against nothing.
-- The planner puts the query in place of the call.
CREATE FUNCTION billing_usage_drift(of_month date)
RETURNS TABLE (user_id uuid, model text, completed_runs bigint, failed_runs bigint, cancelled_runs bigint,
               unpriced_runs bigint, tokens numeric, cost_usd numeric)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    WITH computed AS (
        SELECT m.user_id, billing_usage_model(m.model_used) AS model,
               count(*) FILTER (WHERE m.status = 'completed') AS completed_runs,
               count(*) FILTER (WHERE m.status = 'failed') AS failed_runs,
               count(*) FILTER (WHERE m.status = 'cancelled') AS cancelled_runs,
               count(*) FILTER (WHERE billing_usage_cost(m.cost_usd) IS NULL) AS unpriced_runs,
               sum(billing_usage_tokens(m.tokens_total, m.tokens_prompt, m.tokens_completion)) AS tokens,
               coalesce(sum(billing_usage_cost(m.cost_usd)), 0) AS cost_usd
        FROM billing_metered_runs(of_month) m
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
DROP FUNCTION billing_retire_runs();

INSERT INTO billing_usage_fill (filled_from, filled_at)
SELECT CASE WHEN history THEN 'infinity' ELSE '-infinity' END::date, CASE WHEN NOT history THEN now() END
FROM (SELECT EXISTS (SELECT FROM agent_runs) OR EXISTS (SELECT FROM billing_retired_runs) AS history) found;
