-- What counting costs the platform: a run's life in three transactions made PostgreSQL read the stored text of six
-- conditions, evaluate an index on completed runs three times and start three queries. What is left is one appended row
-- and one update of users. Nothing of what is counted changes.
--
-- Locks: SHARE ROW EXCLUSIVE on agent_runs while its triggers are exchanged, and ACCESS EXCLUSIVE for the moment in which
-- triggers and an index are dropped; both wait for the transactions that write runs.

-- ── Metering ───────────────────────────────────────────────────────────────────────────────────────────────────────
--
-- In a statement of one row, reading a trigger's WHEN from its stored text costs more than calling a PL/pgSQL function
-- that looks and leaves. So there is one trigger for updates, without a condition, and it also refuses what no sum could
-- include.

-- Refuses costs that are no number and tokens below zero that are newly written; what was wrong before and is not touched
-- may stay. `before` is NULL for a run that is inserted.
CREATE FUNCTION billing_refuse_bad_run(before record, after record)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    -- Not IS NOT NULL, which asks whether all columns are.
    IF NOT (before IS NULL) THEN
        IF (after.cost_usd = 'NaN' AND after.cost_usd IS DISTINCT FROM before.cost_usd
            OR after.tokens_prompt < 0 AND after.tokens_prompt IS DISTINCT FROM before.tokens_prompt
            OR after.tokens_completion < 0 AND after.tokens_completion IS DISTINCT FROM before.tokens_completion
            OR after.tokens_total < 0 AND after.tokens_total IS DISTINCT FROM before.tokens_total) IS NOT TRUE THEN
            RETURN;
        END IF;
    END IF;
    RAISE EXCEPTION 'agent run %: cost_usd must be a number, and tokens must not be negative', after.id
        USING ERRCODE = 'check_violation', TABLE = 'agent_runs', CONSTRAINT = 'agent_runs_metering';
END;
$$;
COMMENT ON FUNCTION billing_refuse_bad_run(record, record) IS 'Refuses agent runs that no sum could include';

-- A run that had ended changes: takes away what it counted for until now and adds what it counts for from now on. One that
-- runs again holds again what try_consume_run() took for it, which its next end will free.
CREATE FUNCTION billing_recount_run(before record, after record)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF (before.status, before.user_id, before.created_at, before.completed_at, before.started_at, before.model_used,
        before.cost_usd, before.tokens_total, before.tokens_prompt, before.tokens_completion, before.id)
       IS NOT DISTINCT FROM
       (after.status, after.user_id, after.created_at, after.completed_at, after.started_at, after.model_used,
        after.cost_usd, after.tokens_total, after.tokens_prompt, after.tokens_completion, after.id) THEN
        RETURN;
    END IF;
    PERFORM billing_append_run(
        -1, before.id, before.user_id, coalesce(before.created_at, before.completed_at, before.started_at), before.status,
        before.model_used, billing_usage_tokens(before.tokens_total, before.tokens_prompt, before.tokens_completion),
        before.cost_usd);
    IF after.id <> before.id THEN
        PERFORM billing_take_back_retired(after.id, after.user_id);
    END IF;
    IF after.status >= 'completed' THEN
        PERFORM billing_append_run(
            1, after.id, after.user_id, coalesce(after.created_at, after.completed_at, after.started_at), after.status,
            after.model_used, billing_usage_tokens(after.tokens_total, after.tokens_prompt, after.tokens_completion),
            after.cost_usd);
    ELSE
        INSERT INTO billing_run_reservations (user_id, expires_at) VALUES (after.user_id, now() + interval '1 hour');
    END IF;

    IF (before.status, before.user_id, coalesce(before.completed_at, before.created_at))
       IS DISTINCT FROM (after.status, after.user_id, coalesce(after.completed_at, after.created_at)) THEN
        IF before.status = 'completed' THEN
            PERFORM billing_count_run(before.user_id, coalesce(before.completed_at, before.created_at, now()), -1);
        END IF;
        IF after.status = 'completed' THEN
            PERFORM billing_count_run(after.user_id, coalesce(after.completed_at, after.created_at, now()), 1);
        END IF;
    END IF;
END;
$$;
COMMENT ON FUNCTION billing_recount_run(record, record) IS 'Meters what changes of a run that had ended';

-- Whatever is not an ordinary end: a run that changes without ending, that had ended before, or that ends as failed,
-- cancelled, unpriced, undated or in the past. `before` is NULL for a run that is inserted into a partitioned table.
CREATE FUNCTION billing_meter_other_change(before record, after record)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF after.cost_usd = 'NaN' OR least(after.tokens_prompt, after.tokens_completion, after.tokens_total) < 0 THEN
        PERFORM billing_refuse_bad_run(before, after);
    END IF;
    IF NOT (before IS NULL) THEN
        IF before.status >= 'completed' THEN
            PERFORM billing_recount_run(before, after);
            RETURN;
        END IF;
    END IF;
    IF (after.status >= 'completed') IS NOT TRUE THEN
        -- Moved here from another partition by an update that also made it run again.
        IF EXISTS (SELECT FROM billing_retired_runs r WHERE r.run_id = after.id AND r.retired_at = now()) THEN
            PERFORM billing_take_back_retired(after.id, after.user_id);
        END IF;
        RETURN;
    END IF;
    PERFORM billing_append_run(
        1, after.id, after.user_id, coalesce(after.created_at, after.completed_at, after.started_at), after.status,
        after.model_used, billing_usage_tokens(after.tokens_total, after.tokens_prompt, after.tokens_completion),
        after.cost_usd);
    PERFORM billing_take_back_retired(after.id, after.user_id);
    PERFORM billing_release_run(
        after.user_id, CASE WHEN before IS NULL THEN coalesce(after.completed_at, after.created_at) END);
    IF after.status = 'completed' THEN
        PERFORM billing_count_run(after.user_id, coalesce(after.completed_at, after.created_at, now()), 1);
    END IF;
END;
$$;
COMMENT ON FUNCTION billing_meter_other_change(record, record) IS 'Meters a run that changes, whatever it looks like';

-- A row of agent_runs is updated, or inserted into a partitioned table. Every run of the platform pays for this at each
-- of its steps, so the ordinary ways through (it goes on; it completes now, with a cost and tokens) have few statements
-- and few expressions: PL/pgSQL prepares each of them again in each transaction. What is ordinary is decided by one
-- expression; billing_meter_other_change() comes to the same for an ordinary end, and costs more.
CREATE FUNCTION billing_meter_run()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    known boolean;
BEGIN
    IF NEW.status = 'completed' AND TG_OP = 'UPDATE' AND (OLD.status >= 'completed') IS NOT TRUE
       AND NEW.cost_usd >= 0 AND NEW.cost_usd < 'Infinity'
       AND least(NEW.tokens_prompt, NEW.tokens_completion, NEW.tokens_total) >= 0 AND NEW.tokens_total IS NOT NULL
       -- A quota's period has always begun by today.
       AND NEW.completed_at >= date_trunc('day', now(), 'UTC')
       AND NEW.created_at >= '1970-01-01 00:00:00+00' AND NEW.created_at < '9999-01-01 00:00:00+00' THEN
        INSERT INTO billing_usage_deltas (
            run_id, user_id, month, day, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens,
            cost_usd)
        VALUES (NEW.id, NEW.user_id, date_trunc('month', NEW.created_at, 'UTC') AT TIME ZONE 'UTC',
                NEW.created_at AT TIME ZONE 'UTC', billing_usage_model(NEW.model_used), 1, 0, 0, 0, NEW.tokens_total,
                NEW.cost_usd)
        RETURNING current_setting('transaction_isolation') <> 'read committed'
                      OR EXISTS (SELECT FROM billing_retired_runs r WHERE r.run_id = NEW.id)
                      OR EXISTS (SELECT FROM billing_run_reservations h WHERE h.user_id = NEW.user_id)
        INTO known;
        IF known THEN
            PERFORM billing_take_back_retired(NEW.id, NEW.user_id);
            PERFORM billing_release_run(NEW.user_id, NULL);
        END IF;
        UPDATE users u SET monthly_runs_used = coalesce(u.monthly_runs_used, 0) + 1 WHERE u.id = NEW.user_id;
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM billing_meter_other_change(NULL, NEW);
    ELSIF NEW.status >= 'completed' OR OLD.status >= 'completed' OR NEW.cost_usd = 'NaN'
          OR least(NEW.tokens_prompt, NEW.tokens_completion, NEW.tokens_total) < 0 THEN
        PERFORM billing_meter_other_change(OLD, NEW);
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_meter_run() IS
    'Meters a run that changes: usage into billing_usage_deltas, quota into users.monthly_runs_used';

-- As in 0008, and it refuses what no sum could include.
CREATE OR REPLACE FUNCTION billing_meter_added_runs()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    PERFORM FROM added a
    WHERE a.status >= 'completed' OR a.cost_usd = 'NaN' OR least(a.tokens_prompt, a.tokens_completion, a.tokens_total) < 0
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM billing_refuse_bad_run(NULL, a)
    FROM added a
    WHERE a.cost_usd = 'NaN' OR least(a.tokens_prompt, a.tokens_completion, a.tokens_total) < 0;

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

-- As in 0008, with one trigger where there were four.
CREATE OR REPLACE FUNCTION billing_install_metering()
RETURNS void
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
DECLARE
    partition regclass;
BEGIN
    DROP TRIGGER IF EXISTS agent_runs_increment_usage ON agent_runs;
    DROP TRIGGER IF EXISTS agent_runs_meter_end ON agent_runs;
    DROP TRIGGER IF EXISTS agent_runs_metering_insert ON agent_runs;
    DROP TRIGGER IF EXISTS agent_runs_metering_update ON agent_runs;
    -- Under the platform's own name: it takes the place of the trigger that counted inserted runs for the quota.
    IF (SELECT c.relkind FROM pg_class c WHERE c.oid = 'public.agent_runs'::regclass) = 'p' THEN
        CREATE TRIGGER agent_runs_increment_usage
            AFTER INSERT ON agent_runs
            FOR EACH ROW
            EXECUTE FUNCTION billing_meter_run();
    ELSE
        CREATE TRIGGER agent_runs_increment_usage
            AFTER INSERT ON agent_runs
            REFERENCING NEW TABLE AS added
            FOR EACH STATEMENT
            EXECUTE FUNCTION billing_meter_added_runs();
    END IF;
    CREATE OR REPLACE TRIGGER agent_runs_recount_usage
        AFTER UPDATE ON agent_runs
        FOR EACH ROW
        EXECUTE FUNCTION billing_meter_run();
    CREATE OR REPLACE TRIGGER agent_runs_retire
        AFTER DELETE ON agent_runs
        FOR EACH ROW
        WHEN (OLD.status >= 'completed')
        EXECUTE FUNCTION billing_retire_run();

    FOR partition IN SELECT t.relid FROM pg_partition_tree('public.agent_runs') t
                     UNION SELECT 'public.agent_runs'::regclass LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER agent_runs_retire_all BEFORE TRUNCATE ON %s'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION billing_retire_truncated_runs()', partition);
    END LOOP;
END;
$$;

-- ── Recomputation ──────────────────────────────────────────────────────────────────────────────────────────────────

-- As in 0008. Counting 500 characters of every run's model is dear; 500 bytes are no more than 500 characters.
CREATE OR REPLACE FUNCTION billing_usage_model(model_used text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN octet_length(model_used) > 500 THEN "left"(model_used, 500) ELSE coalesce(model_used, 'unknown') END;
$$;

-- As in 0008, in fewer steps: what is drained is unique already and needs no grouping; what waits is few, and is
-- taken away from what differs.
CREATE OR REPLACE FUNCTION billing_usage_drift(of_month date)
RETURNS TABLE (user_id uuid, model text, completed_runs bigint, failed_runs bigint, cancelled_runs bigint,
               unpriced_runs bigint, tokens numeric, cost_usd numeric)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    WITH computed AS (
        SELECT m.user_id, m.model, count(*) FILTER (WHERE m.status = 'completed') AS completed_runs,
               count(*) FILTER (WHERE m.status = 'failed') AS failed_runs,
               count(*) FILTER (WHERE m.status = 'cancelled') AS cancelled_runs,
               count(*) - count(m.cost_usd) AS unpriced_runs, sum(m.tokens) AS tokens,
               coalesce(sum(m.cost_usd), 0) AS cost_usd
        -- OFFSET 0, so that what a run counts for is worked out once and not by each sum.
        FROM (SELECT r.user_id, billing_usage_model(r.model_used) AS model, r.status,
                     billing_usage_tokens(r.tokens_total, r.tokens_prompt, r.tokens_completion) AS tokens,
                     billing_usage_cost(r.cost_usd) AS cost_usd
              FROM billing_metered_runs(of_month) r
              OFFSET 0) m
        GROUP BY 1, 2
    ), drained AS (
        SELECT b.user_id, b.model, b.completed_runs, b.failed_runs, b.cancelled_runs, b.unpriced_runs, b.tokens, b.cost_usd
        FROM billing_usage_by_model b
        WHERE b.month = of_month
    ), difference AS (
        SELECT user_id, model,
               coalesce(c.completed_runs, 0) - coalesce(r.completed_runs, 0) AS completed_runs,
               coalesce(c.failed_runs, 0) - coalesce(r.failed_runs, 0) AS failed_runs,
               coalesce(c.cancelled_runs, 0) - coalesce(r.cancelled_runs, 0) AS cancelled_runs,
               coalesce(c.unpriced_runs, 0) - coalesce(r.unpriced_runs, 0) AS unpriced_runs,
               coalesce(c.tokens, 0) - coalesce(r.tokens, 0) AS tokens,
               coalesce(c.cost_usd, 0) - coalesce(r.cost_usd, 0) AS cost_usd
        FROM computed c
        FULL JOIN drained r USING (user_id, model)
        WHERE (c.completed_runs, c.failed_runs, c.cancelled_runs, c.unpriced_runs, c.tokens, c.cost_usd)
              IS DISTINCT FROM
              (r.completed_runs, r.failed_runs, r.cancelled_runs, r.unpriced_runs, r.tokens, r.cost_usd)
        UNION ALL
        SELECT d.user_id, d.model, -d.completed_runs, -d.failed_runs, -d.cancelled_runs, -d.unpriced_runs, -d.tokens,
               -d.cost_usd
        FROM billing_usage_deltas d
        WHERE d.month = of_month
    )
    SELECT d.user_id, d.model, sum(d.completed_runs)::bigint, sum(d.failed_runs)::bigint, sum(d.cancelled_runs)::bigint,
           sum(d.unpriced_runs)::bigint, sum(d.tokens), sum(d.cost_usd)
    FROM difference d
    GROUP BY d.user_id, d.model
    HAVING (sum(d.completed_runs), sum(d.failed_runs), sum(d.cancelled_runs), sum(d.unpriced_runs), sum(d.tokens),
            sum(d.cost_usd)) IS DISTINCT FROM (0, 0, 0, 0, 0, 0);
$$;

-- ── Quota resets ───────────────────────────────────────────────────────────────────────────────────────────────────
--
-- A reset of a million users must not be felt by those who use their rows meanwhile: two batches at a time however many
-- callers there are, few users a batch, and plans made once a session instead of once a batch (PostgreSQL plans the body
-- of an SQL function at each call, and would read all users for each batch of a table that is not large).

-- As in 0010.
CREATE OR REPLACE FUNCTION billing_quota_due(as_of date, only_users uuid[] DEFAULT NULL)
RETURNS TABLE (
    user_id uuid, anchor_day int, anchor_source text, previous_reset_date date, period_start date,
    next_reset_date date, months int, previous_used int, used int)
LANGUAGE plpgsql STABLE ROWS 200
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT u.id, nullif(u.quota_reset_date, '-infinity') AS reset_date, coalesce(u.monthly_runs_used, 0) AS used,
               billing_anchor_day(q.anchor_day, u.quota_reset_date, u.created_at) AS anchor,
               coalesce(q.source, 'derived') AS source
        FROM (SELECT a.id, a.quota_reset_date, a.monthly_runs_used, a.created_at, a.deleted_at
              FROM users a
              WHERE only_users IS NULL
              UNION ALL
              SELECT a.id, a.quota_reset_date, a.monthly_runs_used, a.created_at, a.deleted_at
              FROM unnest(only_users) AS w (id)
              JOIN users a ON a.id = w.id) u
        -- By key, for each: joined, it would be read as a whole for every batch.
        LEFT JOIN LATERAL (SELECT a.anchor_day, a.source FROM billing_quota_anchors a WHERE a.user_id = u.id LIMIT 1) q ON true
        WHERE u.deleted_at IS NULL AND (u.quota_reset_date IS NULL OR u.quota_reset_date <= as_of)
    ), calendar AS MATERIALIZED (
        SELECT d.anchor, d.reset_date, billing_anchor_after(d.anchor, as_of) AS next_date,
               -- A reset date off the anchor (somebody changed the anchor meanwhile) still begins a period.
               greatest(a.last_anchor, d.reset_date) AS starts,
               -- The reset date itself, and every anchor after it up to as_of.
               coalesce(1 + (extract(year FROM a.last_anchor)::int - extract(year FROM d.reset_date)::int) * 12
                          + (extract(month FROM a.last_anchor)::int - extract(month FROM d.reset_date)::int)
                          + CASE WHEN billing_anchor_date(d.anchor, d.reset_date) > d.reset_date THEN 1 ELSE 0 END, 1)
                   AS months
        FROM (SELECT DISTINCT anchor, reset_date FROM due) d,
             LATERAL (SELECT billing_anchor_on_or_before(d.anchor, as_of) AS last_anchor) a
    )
    SELECT d.id, d.anchor, d.source, d.reset_date, c.starts, c.next_date, c.months, d.used,
           (live.runs + retired.runs)::int
    FROM due d
    JOIN calendar c ON c.anchor = d.anchor
                   AND coalesce(c.reset_date, '-infinity') = coalesce(d.reset_date, '-infinity')
    CROSS JOIN LATERAL (
        SELECT count(*) AS runs
        FROM agent_runs r
        WHERE r.user_id = d.id AND r.status = 'completed'
          AND coalesce(r.completed_at, r.created_at) >= c.starts::timestamp AT TIME ZONE 'UTC') live
    CROSS JOIN LATERAL (
        SELECT count(*) AS runs
        FROM billing_retired_runs r
        WHERE r.user_id = d.id AND r.status = 'completed'
          AND coalesce(r.completed_at, r.created_at) >= c.starts::timestamp AT TIME ZONE 'UTC'
          AND NOT EXISTS (SELECT FROM agent_runs back
                          WHERE back.id = r.run_id AND back.status IN ('completed', 'failed', 'cancelled'))) retired;
END;
$$;

-- As in 0010.
CREATE OR REPLACE FUNCTION billing_reset_quota_of(as_of date, held uuid[])
RETURNS SETOF billing_quota_resets
LANGUAGE plpgsql VOLATILE
SET jit = off
SET enable_seqscan = off
AS $$
BEGIN
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT d.user_id, d.anchor_day, d.anchor_source, d.previous_reset_date, d.period_start, d.next_reset_date,
               d.months, d.previous_used, d.used
        FROM billing_quota_due(as_of, held) d
    ), recorded AS (
        INSERT INTO billing_quota_resets AS r (
            user_id, period_start, previous_used, used, previous_reset_date, next_reset_date, months)
        SELECT d.user_id, d.period_start, d.previous_used, d.used, d.previous_reset_date, d.next_reset_date, d.months
        FROM due d
        ON CONFLICT DO NOTHING
        RETURNING r.*
    ), moved AS (
        UPDATE users u
        SET quota_reset_date = d.next_reset_date,
            monthly_runs_used = coalesce(r.used, u.monthly_runs_used)
        FROM due d
        LEFT JOIN recorded r ON r.user_id = d.user_id
        WHERE u.id = d.user_id
    ), anchored AS (
        INSERT INTO billing_quota_anchors AS a (user_id, anchor_day, period_start, source)
        SELECT d.user_id, d.anchor_day, d.period_start, d.anchor_source FROM due d
        ON CONFLICT (user_id) DO UPDATE SET period_start = EXCLUDED.period_start
    )
    SELECT r.* FROM recorded r;
END;
$$;

-- A batch of what billing_reset_quotas() does, for a caller that commits between batches: the users who are due and whose
-- rows lie in the next pages of the table, from_page on, in which there are any; at most max_pages pages. Users whose row
-- somebody holds are left for the next time. next_page is where to go on, NULL when the end was reached; reset_users are
-- those for whom billing_quota_resets has a new row.
--
-- By page, and not by key: a page is read, written and logged once, and what other callers have done is passed over at
-- the speed of a scan. A row that moves to a later page meanwhile is looked at there; one that moves to an earlier one
-- (VACUUM FULL, a place that became free) is found by the next pass.
--
-- The locks let two batches run at a time: each process has one of two, takes it when there is work, and never waits for a
-- user's row.
CREATE FUNCTION billing_reset_quota_pages(
    as_of date, from_page bigint, max_pages int, OUT next_page bigint, OUT reset_users uuid[])
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
SET jit = off
AS $$
DECLARE
    page bigint := coalesce(from_page, 0);
    pages constant bigint := pg_relation_size('public.users') / current_setting('block_size')::int;
    first tid;
    beyond tid;
    held uuid[];
BEGIN
    WHILE held IS NULL AND page < pages LOOP
        first := format('(%s,0)', page)::tid;
        page := page + max_pages;
        beyond := format('(%s,0)', page)::tid;
        IF EXISTS (SELECT FROM users u
                   WHERE u.ctid >= first AND u.ctid < beyond
                     AND u.deleted_at IS NULL AND (u.quota_reset_date IS NULL OR u.quota_reset_date <= as_of)) THEN
            PERFORM pg_advisory_xact_lock(7243392019 + pg_backend_pid() % 2);
            SELECT array_agg(l.id)
            INTO held
            FROM (SELECT u.id
                  FROM users u
                  WHERE u.ctid >= first AND u.ctid < beyond
                    AND u.deleted_at IS NULL AND (u.quota_reset_date IS NULL OR u.quota_reset_date <= as_of)
                  FOR NO KEY UPDATE SKIP LOCKED) l;
        END IF;
    END LOOP;
    IF page < pages THEN
        next_page := page;
    END IF;
    IF held IS NOT NULL THEN
        SELECT array_agg(r.user_id) INTO reset_users FROM billing_reset_quota_of(as_of, held) r;
    END IF;
END;
$$;
COMMENT ON FUNCTION billing_reset_quota_pages(date, bigint, int) IS
    'Resets a batch of the users who are due, for callers that commit between batches';
DROP FUNCTION billing_reset_quota_batch(date, uuid, int);

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;

-- ── Exchanging the triggers ─────────────────────────────────────────────────────────────────────────────────────────
--
-- Last, because the lock is held to the end of this migration.
LOCK TABLE agent_runs IN SHARE ROW EXCLUSIVE MODE;
DO $$ BEGIN PERFORM billing_install_metering(); END; $$;
DROP FUNCTION billing_meter_ended_run();
DROP FUNCTION billing_meter_changed_run();
DROP FUNCTION billing_refuse_bad_metering();

COMMENT ON FUNCTION increment_user_runs() IS
    'Not used any more: billing_meter_run() and its like keep users.monthly_runs_used';
