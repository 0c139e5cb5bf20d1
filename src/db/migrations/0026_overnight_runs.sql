-- An index of few runs instead of one of all that completed: a late reset counts the runs of the new period again, and finds
-- those that began in it by the platform's idx_agent_runs_user. The index of 0010 took each ending run to some page of its
-- own, and after a checkpoint that page into WAL (a run's three transactions then wrote 11 KiB instead of 8).
--
-- Locks: SHARE on agent_runs while the index is made, if the table is small, and ACCESS EXCLUSIVE to drop the other one.
DO $$
DECLARE
    bytes bigint;
    partitioned boolean;
    columns constant text := '(user_id, completed_at) WHERE status = ''completed'' AND (created_at IS NULL OR'
                             ' (completed_at AT TIME ZONE ''UTC'')::date > (created_at AT TIME ZONE ''UTC'')::date)';
BEGIN
    SELECT c.relkind = 'p' INTO partitioned FROM pg_class c WHERE c.oid = 'public.agent_runs'::regclass;
    bytes := greatest(pg_relation_size('public.agent_runs'),
                      (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('public.agent_runs')));
    IF to_regclass('public.idx_agent_runs_overnight') IS NULL THEN
        IF bytes >= 64 * 1024 * 1024 THEN
            RAISE WARNING 'agent_runs has no index on runs that ended on a later day than they began, and is too large to make one while others wait'
                USING HINT = CASE WHEN partitioned
                    THEN 'Run: CREATE INDEX idx_agent_runs_overnight ON ONLY public.agent_runs ' || columns
                         || '; then for each partition: CREATE INDEX CONCURRENTLY ...; '
                         || 'ALTER INDEX idx_agent_runs_overnight ATTACH PARTITION ...; with it idx_agent_runs_completed is not '
                         || 'needed: DROP INDEX IF EXISTS idx_agent_runs_completed'
                    ELSE 'Run: CREATE INDEX CONCURRENTLY idx_agent_runs_overnight ON public.agent_runs ' || columns
                         || '. With it idx_agent_runs_completed is not needed: '
                         || 'DROP INDEX CONCURRENTLY IF EXISTS idx_agent_runs_completed' END;
            RETURN;
        END IF;
        EXECUTE 'CREATE INDEX idx_agent_runs_overnight ON agent_runs ' || columns;
    END IF;
    DROP INDEX IF EXISTS idx_agent_runs_completed;
END;
$$;

-- As in 0022, but for how the runs are found.
CREATE OR REPLACE FUNCTION billing_quota_due_at(as_of date, places tid[])
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
           (begun.runs + overnight.runs + retired.runs)::int
    FROM due d
    JOIN calendar c ON c.anchor = d.anchor
                   AND coalesce(c.reset_date, '-infinity') = coalesce(d.reset_date, '-infinity')
    -- A period begins at midnight: a run that completed in it began in it, or on an earlier day than it ended.
    CROSS JOIN LATERAL (
        SELECT count(*) AS runs
        FROM agent_runs r
        WHERE r.user_id = d.id AND r.status = 'completed'
          AND r.created_at >= c.starts::timestamp AT TIME ZONE 'UTC'
          AND coalesce(r.completed_at, r.created_at) >= c.starts::timestamp AT TIME ZONE 'UTC') begun
    CROSS JOIN LATERAL (
        SELECT count(*) AS runs
        FROM agent_runs r
        WHERE r.user_id = d.id AND r.status = 'completed'
          AND (r.created_at IS NULL
               OR (r.completed_at AT TIME ZONE 'UTC')::date > (r.created_at AT TIME ZONE 'UTC')::date)
          AND r.completed_at >= c.starts::timestamp AT TIME ZONE 'UTC'
          AND (r.created_at < c.starts::timestamp AT TIME ZONE 'UTC') IS NOT FALSE
          -- Says no more, but to the index of 0010, where a large table still has that one.
          AND coalesce(r.completed_at, r.created_at) >= c.starts::timestamp AT TIME ZONE 'UTC') overnight
    CROSS JOIN LATERAL (
        SELECT count(*) AS runs
        FROM billing_retired_runs r
        WHERE r.user_id = d.id AND r.status = 'completed'
          AND coalesce(r.completed_at, r.created_at) >= c.starts::timestamp AT TIME ZONE 'UTC'
          AND NOT EXISTS (SELECT FROM agent_runs back
                          WHERE back.id = r.run_id AND back.status IN ('completed', 'failed', 'cancelled'))) retired;
END;
$$;

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
