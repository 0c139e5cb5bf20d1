-- What reads every run of a month can be asked for some of its users, so that two sessions share the work; and a quota reset
-- writes a user's row, the record of the reset, and nothing else.
--
-- Locks: none that anybody waits for.

-- ── Checks of a month by users ─────────────────────────────────────────────────────────────────────────────────────

-- The terminal runs of a month and a range of users, both ends included, that agent_runs does not have by their created_at:
-- those without one, and the deleted ones. A deleted run counts until its id becomes a terminal run again. Indexes
-- idx_agent_runs_created and billing_retired_runs_metered. The planner puts the query in place of the call.
CREATE FUNCTION billing_stray_runs(
    of_month date, from_user uuid DEFAULT '00000000-0000-0000-0000-000000000000',
    to_user uuid DEFAULT 'ffffffff-ffff-ffff-ffff-ffffffffffff')
RETURNS TABLE (user_id uuid, day date, status run_status, model_used text, cost_usd numeric, tokens_total bigint,
               tokens_prompt bigint, tokens_completion bigint)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT a.user_id,
           CASE WHEN coalesce(a.completed_at, a.started_at) IS NULL THEN u.month
                ELSE billing_usage_day(coalesce(a.completed_at, a.started_at)) END,
           a.status, a.model_used::text, a.cost_usd, a.tokens_total::bigint, a.tokens_prompt::bigint,
           a.tokens_completion::bigint
    FROM agent_runs a
    LEFT JOIN billing_undated_runs u ON u.run_id = a.id
    WHERE a.created_at IS NULL
      AND a.status IN ('completed', 'failed', 'cancelled')
      AND a.user_id BETWEEN from_user AND to_user
      AND CASE WHEN coalesce(a.completed_at, a.started_at) IS NULL THEN u.month
               ELSE billing_usage_month(coalesce(a.completed_at, a.started_at)) END = of_month
    UNION ALL
    SELECT r.user_id, billing_usage_day(coalesce(r.created_at, r.completed_at)), r.status, r.model_used::text, r.cost_usd,
           r.tokens_total::bigint, r.tokens_prompt::bigint, r.tokens_completion::bigint
    FROM billing_retired_runs r
    WHERE coalesce(r.created_at, r.completed_at) >= of_month::timestamp AT TIME ZONE 'UTC'
      AND coalesce(r.created_at, r.completed_at) < (of_month + interval '1 month') AT TIME ZONE 'UTC'
      AND r.user_id BETWEEN from_user AND to_user
      AND NOT EXISTS (SELECT FROM agent_runs back
                      WHERE back.id = r.run_id AND back.status IN ('completed', 'failed', 'cancelled'));
$$;
COMMENT ON FUNCTION billing_stray_runs(date, uuid, uuid) IS
    'The terminal runs of a month that are deleted or have no created_at';

-- As in 0008.
CREATE OR REPLACE FUNCTION billing_metered_runs(of_month date)
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
    SELECT s.user_id, s.day, s.status, s.model_used, s.cost_usd, s.tokens_total, s.tokens_prompt, s.tokens_completion
    FROM billing_stray_runs(of_month) s;
$$;

-- As in 0015, of the users whose ids lie between the two, both included. The runs are grouped before the strays come to
-- them: one list of both would cost each run of the month two more steps.
DROP FUNCTION billing_usage_drift(date);
CREATE FUNCTION billing_usage_drift(
    of_month date, from_user uuid DEFAULT '00000000-0000-0000-0000-000000000000',
    to_user uuid DEFAULT 'ffffffff-ffff-ffff-ffff-ffffffffffff')
RETURNS TABLE (user_id uuid, model text, completed_runs bigint, failed_runs bigint, cancelled_runs bigint,
               unpriced_runs bigint, tokens numeric, cost_usd numeric)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    WITH computed AS (
        SELECT m.user_id, m.model,
               count(*) - count(*) FILTER (WHERE m.status = 'failed') - count(*) FILTER (WHERE m.status = 'cancelled')
                   AS completed_runs,
               count(*) FILTER (WHERE m.status = 'failed') AS failed_runs,
               count(*) FILTER (WHERE m.status = 'cancelled') AS cancelled_runs,
               count(*) - count(m.cost_usd) AS unpriced_runs, sum(m.tokens) AS tokens,
               coalesce(sum(m.cost_usd), 0) AS cost_usd
        -- OFFSET 0, so that what a run counts for is worked out once and not by each sum.
        FROM (SELECT a.user_id, billing_usage_model(a.model_used::text) AS model, a.status,
                     billing_usage_tokens(a.tokens_total, a.tokens_prompt, a.tokens_completion) AS tokens,
                     billing_usage_cost(a.cost_usd) AS cost_usd
              FROM agent_runs a
              WHERE a.created_at >= of_month::timestamp AT TIME ZONE 'UTC'
                AND a.created_at < (of_month + interval '1 month') AT TIME ZONE 'UTC'
                AND a.status IN ('completed', 'failed', 'cancelled')
                AND a.user_id BETWEEN from_user AND to_user
              OFFSET 0) m
        GROUP BY 1, 2
    ), drained AS (
        SELECT b.user_id, b.model, b.completed_runs, b.failed_runs, b.cancelled_runs, b.unpriced_runs, b.tokens, b.cost_usd
        FROM billing_usage_by_model b
        WHERE b.month = of_month AND b.user_id BETWEEN from_user AND to_user
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
        SELECT s.user_id, billing_usage_model(s.model_used), (s.status = 'completed')::int::bigint,
               (s.status = 'failed')::int::bigint, (s.status = 'cancelled')::int::bigint,
               (billing_usage_cost(s.cost_usd) IS NULL)::int::bigint,
               billing_usage_tokens(s.tokens_total, s.tokens_prompt, s.tokens_completion),
               coalesce(billing_usage_cost(s.cost_usd), 0)
        FROM billing_stray_runs(of_month, from_user, to_user) s
        UNION ALL
        SELECT d.user_id, d.model, -d.completed_runs, -d.failed_runs, -d.cancelled_runs, -d.unpriced_runs, -d.tokens,
               -d.cost_usd
        FROM billing_usage_deltas d
        WHERE d.month = of_month AND d.user_id BETWEEN from_user AND to_user
    )
    SELECT d.user_id, d.model, sum(d.completed_runs)::bigint, sum(d.failed_runs)::bigint, sum(d.cancelled_runs)::bigint,
           sum(d.unpriced_runs)::bigint, sum(d.tokens), sum(d.cost_usd)
    FROM difference d
    GROUP BY d.user_id, d.model
    HAVING (sum(d.completed_runs), sum(d.failed_runs), sum(d.cancelled_runs), sum(d.unpriced_runs), sum(d.tokens),
            sum(d.cost_usd)) IS DISTINCT FROM (0, 0, 0, 0, 0, 0);
$$;
COMMENT ON FUNCTION billing_usage_drift(date, uuid, uuid) IS
    'Usage of a month and a range of users recomputed from the runs, less what is recorded: empty when all is well';

-- ── Quota resets ───────────────────────────────────────────────────────────────────────────────────────────────────
--
-- The start of a user's period stands in billing_quota_resets, so billing_quota_anchors is written once a user, not at
-- each reset; and a batch finds the rows that it has locked by their places in the table.

COMMENT ON COLUMN billing_quota_anchors.period_start IS
    'Start of the period that users.monthly_runs_used counts, where billing_quota_resets has no later one; NULL: derived';

-- As in 0008, and the last reset tells the start.
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
    SELECT q.anchor_day,
           greatest(q.period_start, (SELECT max(r.period_start) FROM billing_quota_resets r
                                     WHERE r.user_id = for_user AND r.period_start < coalesce(ends, 'infinity')))
               AS period_start
    INTO stored
    FROM billing_quota_anchors q
    WHERE q.user_id = for_user;
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

-- What a reset on the UTC day as_of would do for the users whose rows are at these places (users.ctid, which stays as it is
-- while somebody holds the row, or within one snapshot); those who are not due are left out. anchor_source is NULL for a
-- user without a row in billing_quota_anchors.
--
-- One plan for all calls, by key and place: it is made for a few hundred users of a table of any size.
CREATE FUNCTION billing_quota_due_at(as_of date, places tid[])
RETURNS TABLE (
    place tid, user_id uuid, anchor_day int, anchor_source text, previous_reset_date date, period_start date,
    next_reset_date date, months int, previous_used int, used int)
LANGUAGE plpgsql STABLE ROWS 200
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
SET jit = off
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT u.ctid AS place, u.id, nullif(u.quota_reset_date, '-infinity') AS reset_date,
               coalesce(u.monthly_runs_used, 0) AS used,
               billing_anchor_day(q.anchor_day, u.quota_reset_date, u.created_at) AS anchor, q.source
        FROM unnest(places) AS w (place)
        JOIN users u ON u.ctid = w.place
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
    SELECT d.place, d.id, d.anchor, d.source, d.reset_date, c.starts, c.next_date, c.months, d.used,
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
COMMENT ON FUNCTION billing_quota_due_at(date, tid[]) IS 'What a reset would do for the users at these places who are due';

-- As in 0002: of all users, or of these.
CREATE OR REPLACE FUNCTION billing_quota_due(as_of date, only_users uuid[] DEFAULT NULL)
RETURNS TABLE (
    user_id uuid, anchor_day int, anchor_source text, previous_reset_date date, period_start date,
    next_reset_date date, months int, previous_used int, used int)
LANGUAGE plpgsql STABLE ROWS 200
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
    places tid[];
BEGIN
    IF only_users IS NULL THEN
        places := ARRAY(SELECT u.ctid FROM users u
                        WHERE u.deleted_at IS NULL AND (u.quota_reset_date IS NULL OR u.quota_reset_date <= as_of));
    ELSE
        places := ARRAY(SELECT u.ctid FROM users u WHERE u.id = ANY (only_users));
    END IF;
    RETURN QUERY
    SELECT d.user_id, d.anchor_day, coalesce(d.anchor_source, 'derived'), d.previous_reset_date, d.period_start,
           d.next_reset_date, d.months, d.previous_used, d.used
    FROM billing_quota_due_at(as_of, places) d;
END;
$$;

-- Resets the users whose rows are at these places and held by the caller, and who are due on the UTC day as_of; as
-- billing_reset_quotas() in 0002, which says how and why.
DROP FUNCTION billing_reset_quota_of(date, uuid[]);
CREATE FUNCTION billing_reset_quota_of(as_of date, held tid[])
RETURNS SETOF billing_quota_resets
LANGUAGE plpgsql VOLATILE
SET jit = off
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT d.place, d.user_id, d.anchor_day, d.anchor_source, d.previous_reset_date, d.period_start, d.next_reset_date,
               d.months, d.previous_used, d.used
        FROM billing_quota_due_at(as_of, held) d
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
        WHERE u.ctid = d.place
    ), anchored AS (
        INSERT INTO billing_quota_anchors (user_id, anchor_day, period_start, source)
        SELECT d.user_id, d.anchor_day, d.period_start, 'derived' FROM due d WHERE d.anchor_source IS NULL
        ON CONFLICT DO NOTHING
    )
    SELECT r.* FROM recorded r;
END;
$$;
COMMENT ON FUNCTION billing_reset_quota_of(date, tid[]) IS 'Resets the quota of users whose rows the caller holds';

-- As in 0010.
CREATE OR REPLACE FUNCTION billing_reset_quotas(as_of date, max_users int DEFAULT NULL)
RETURNS SETOF billing_quota_resets
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
AS $$
DECLARE
    held tid[];
BEGIN
    SELECT array_agg(l.ctid)
    INTO held
    FROM (SELECT u.ctid
          FROM users u
          WHERE u.deleted_at IS NULL AND (u.quota_reset_date IS NULL OR u.quota_reset_date <= as_of)
          ORDER BY u.id  -- two callers never wait for each other crosswise
          LIMIT max_users
          FOR NO KEY UPDATE) l;
    IF held IS NOT NULL THEN
        RETURN QUERY SELECT r.* FROM billing_reset_quota_of(as_of, held) r;
    END IF;
END;
$$;

-- As in 0015; it says what it did, and two callers look at a time, not only reset.
DROP FUNCTION billing_reset_quota_pages(date, bigint, int);
CREATE FUNCTION billing_reset_quota_pages(
    as_of date, from_page bigint, max_pages int, OUT next_page bigint, OUT resets billing_quota_resets[])
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
    held tid[];
BEGIN
    -- Before anything is looked at: who waits for others to do the work uses no processor.
    PERFORM pg_advisory_xact_lock(7243392019 + pg_backend_pid() % 2);
    WHILE held IS NULL AND page < pages LOOP
        first := format('(%s,0)', page)::tid;
        page := page + max_pages;
        beyond := format('(%s,0)', page)::tid;
        IF EXISTS (SELECT FROM users u
                   WHERE u.ctid >= first AND u.ctid < beyond
                     AND u.deleted_at IS NULL AND (u.quota_reset_date IS NULL OR u.quota_reset_date <= as_of)) THEN
            SELECT array_agg(l.ctid)
            INTO held
            FROM (SELECT u.ctid
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
        SELECT array_agg(r) INTO resets FROM billing_reset_quota_of(as_of, held) r;
    END IF;
END;
$$;
COMMENT ON FUNCTION billing_reset_quota_pages(date, bigint, int) IS
    'Resets a batch of the users who are due, for callers that commit between batches';

-- As in 0010.
CREATE OR REPLACE FUNCTION try_consume_run(user_id uuid, hold interval DEFAULT interval '1 hour')
RETURNS text
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
AS $$
DECLARE
    today constant date := (now() AT TIME ZONE 'UTC')::date;
    account record;
    taken bigint;
BEGIN
    SELECT u.ctid AS place, u.monthly_runs_quota AS quota, u.monthly_runs_used AS used, u.quota_reset_date AS ends
    INTO account
    FROM users u
    WHERE u.id = try_consume_run.user_id AND u.deleted_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'deny';
    END IF;
    IF account.ends IS NULL OR account.ends <= today THEN
        PERFORM billing_reset_quota_of(today, ARRAY[account.place]);
        SELECT u.monthly_runs_quota AS quota, u.monthly_runs_used AS used, u.quota_reset_date AS ends
        INTO account
        FROM users u
        WHERE u.id = try_consume_run.user_id;
    END IF;
    -- One that a run is just ending is left to it: that run may wait for this user's row next.
    DELETE FROM billing_run_reservations r
    WHERE r.id IN (SELECT h.id FROM billing_run_reservations h
                   WHERE h.user_id = try_consume_run.user_id AND h.expires_at <= now()
                   FOR UPDATE SKIP LOCKED);
    SELECT count(*) + coalesce(account.used, 0) + 1 INTO taken
    FROM billing_run_reservations r
    WHERE r.user_id = try_consume_run.user_id AND r.expires_at > now();
    IF taken > account.quota THEN
        RETURN 'deny';
    END IF;
    INSERT INTO billing_run_reservations (user_id, expires_at)
    VALUES (try_consume_run.user_id, now() + greatest(hold, interval '1 second'));
    RETURN CASE WHEN taken * 100 >= account.quota::bigint * 80 THEN 'warn' ELSE 'allow' END;
END;
$$;

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
