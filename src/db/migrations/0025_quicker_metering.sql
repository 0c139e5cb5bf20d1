-- What setting search_path costs for each run.
--
-- SET search_path makes PostgreSQL look schemas up when a function is entered and when it is left, 25 us a call. The callers
-- who write runs have the path that is set nearly always: pg_catalog before public and nothing else. Only for another one,
-- in which somebody's own operators or tables might come first, the path is set, to the end of the function. The text of the
-- path is compared, because a schema that it names may come to be while the function waits for a lock; and the schemas that
-- it means now, because of temporary tables. $user is the functions' owner here: who may make schemas of that name may
-- more.

-- As in 0015, but for the path.
CREATE OR REPLACE FUNCTION billing_meter_run()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
AS $$
DECLARE
    known pg_catalog.bool;
    callers_path pg_catalog.text;
BEGIN
    IF pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.<>)
           ALL (ARRAY['public', 'public, pg_temp', '"$user", public'])
       OR pg_catalog.current_schemas(true) OPERATOR(pg_catalog.<>) '{pg_catalog,public}'::pg_catalog.name[] THEN
        callers_path := pg_catalog.current_setting('search_path');
        PERFORM pg_catalog.set_config('search_path', 'public, pg_temp', true);
    END IF;
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
    IF callers_path IS NOT NULL THEN
        PERFORM set_config('search_path', callers_path, true);
    END IF;
    RETURN NULL;
END;
$$;

-- As in 0015, but for the path.
CREATE OR REPLACE FUNCTION billing_meter_added_runs()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
AS $$
DECLARE
    callers_path pg_catalog.text;
BEGIN
    IF pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.<>)
           ALL (ARRAY['public', 'public, pg_temp', '"$user", public'])
       OR pg_catalog.current_schemas(true) OPERATOR(pg_catalog.<>) '{pg_catalog,public}'::pg_catalog.name[] THEN
        callers_path := pg_catalog.current_setting('search_path');
        PERFORM pg_catalog.set_config('search_path', 'public, pg_temp', true);
    END IF;
    PERFORM FROM added a
    WHERE a.status >= 'completed' OR a.cost_usd = 'NaN' OR least(a.tokens_prompt, a.tokens_completion, a.tokens_total) < 0
    LIMIT 1;
    IF FOUND THEN
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
    END IF;
    IF callers_path IS NOT NULL THEN
        PERFORM set_config('search_path', callers_path, true);
    END IF;
    RETURN NULL;
END;
$$;

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
