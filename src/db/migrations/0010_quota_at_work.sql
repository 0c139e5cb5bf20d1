-- Quota at work: asking for a run without a race, and resetting a million users without making any of them wait.
--
-- Locks: SHARE on agent_runs while its index is made, if it is small.

-- When each completed run counted: what a reset that comes late has to count again. Without it a reset reads every run
-- of each user. On a large table it would lock writers out while it is made: then the warning says how to do without.
DO $$
DECLARE
    bytes bigint;
    partitioned boolean;
    columns constant text := '(user_id, (coalesce(completed_at, created_at))) WHERE status = ''completed''';
BEGIN
    IF to_regclass('public.idx_agent_runs_completed') IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT c.relkind = 'p' INTO partitioned FROM pg_class c WHERE c.oid = 'public.agent_runs'::regclass;
    bytes := greatest(pg_relation_size('public.agent_runs'),
                      (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('public.agent_runs')));
    IF bytes < 64 * 1024 * 1024 THEN
        EXECUTE 'CREATE INDEX idx_agent_runs_completed ON agent_runs ' || columns;
    ELSE
        RAISE WARNING 'agent_runs has no index on completed runs, and is too large to make one while others wait'
            USING HINT = CASE WHEN partitioned
                THEN 'Run: CREATE INDEX idx_agent_runs_completed ON ONLY public.agent_runs ' || columns
                     || '; then for each partition: CREATE INDEX CONCURRENTLY ...; '
                     || 'ALTER INDEX idx_agent_runs_completed ATTACH PARTITION ...'
                ELSE 'Run: CREATE INDEX CONCURRENTLY idx_agent_runs_completed ON public.agent_runs ' || columns END;
    END IF;
END;
$$;

-- As in 0002, and for a million users: given users are looked up by key, the calendar is computed once for each anchor
-- and date, and a user's runs are looked up by the index above.
CREATE OR REPLACE FUNCTION billing_quota_due(as_of date, only_users uuid[] DEFAULT NULL)
RETURNS TABLE (
    user_id uuid, anchor_day int, anchor_source text, previous_reset_date date, period_start date,
    next_reset_date date, months int, previous_used int, used int)
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
AS $$
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
$$;

-- Resets these users, whose rows the caller holds and who are due on the UTC day as_of; as billing_reset_quotas() in
-- 0002, which says how and why.
CREATE FUNCTION billing_reset_quota_of(as_of date, held uuid[])
RETURNS SETOF billing_quota_resets
LANGUAGE sql VOLATILE
AS $$
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
$$;
COMMENT ON FUNCTION billing_reset_quota_of(date, uuid[]) IS 'Resets the quota of users whose rows the caller holds';

CREATE OR REPLACE FUNCTION billing_reset_quotas(as_of date, max_users int DEFAULT NULL)
RETURNS SETOF billing_quota_resets
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
AS $$
DECLARE
    held uuid[];
BEGIN
    SELECT array_agg(l.id)
    INTO held
    FROM (SELECT u.id
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

-- A batch of the same: at most max_users of those who are due and whose id is greater than after_id (NULL: from the
-- first), for a caller that commits between batches. Users whose row somebody holds are left for the next time, so that
-- callers share the work instead of waiting for each other. `seen` is the last id looked at, NULL when there was none;
-- reset_users are those for whom billing_quota_resets has a new row.
CREATE FUNCTION billing_reset_quota_batch(as_of date, after_id uuid, max_users int, OUT seen uuid, OUT reset_users uuid[])
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
AS $$
DECLARE
    held uuid[];
BEGIN
    SELECT array_agg(l.id ORDER BY l.id)
    INTO held
    FROM (SELECT u.id
          FROM users u
          WHERE u.id >= coalesce(after_id, '00000000-0000-0000-0000-000000000000') AND u.id IS DISTINCT FROM after_id
            AND u.deleted_at IS NULL AND (u.quota_reset_date IS NULL OR u.quota_reset_date <= as_of)
          ORDER BY u.id
          LIMIT max_users
          FOR NO KEY UPDATE SKIP LOCKED) l;
    seen := held[cardinality(held)];
    IF held IS NOT NULL THEN
        SELECT array_agg(r.user_id) INTO reset_users FROM billing_reset_quota_of(as_of, held) r;
    END IF;
END;
$$;
COMMENT ON FUNCTION billing_reset_quota_batch(date, uuid, int) IS
    'Resets a batch of the users who are due, for callers that commit between batches';

-- May this user start one more run? 'allow', 'warn' (it makes 80 % of the quota or more) or 'deny'. What is allowed is
-- taken at once: it counts until a run of the user ends, or until `hold` is over because none was started.
--
-- Callers of one user wait for each other, so it belongs into a short transaction of its own. A user whose period is
-- over gets the new one here, if the reset has not come by yet. No quota (NULL) is no limit; an unknown or deleted user
-- may start nothing.
CREATE FUNCTION try_consume_run(user_id uuid, hold interval DEFAULT interval '1 hour')
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
    SELECT u.monthly_runs_quota AS quota, u.monthly_runs_used AS used, u.quota_reset_date AS ends
    INTO account
    FROM users u
    WHERE u.id = try_consume_run.user_id AND u.deleted_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'deny';
    END IF;
    IF account.ends IS NULL OR account.ends <= today THEN
        PERFORM billing_reset_quota_of(today, ARRAY[try_consume_run.user_id]);
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
COMMENT ON FUNCTION try_consume_run(uuid, interval) IS
    'May this user start one more run: allow, warn or deny; what is allowed is taken';

-- A user with usage cannot be deleted: billing_usage refers to the row. Until the first drain nothing does, so the deltas
-- have to stop it.
CREATE FUNCTION billing_keep_metered_user()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM billing_usage_deltas d WHERE d.user_id = OLD.id) THEN
        RAISE EXCEPTION 'user % has usage and cannot be deleted', OLD.id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'billing_keep_metered_user',
                  HINT = 'Set users.deleted_at to remove the account';
    END IF;
    RETURN OLD;
END;
$$;
COMMENT ON FUNCTION billing_keep_metered_user() IS 'Refuses to delete a user whose usage is not published yet';
CREATE TRIGGER billing_keep_metered_user BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION billing_keep_metered_user();

-- As in 0002, and not for the platform's users either: whoever may call try_consume_run() can use up anybody's quota.
CREATE OR REPLACE FUNCTION billing_revoke_outsiders()
RETURNS void
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
DECLARE
    platforms_own constant text[] := ARRAY['billing_subscriptions', 'billing_usage', 'billing_invoices'];
    outsider text;
    relation record;
    callable regprocedure;
BEGIN
    FOR outsider IN
        SELECT 'PUBLIC'
        UNION ALL
        SELECT quote_ident(rolname) FROM pg_roles WHERE rolname IN ('authenticated', 'anon', 'analytics_readonly')
    LOOP
        FOR relation IN
            SELECT c.relname, c.relkind FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
              AND c.relname ~ '^(stripe|billing)_'
        LOOP
            EXECUTE format(
                'REVOKE %s ON %s public.%I FROM %s',
                CASE WHEN relation.relname <> ALL (platforms_own) THEN 'ALL'
                     ELSE 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER' END,
                CASE relation.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
                relation.relname, outsider);
        END LOOP;
        FOR callable IN
            SELECT p.oid FROM pg_proc p
            WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
              AND (p.proname ~ '^(stripe|billing)_'
                   OR p.proname IN ('reset_monthly_quotas', 'increment_user_runs', 'try_consume_run'))
        LOOP
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', callable, outsider);
        END LOOP;
    END LOOP;
END;
$$;

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
