-- Resets that no index learns of: the new version of a user's row costs no entry in the seven indexes of users if it lies in
-- the page of the old one (HOT), and a page has room for a few of them at a time.

-- For many users who are due: in the order of ids, as the indexes that a reset reads and writes are; those of one batch
-- lie in as many pages of users. bounds: some users who are due, ascending. Resets those from the first bound on who lie
-- below the next one; where the user at the bound is no longer due another caller was there, and the next range is looked at.
-- passed: how many of the ranges are done. Whom it leaves out (below the first bound, from the last on, locked rows)
-- billing_reset_quota_pages finds.
CREATE FUNCTION billing_reset_quota_ranges(as_of date, bounds uuid[], OUT passed int, OUT resets billing_quota_resets[])
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    held tid[];
BEGIN
    -- Two callers at a time, before anything is looked at: who waits for others to do the work uses no processor. Nobody waits
    -- for the disk: the users of a batch that a crash takes back are due again.
    PERFORM pg_advisory_xact_lock(7243392019 + pg_backend_pid() % 2), set_config('synchronous_commit', 'off', true);
    passed := 0;
    WHILE held IS NULL AND passed < cardinality(bounds) - 1 LOOP
        passed := passed + 1;
        IF EXISTS (SELECT FROM users u
                   WHERE u.id = bounds[passed]
                     AND u.deleted_at IS NULL AND (u.quota_reset_date IS NULL OR u.quota_reset_date <= as_of)) THEN
            SELECT array_agg(l.ctid)
            INTO held
            FROM (SELECT u.ctid
                  FROM users u
                  WHERE u.id >= bounds[passed] AND u.id < bounds[passed + 1]
                    AND u.deleted_at IS NULL AND (u.quota_reset_date IS NULL OR u.quota_reset_date <= as_of)
                  FOR NO KEY UPDATE SKIP LOCKED) l;
        END IF;
    END LOOP;
    IF held IS NOT NULL THEN
        SELECT array_agg(r) INTO resets FROM billing_reset_quota_of(as_of, held) r;
    END IF;
END;
$$;
COMMENT ON FUNCTION billing_reset_quota_ranges(date, uuid[]) IS
    'Resets a batch of the many users who are due, for callers that commit between batches';

-- As in 0022; does not wait for the disk.
CREATE OR REPLACE FUNCTION billing_reset_quota_pages(
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
    PERFORM pg_advisory_xact_lock(7243392019 + pg_backend_pid() % 2), set_config('synchronous_commit', 'off', true);
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

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
