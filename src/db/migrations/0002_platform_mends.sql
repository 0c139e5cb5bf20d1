-- What in the platform's schema makes billing wrong, mended in the same way on a new database and on one in use. Each
-- part says why. Nothing here changes a row of the platform; running it twice changes nothing.
--
-- Locks: SHARE ROW EXCLUSIVE on agent_runs for its triggers, ACCESS EXCLUSIVE on the billing tables and error_logs, all
-- for the moment of a catalogue change; no large table is read while writers wait, except where a part says so.
SET LOCAL client_min_messages = warning;

-- -------------------------------------------------------------------------------------------------------------------
-- Tables of the quota reset
-- -------------------------------------------------------------------------------------------------------------------

-- The day of the month on which a user's quota begins anew. quota_reset_date cannot tell it: 28 February may stand for
-- 28, 29, 30 or 31, and chaining "+ 1 month" loses the difference for ever. A user without a row has the day that
-- billing_anchor_day() derives. Not history: it may go with its user.
CREATE TABLE IF NOT EXISTS billing_quota_anchors (
    user_id uuid CONSTRAINT billing_quota_anchors_pkey PRIMARY KEY
        CONSTRAINT billing_quota_anchors_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    anchor_day smallint NOT NULL CONSTRAINT billing_quota_anchors_day CHECK (anchor_day BETWEEN 1 AND 31),
    period_start date,
    source text NOT NULL CONSTRAINT billing_quota_anchors_source CHECK (source <> '')
);
COMMENT ON TABLE billing_quota_anchors IS 'Day of the month on which a user''s quota begins anew';
COMMENT ON COLUMN billing_quota_anchors.period_start IS
    'First day (UTC) of the period that users.monthly_runs_used counts; NULL before the first reset';
COMMENT ON COLUMN billing_quota_anchors.source IS
    'Where anchor_day comes from: derived (from the platform''s dates), or the name of what set it';

-- Who was reset when, once per user and period: the key is what makes a reset happen once however many callers there
-- are. No foreign key: the record outlives its user.
CREATE TABLE IF NOT EXISTS billing_quota_resets (
    user_id uuid NOT NULL,
    period_start date NOT NULL,
    previous_used int NOT NULL,
    used int NOT NULL,
    previous_reset_date date,
    next_reset_date date NOT NULL,
    months int NOT NULL,
    reset_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_quota_resets_pkey PRIMARY KEY (user_id, period_start),
    CONSTRAINT billing_quota_resets_order CHECK (next_reset_date > period_start),
    CONSTRAINT billing_quota_resets_months CHECK (months >= 1)
);
COMMENT ON TABLE billing_quota_resets IS 'Quota resets that took place, one row per user and period';
COMMENT ON COLUMN billing_quota_resets.used IS
    'Completed runs since period_start that were there at the reset: 0 unless the reset came late';
COMMENT ON COLUMN billing_quota_resets.months IS 'Monthly resets this one stands for; more than 1 after missed months';

-- -------------------------------------------------------------------------------------------------------------------
-- Calendar of the quota. Dates are UTC days.
-- -------------------------------------------------------------------------------------------------------------------

-- The anchor day in the month of `month`, clamped to the month's end.
CREATE OR REPLACE FUNCTION billing_anchor_date(anchor_day int, month date)
RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT date_trunc('month', month::timestamp)::date - 1
           + least(anchor_day,
                   extract(day FROM date_trunc('month', month::timestamp) + interval '1 month - 1 day')::int);
$$;

-- The last anchor date that is not after `day`.
CREATE OR REPLACE FUNCTION billing_anchor_on_or_before(anchor_day int, day date)
RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN billing_anchor_date(anchor_day, day) <= day THEN billing_anchor_date(anchor_day, day)
                ELSE billing_anchor_date(anchor_day, date_trunc('month', day::timestamp)::date - 1) END;
$$;

-- The first anchor date after `day`.
CREATE OR REPLACE FUNCTION billing_anchor_after(anchor_day int, day date)
RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN billing_anchor_date(anchor_day, day) > day THEN billing_anchor_date(anchor_day, day)
                ELSE billing_anchor_date(anchor_day, (date_trunc('month', day::timestamp) + interval '1 month')::date)
           END;
$$;

-- The anchor day of a user: the stored one; else the day of quota_reset_date, unless that is the end of a month too
-- short for the day the account was created on; else that day.
CREATE OR REPLACE FUNCTION billing_anchor_day(stored int, quota_reset_date date, created_at timestamptz)
RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(
        stored,
        CASE WHEN isfinite(quota_reset_date) THEN
            CASE WHEN extract(month FROM quota_reset_date + 1) <> extract(month FROM quota_reset_date)
                 THEN greatest(extract(day FROM created_at AT TIME ZONE 'UTC'), extract(day FROM quota_reset_date))::int
                 ELSE extract(day FROM quota_reset_date)::int END
        END,
        extract(day FROM created_at AT TIME ZONE 'UTC')::int,
        1);
$$;

-- The moment since which users.monthly_runs_used counts a user's completed runs. A reset that is overdue has not taken
-- place: the old period goes on until it does. quota_reset_date and created_at are the user's.
--
-- VOLATILE on purpose: it must see what was committed a moment ago, when a reset and a finishing run meet (below). Step
-- by step, because it runs for every completed run: the common case is one look-up by key.
CREATE OR REPLACE FUNCTION billing_quota_period_start(for_user uuid, quota_reset_date date, created_at timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
SET search_path = public, pg_temp
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

CREATE OR REPLACE FUNCTION billing_quota_period_start(for_user uuid)
RETURNS timestamptz
LANGUAGE sql VOLATILE
SET search_path = public, pg_temp
AS $$
    SELECT billing_quota_period_start(id, quota_reset_date, created_at) FROM users WHERE id = for_user;
$$;
COMMENT ON FUNCTION billing_quota_period_start(uuid) IS 'Start of the period that users.monthly_runs_used counts';

-- -------------------------------------------------------------------------------------------------------------------
-- Counting completed runs
--
-- As found, only a run that was inserted as completed counted: queued, running, completed never did. A back-dated one
-- counted today. And the inserting role needed UPDATE on users, and could be fooled by a temporary table of that name.
-- -------------------------------------------------------------------------------------------------------------------

-- users.monthly_runs_used is the number of completed runs since the period's start. A run that stops being completed is
-- taken back, as is one whose moment or user changes; never below 0, because the platform may have set the counter.
--
-- The period's start is asked for inside the UPDATE: if a reset holds the user's row, this waits, and PostgreSQL then
-- evaluates the condition again, on the new period.
CREATE OR REPLACE FUNCTION increment_user_runs()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    moment timestamptz := coalesce(NEW.completed_at, NEW.created_at, now());
    old_moment timestamptz;
    period_start timestamptz;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.status = 'completed' THEN
        old_moment := coalesce(OLD.completed_at, OLD.created_at, now());
        IF NEW.status = 'completed' AND NEW.user_id = OLD.user_id THEN
            period_start := billing_quota_period_start(NEW.user_id);
            IF (moment >= period_start) = (old_moment >= period_start) THEN
                RETURN NULL;
            END IF;
        END IF;
        UPDATE users
        SET monthly_runs_used = greatest(coalesce(monthly_runs_used, 0) - 1, 0)
        WHERE id = OLD.user_id
          AND old_moment >= billing_quota_period_start(id, quota_reset_date, created_at);
    END IF;
    IF NEW.status = 'completed' THEN
        UPDATE users
        SET monthly_runs_used = coalesce(monthly_runs_used, 0) + 1
        WHERE id = NEW.user_id
          AND moment >= billing_quota_period_start(id, quota_reset_date, created_at);
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION increment_user_runs() IS 'Keeps users.monthly_runs_used: completed runs since the last reset';

-- The conditions are evaluated before any function is called: what is queued or running costs nothing.
CREATE OR REPLACE TRIGGER agent_runs_increment_usage
    AFTER INSERT ON agent_runs
    FOR EACH ROW
    WHEN (NEW.status = 'completed')
    EXECUTE FUNCTION increment_user_runs();

CREATE OR REPLACE TRIGGER agent_runs_recount_usage
    AFTER UPDATE ON agent_runs
    FOR EACH ROW
    WHEN ((OLD.status = 'completed' OR NEW.status = 'completed')
          AND (OLD.status, OLD.user_id, OLD.completed_at) IS DISTINCT FROM (NEW.status, NEW.user_id, NEW.completed_at))
    EXECUTE FUNCTION increment_user_runs();

-- -------------------------------------------------------------------------------------------------------------------
-- Retired runs
--
-- Deleting an agent, a team or the team's owner deletes the runs of everybody who used it, and with them the record of
-- money that was spent. What was or will be metered of a terminal run is kept.
-- -------------------------------------------------------------------------------------------------------------------

-- Plain numeric and bigint: a copy must not round or overflow where the platform has widened its columns. No foreign
-- keys: everything it could point at may be gone.
CREATE TABLE IF NOT EXISTS billing_retired_runs (
    run_id uuid CONSTRAINT billing_retired_runs_pkey PRIMARY KEY,
    user_id uuid NOT NULL,
    created_at timestamptz,
    completed_at timestamptz,
    status run_status NOT NULL
        CONSTRAINT billing_retired_runs_terminal CHECK (status IN ('completed', 'failed', 'cancelled')),
    model_used text,
    tokens_total bigint,
    tokens_prompt bigint,
    tokens_completion bigint,
    cost_usd numeric,
    retired_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE billing_retired_runs IS 'Terminal agent runs that were deleted, as far as billing needs them';
CREATE INDEX IF NOT EXISTS billing_retired_runs_user_idx ON billing_retired_runs (user_id, created_at);

-- A run that was deleted before, came back and is deleted again counts as it was last.
-- One without created_at keeps the month that it was metered in: that of its end, else of its start.
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
        SELECT id, user_id, coalesce(created_at, completed_at, started_at), completed_at, status, model_used,
               tokens_total, tokens_prompt, tokens_completion, cost_usd
        FROM %s
        WHERE status IN ('completed', 'failed', 'cancelled')
        ON CONFLICT (run_id) DO UPDATE SET
            user_id = EXCLUDED.user_id, created_at = EXCLUDED.created_at, completed_at = EXCLUDED.completed_at,
            status = EXCLUDED.status, model_used = EXCLUDED.model_used, tokens_total = EXCLUDED.tokens_total,
            tokens_prompt = EXCLUDED.tokens_prompt, tokens_completion = EXCLUDED.tokens_completion,
            cost_usd = EXCLUDED.cost_usd, retired_at = now()
        $sql$, CASE TG_OP WHEN 'TRUNCATE' THEN 'public.agent_runs' ELSE 'gone' END);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_retire_runs() IS 'Keeps what billing needs of deleted agent runs';

-- By statement, because cascades delete many at a time; foreign keys' own deletions are statements like any other.
CREATE OR REPLACE TRIGGER agent_runs_retire
    AFTER DELETE ON agent_runs
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT
    EXECUTE FUNCTION billing_retire_runs();

CREATE OR REPLACE TRIGGER agent_runs_retire_all
    BEFORE TRUNCATE ON agent_runs
    FOR EACH STATEMENT
    EXECUTE FUNCTION billing_retire_runs();

-- -------------------------------------------------------------------------------------------------------------------
-- Quota reset
--
-- As found: one month per call, 31 -> 28 -> 28, the session's time zone, a NULL date never reset, runs between the
-- reset moment and a late call lost, deleted users reset for ever, and no memory of who was reset.
-- -------------------------------------------------------------------------------------------------------------------

-- Who is due on the UTC day as_of, and what a reset would do: the new period's first day, the next date, how many
-- monthly resets it stands for, the counter now and after (completed runs since the new period's start, deleted ones
-- included). only_users NULL means all.
--
-- Runs with the rights of its owner and with row_security off: a caller whose policies hide runs must not count zero.
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
        FROM users u
        LEFT JOIN billing_quota_anchors q ON q.user_id = u.id
        WHERE u.deleted_at IS NULL
          AND (u.quota_reset_date IS NULL OR u.quota_reset_date <= as_of)
          AND (only_users IS NULL OR u.id = ANY (only_users))
    ), plan AS MATERIALIZED (
        SELECT d.*, a.last_anchor, billing_anchor_after(d.anchor, as_of) AS next_date,
               -- A reset date off the anchor (somebody changed the anchor meanwhile) still begins a period.
               greatest(a.last_anchor, d.reset_date) AS starts
        FROM due d, LATERAL (SELECT billing_anchor_on_or_before(d.anchor, as_of) AS last_anchor) a
    ), counted AS (
        SELECT p.id, count(*)::int AS runs
        FROM plan p
        JOIN agent_runs r ON r.user_id = p.id
        WHERE r.status = 'completed'
          AND coalesce(r.completed_at, r.created_at) >= p.starts::timestamp AT TIME ZONE 'UTC'
        GROUP BY p.id
    ), retired AS (
        SELECT p.id, count(*)::int AS runs
        FROM plan p
        JOIN billing_retired_runs r ON r.user_id = p.id
        WHERE r.status = 'completed'
          AND coalesce(r.completed_at, r.created_at) >= p.starts::timestamp AT TIME ZONE 'UTC'
          AND NOT EXISTS (SELECT FROM agent_runs back WHERE back.id = r.run_id)
        GROUP BY p.id
    )
    SELECT p.id, p.anchor, p.source, p.reset_date, p.starts, p.next_date,
           -- The reset date itself, and every anchor after it up to as_of.
           coalesce(1 + (extract(year FROM p.last_anchor)::int - extract(year FROM p.reset_date)::int) * 12
                      + (extract(month FROM p.last_anchor)::int - extract(month FROM p.reset_date)::int)
                      + CASE WHEN billing_anchor_date(p.anchor, p.reset_date) > p.reset_date THEN 1 ELSE 0 END, 1),
           p.used, coalesce(c.runs, 0) + coalesce(r.runs, 0)
    FROM plan p
    LEFT JOIN counted c ON c.id = p.id
    LEFT JOIN retired r ON r.id = p.id;
$$;
COMMENT ON FUNCTION billing_quota_due(date, uuid[]) IS 'Users whose quota is due for a reset, and what it would do';

-- Resets who is due on the UTC day as_of, at most max_users of them (NULL: all), and returns a row for each reset.
--
-- Exactly once: a second caller waits for the rows the first one holds, and then finds them not due any more; the key
-- of billing_quota_resets stands behind that. A user whose date somebody set back into a period that was reset already
-- gets the date mended and keeps the counter.
--
-- Exactly counted: the users' rows are locked first, and the runs are counted by a later statement, which therefore
-- sees every run whose increment came before, and no run whose increment still waits. FOR NO KEY UPDATE lets others
-- insert runs meanwhile. A caller with many users due passes max_users, one transaction a batch, to hold the locks
-- shortly.
CREATE OR REPLACE FUNCTION billing_reset_quotas(as_of date, max_users int DEFAULT NULL)
RETURNS SETOF billing_quota_resets
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
AS $$
DECLARE
    locked uuid[];
BEGIN
    SELECT array_agg(l.id)
    INTO locked
    FROM (SELECT u.id
          FROM users u
          WHERE u.deleted_at IS NULL AND (u.quota_reset_date IS NULL OR u.quota_reset_date <= as_of)
          ORDER BY u.id  -- two callers never wait for each other crosswise
          LIMIT max_users
          FOR NO KEY UPDATE) l;
    IF locked IS NULL THEN
        RETURN;
    END IF;

    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT * FROM billing_quota_due(as_of, locked)
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
COMMENT ON FUNCTION billing_reset_quotas(date, int) IS
    'Resets the quota of users who are due, once per user and period';

CREATE OR REPLACE FUNCTION reset_monthly_quotas()
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    PERFORM billing_reset_quotas((now() AT TIME ZONE 'UTC')::date);
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- updated_at of the billing tables: as found, it stayed at the moment of insertion
-- -------------------------------------------------------------------------------------------------------------------
CREATE OR REPLACE TRIGGER billing_subscriptions_updated_at
    BEFORE UPDATE ON billing_subscriptions
    FOR EACH ROW EXECUTE FUNCTION update_updated_at();

CREATE OR REPLACE TRIGGER billing_usage_updated_at
    BEFORE UPDATE ON billing_usage
    FOR EACH ROW EXECUTE FUNCTION update_updated_at();

-- -------------------------------------------------------------------------------------------------------------------
-- Costs that are no number, tokens below zero
--
-- 'NaN' >= 0 is true, so valid_cost lets it pass, and one NaN makes every sum NaN; negative tokens pass too. A CHECK,
-- even NOT VALID, would be tested again whenever such a row of old is updated for quite another reason (an erasure of
-- its input, say), and break the platform there. These triggers refuse what is newly written, and no more.
-- -------------------------------------------------------------------------------------------------------------------
CREATE OR REPLACE FUNCTION billing_refuse_bad_metering()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'agent run %: cost_usd must be a number, and tokens must not be negative', NEW.id
        USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'agent_runs_metering';
END;
$$;
COMMENT ON FUNCTION billing_refuse_bad_metering() IS 'Refuses agent runs that no sum could include';

CREATE OR REPLACE TRIGGER agent_runs_metering_insert
    BEFORE INSERT ON agent_runs
    FOR EACH ROW
    WHEN (NEW.cost_usd = 'NaN' OR NEW.tokens_prompt < 0 OR NEW.tokens_completion < 0 OR NEW.tokens_total < 0)
    EXECUTE FUNCTION billing_refuse_bad_metering();

CREATE OR REPLACE TRIGGER agent_runs_metering_update
    BEFORE UPDATE ON agent_runs
    FOR EACH ROW
    WHEN ((NEW.cost_usd = 'NaN' AND NEW.cost_usd IS DISTINCT FROM OLD.cost_usd)
          OR (NEW.tokens_prompt < 0 AND NEW.tokens_prompt IS DISTINCT FROM OLD.tokens_prompt)
          OR (NEW.tokens_completion < 0 AND NEW.tokens_completion IS DISTINCT FROM OLD.tokens_completion)
          OR (NEW.tokens_total < 0 AND NEW.tokens_total IS DISTINCT FROM OLD.tokens_total))
    EXECUTE FUNCTION billing_refuse_bad_metering();

-- -------------------------------------------------------------------------------------------------------------------
-- Foreign keys
--
-- Deleting a user erased the user's subscriptions: billing history must stop the deletion instead (users.deleted_at is
-- the way to remove an account). A line in error_logs stopped the deletion of a run, and with it of an agent or a team:
-- a log must not; it keeps its text and loses the reference.
-- -------------------------------------------------------------------------------------------------------------------
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT c.conname, c.conrelid::regclass AS on_table, c.confrelid::regclass AS to_table,
               a.attname, f.attname AS to_column, t.action, pg_relation_size(c.conrelid) < 64 * 1024 * 1024 AS small
        FROM (VALUES
            ('billing_subscriptions', 'cnd', 'NO ACTION'),
            ('billing_invoices', 'cnd', 'NO ACTION'),
            ('billing_usage', 'cnd', 'NO ACTION'),
            ('error_logs', 'ar', 'SET NULL')
        ) AS t (table_name, mended, action)
        JOIN pg_constraint c ON c.conrelid = ('public.' || t.table_name)::regclass
                            AND c.contype = 'f' AND cardinality(c.conkey) = 1
                            AND strpos(t.mended, c.confdeltype::text) > 0
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
        JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = c.confkey[1]
        WHERE a.attname = 'user_id'
           OR (t.table_name = 'error_logs' AND a.attname IN ('agent_id', 'agent_run_id'))
    LOOP
        EXECUTE format(
            'ALTER TABLE %s DROP CONSTRAINT %I, '
            'ADD CONSTRAINT %I FOREIGN KEY (%I) REFERENCES %s (%I) ON DELETE %s NOT VALID',
            wanted.on_table, wanted.conname,
            wanted.conname, wanted.attname, wanted.to_table, wanted.to_column, wanted.action);
        -- The rows are as valid as they were; only looking at all of them takes long on a large table.
        IF wanted.small THEN
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', wanted.on_table, wanted.conname);
        ELSE
            RAISE WARNING 'foreign key % of % is not validated', wanted.conname, wanted.on_table
                USING HINT = format('When convenient, run: ALTER TABLE %s VALIDATE CONSTRAINT %I',
                                    wanted.on_table, wanted.conname);
        END IF;
    END LOOP;
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- Sanity of billing_usage: as found, inverted periods and NULL, negative or NaN totals were accepted
-- -------------------------------------------------------------------------------------------------------------------
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('billing_usage_period_order', 'period_end > period_start'),
            ('billing_usage_totals_known',
             'total_runs IS NOT NULL AND total_cost_usd IS NOT NULL AND total_tokens IS NOT NULL'),
            ('billing_usage_totals_sane',
             'total_runs >= 0 AND total_tokens >= 0 AND total_cost_usd >= 0 AND total_cost_usd <> ''NaN''')
        ) AS t (constraint_name, condition)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_constraint
                       WHERE conrelid = 'public.billing_usage'::regclass AND conname = wanted.constraint_name) THEN
            EXECUTE format('ALTER TABLE billing_usage ADD CONSTRAINT %I CHECK (%s) NOT VALID',
                           wanted.constraint_name, wanted.condition);
        END IF;
        BEGIN
            EXECUTE format('ALTER TABLE billing_usage VALIDATE CONSTRAINT %I', wanted.constraint_name);
        EXCEPTION WHEN check_violation THEN
            RAISE WARNING 'billing_usage holds rows that break %; new rows are checked, these stay',
                wanted.constraint_name
                USING HINT = format('See them with: SELECT * FROM billing_usage WHERE NOT coalesce(%s, true)',
                                    wanted.condition);
        END;
    END LOOP;
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- Views
--
-- Views run with their owner's rights: as found, these two showed every tenant's rows to everybody who may read them.
-- user_usage_summary moreover multiplied runs by agents (27 for 3).
-- -------------------------------------------------------------------------------------------------------------------
ALTER VIEW agent_stats SET (security_invoker = true);

DO $$
BEGIN
    CREATE OR REPLACE VIEW user_usage_summary WITH (security_invoker = true) AS
    SELECT
        u.id,
        u.email,
        u.plan_tier,
        u.monthly_runs_quota,
        u.monthly_runs_used,
        coalesce(owned.agents, 0) AS agent_count,
        coalesce(spent.runs, 0) AS total_runs_lifetime,
        spent.cost AS total_cost_lifetime
    FROM users u
    LEFT JOIN (
        SELECT tm.user_id, count(*) AS agents
        FROM team_members tm
        JOIN agents a ON a.team_id = tm.team_id
        GROUP BY tm.user_id
    ) owned ON owned.user_id = u.id
    LEFT JOIN (
        SELECT ar.user_id, count(*) AS runs, sum(ar.cost_usd) FILTER (WHERE ar.cost_usd <> 'NaN') AS cost
        FROM agent_runs ar
        GROUP BY ar.user_id
    ) spent ON spent.user_id = u.id;
EXCEPTION WHEN invalid_table_definition THEN
    ALTER VIEW user_usage_summary SET (security_invoker = true);
    RAISE WARNING 'view user_usage_summary has other columns than the platform''s; it was not corrected: %', SQLERRM;
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- Row-level security
-- -------------------------------------------------------------------------------------------------------------------

-- As found, an unset app.current_user_id was an error, an empty one (what a pooled session has after SET LOCAL) too,
-- and a temporary table called team_members decided which teams a session belongs to.
CREATE OR REPLACE FUNCTION current_user_teams()
RETURNS SETOF uuid
LANGUAGE sql STABLE
SET search_path = public, pg_temp
AS $$
    SELECT team_id
    FROM team_members
    WHERE user_id = nullif(current_setting('app.current_user_id', true), '')::uuid;
$$;

-- As found, the billing tables had no row-level security, and the platform's users might write them. Now a user sees
-- the own rows and writes none. Not forced: the owner, as whom many platforms connect, keeps the view of all.
DO $$
DECLARE
    secured text;
    reader record;
    in_use boolean;
BEGIN
    FOREACH secured IN ARRAY ARRAY['billing_subscriptions', 'billing_usage', 'billing_invoices'] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', secured);
        IF NOT EXISTS (SELECT FROM pg_policy
                       WHERE polrelid = ('public.' || secured)::regclass AND polname = secured || '_own_rows') THEN
            EXECUTE format(
                'CREATE POLICY %I ON public.%I FOR SELECT'
                ' USING (user_id = (SELECT nullif(current_setting(''app.current_user_id'', true), '''')::uuid))',
                secured || '_own_rows', secured);
        END IF;
        -- The analyst's role was given all rows on purpose, and keeps them.
        IF to_regrole('analytics_readonly') IS NOT NULL
           AND NOT EXISTS (SELECT FROM pg_policy
                           WHERE polrelid = ('public.' || secured)::regclass AND polname = secured || '_analytics') THEN
            EXECUTE format('CREATE POLICY %I ON public.%I FOR SELECT TO analytics_readonly USING (true)',
                           secured || '_analytics', secured);
        END IF;
        -- Anybody else who was granted the table would from now on read nothing, without an error.
        FOR reader IN
            SELECT r.rolname
            FROM pg_class c
            CROSS JOIN aclexplode(c.relacl) a
            JOIN pg_roles r ON r.oid = a.grantee
            WHERE c.oid = ('public.' || secured)::regclass AND a.privilege_type = 'SELECT'
              AND NOT r.rolsuper AND NOT r.rolbypassrls AND NOT pg_has_role(r.oid, c.relowner, 'USAGE')
              AND r.rolname <> ALL (ARRAY['authenticated', 'anon', 'analytics_readonly'])
              AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND r.oid = ANY (p.polroles))
        LOOP
            RAISE WARNING 'role % has no row-level security policy on % and sees a platform user''s own rows only',
                reader.rolname, secured
                USING HINT = format('If it is to see all, run: CREATE POLICY %I ON %I FOR SELECT TO %I USING (true)',
                                    secured || '_' || reader.rolname, secured, reader.rolname);
        END LOOP;
    END LOOP;

    -- agent_stats used to show it all agents, with the rights of the view's owner. Whether it may read runs itself is
    -- the platform's decision.
    SELECT r.rolcanlogin OR EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = r.oid)
    INTO in_use
    FROM pg_roles r WHERE r.rolname = 'analytics_readonly';
    IF in_use AND NOT EXISTS (SELECT FROM pg_policy p
                              WHERE p.polrelid = 'public.agent_runs'::regclass
                                AND to_regrole('analytics_readonly')::oid = ANY (p.polroles)) THEN
        RAISE WARNING 'role analytics_readonly no longer sees runs through agent_stats and user_usage_summary'
            USING HINT = 'If it is to see all, run, for agents and for agent_runs: '
                         'CREATE POLICY ... FOR SELECT TO analytics_readonly USING (true)';
    END IF;
END;
$$;

-- The tables that billing reads and of which the current user may be shown a part only, without an error: what must be
-- empty before a number is believed. A role with a policy USING (true) sees all, but "SET row_security = off" would
-- refuse it all the same, because that asks whether policies apply and not what they say; hence this question.
CREATE OR REPLACE FUNCTION billing_filtered_tables()
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = public, pg_temp
AS $$
    SELECT c.relname::text
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity
      AND (c.relname IN ('users', 'agent_runs', 'llm_calls') OR c.relname ~ '^(billing|stripe)_')
      AND has_any_column_privilege(c.oid, 'SELECT') AND row_security_active(c.oid)
      AND (NOT EXISTS (
               SELECT FROM pg_policy p
               WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd IN ('r', '*')
                 AND pg_get_expr(p.polqual, p.polrelid) = 'true'
                 AND EXISTS (SELECT FROM unnest(p.polroles) r WHERE r = 0 OR pg_has_role(current_user, r, 'USAGE')))
           OR EXISTS (
               SELECT FROM pg_policy p
               WHERE p.polrelid = c.oid AND NOT p.polpermissive AND p.polcmd IN ('r', '*')
                 AND EXISTS (SELECT FROM unnest(p.polroles) r WHERE r = 0 OR pg_has_role(current_user, r, 'USAGE'))))
    ORDER BY c.relname;
$$;
COMMENT ON FUNCTION billing_filtered_tables() IS
    'Tables of which row-level security may hide rows from the current user; must be empty for billsync';

-- -------------------------------------------------------------------------------------------------------------------
-- Indexes of two foreign keys, without which deleting a run reads all LLM calls and all errors, and checking a run's
-- cost against its calls reads them all as well
-- -------------------------------------------------------------------------------------------------------------------
DO $$
DECLARE
    wanted record;
    bytes bigint;
BEGIN
    FOR wanted IN
        SELECT t.table_name, t.index_name, c.relkind = 'p' AS partitioned, c.oid AS relation
        FROM (VALUES
            ('llm_calls', 'idx_llm_calls_agent_run'),
            ('error_logs', 'idx_error_logs_agent_run')
        ) AS t (table_name, index_name)
        JOIN pg_class c ON c.oid = ('public.' || t.table_name)::regclass
        WHERE NOT EXISTS (
            SELECT
            FROM pg_index i
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = c.oid AND a.attname = 'agent_run_id' AND i.indisvalid AND i.indpred IS NULL)
    LOOP
        bytes := greatest(pg_relation_size(wanted.relation),
                          (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree(wanted.relation)));
        IF bytes < 64 * 1024 * 1024 THEN
            EXECUTE format('CREATE INDEX %I ON public.%I (agent_run_id)', wanted.index_name, wanted.table_name);
        ELSE
            RAISE WARNING '% has no index on agent_run_id, and is too large to make one while others wait',
                wanted.table_name
                USING HINT = CASE WHEN wanted.partitioned
                    THEN format('Run: CREATE INDEX %I ON ONLY public.%I (agent_run_id); then for each partition: '
                                'CREATE INDEX CONCURRENTLY ... (agent_run_id); ALTER INDEX %I ATTACH PARTITION ...',
                                wanted.index_name, wanted.table_name, wanted.index_name)
                    ELSE format('Run: CREATE INDEX CONCURRENTLY %I ON public.%I (agent_run_id)',
                                wanted.index_name, wanted.table_name) END;
        END IF;
    END LOOP;
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- Privileges
-- -------------------------------------------------------------------------------------------------------------------

-- Takes from everybody and from the web-facing roles what they were given on billsync's tables and functions (all whose
-- name begins with stripe_ or billing_), and from the latter the right to write the platform's three billing tables.
-- A host may grant every new table and function by default, and PostgreSQL itself lets everybody execute new functions:
-- hence each migration that makes some calls this at its end. Ours are for the roles of config/postgres-roles.sql.
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
              AND (p.proname ~ '^(stripe|billing)_' OR p.proname IN ('reset_monthly_quotas', 'increment_user_runs'))
        LOOP
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', callable, outsider);
        END LOOP;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION billing_revoke_outsiders() IS
    'Takes privileges on billsync''s tables and functions from everybody but billsync''s own roles';

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
