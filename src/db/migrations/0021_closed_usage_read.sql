-- What the console and the API show of a closed month is what its reports say. They read billing_usage_by_day, which goes on
-- telling the truth about runs that come late; so closing also keeps the month's days, and its sums by model, which a page
-- must not add up from every user's rows.
--
-- note: keeps the sums by model of months that are closed already, and their days where nothing came late
--
-- Locks: none that anybody waits for. Reads billing_closed_usage_by_model once.

CREATE TABLE billing_closed_usage_by_month (
    period_start date NOT NULL,
    model text NOT NULL,
    completed_runs numeric,
    failed_runs numeric,
    cancelled_runs numeric,
    unpriced_runs numeric,
    tokens numeric,
    cost_usd numeric NOT NULL,
    CONSTRAINT billing_closed_usage_by_month_pkey PRIMARY KEY (period_start, model)
);
COMMENT ON TABLE billing_closed_usage_by_month IS
    'billing_closed_usage_by_model added up over all users; NULL: the platform''s own history does not tell';

CREATE TABLE billing_closed_usage_by_day (
    day date NOT NULL,
    model text NOT NULL,
    completed_runs bigint NOT NULL,
    failed_runs bigint NOT NULL,
    cancelled_runs bigint NOT NULL,
    unpriced_runs bigint NOT NULL,
    tokens numeric NOT NULL,
    cost_usd numeric NOT NULL,
    CONSTRAINT billing_closed_usage_by_day_pkey PRIMARY KEY (day, model)
);
COMMENT ON TABLE billing_closed_usage_by_day IS 'billing_usage_by_day of closed months, as it was when the month was closed';

-- The sums by model of a month whose rows are kept, and its days.
CREATE FUNCTION billing_keep_closed_sums(of_month date)
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO billing_closed_usage_by_month (
        period_start, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
    SELECT of_month, k.model, sum(k.completed_runs), sum(k.failed_runs), sum(k.cancelled_runs), sum(k.unpriced_runs),
           sum(k.tokens), sum(k.cost_usd)
    FROM billing_closed_usage_by_model k
    WHERE k.usage_start >= of_month AND k.usage_start < of_month + interval '1 month'
    GROUP BY k.model;
$$;
COMMENT ON FUNCTION billing_keep_closed_sums(date) IS 'Keeps the sums by model of a month that is being closed';

CREATE FUNCTION billing_keep_closed_days(of_month date)
RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO billing_closed_usage_by_day (
        day, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
    SELECT d.day, d.model, d.completed_runs, d.failed_runs, d.cancelled_runs, d.unpriced_runs, d.tokens, d.cost_usd
    FROM billing_usage_by_day d
    WHERE d.day >= of_month AND d.day < of_month + interval '1 month';
$$;
COMMENT ON FUNCTION billing_keep_closed_days(date) IS 'Keeps the days of a month that is being closed';

-- A closed month without days is one without usage, or one that was closed before days were kept and that runs came to
-- later: of that one only the days as they are known today can be shown.
CREATE FUNCTION billing_closed_days_kept(of_month date)
RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (SELECT FROM billing_closed_usage_by_day d
                   WHERE d.day >= of_month AND d.day < of_month + interval '1 month')
        OR NOT EXISTS (SELECT FROM billing_closed_usage_by_month m WHERE m.period_start = of_month);
$$;
COMMENT ON FUNCTION billing_closed_days_kept(date) IS 'Whether the days of a closed month are those of its close';

-- Keeping is one call, as before.
ALTER FUNCTION billing_keep_closed_reports(date) RENAME TO billing_keep_closed_rows;
COMMENT ON FUNCTION billing_keep_closed_rows(date) IS 'Keeps the rows of reports of a month that is being closed';
CREATE FUNCTION billing_keep_closed_reports(of_month date)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM billing_keep_closed_rows(of_month);
    PERFORM billing_keep_closed_sums(of_month);
    PERFORM billing_keep_closed_days(of_month);
END;
$$;
COMMENT ON FUNCTION billing_keep_closed_reports(date) IS 'Keeps what reports say of a month that is being closed';

-- Months that are closed already. Their days are those of the close if they still add up to what was kept then.
DO $$
DECLARE
    closed date;
BEGIN
    FOR closed IN SELECT p.period_start FROM billing_periods p WHERE p.closed_at IS NOT NULL ORDER BY 1 LOOP
        PERFORM billing_keep_closed_sums(closed);
        IF NOT EXISTS (
            SELECT FROM (SELECT d.model, sum(d.completed_runs) AS completed_runs, sum(d.failed_runs) AS failed_runs,
                                sum(d.cancelled_runs) AS cancelled_runs, sum(d.unpriced_runs) AS unpriced_runs,
                                sum(d.tokens) AS tokens, sum(d.cost_usd) AS cost_usd
                         FROM billing_usage_by_day d
                         WHERE d.day >= closed AND d.day < closed + interval '1 month'
                         GROUP BY d.model) d
            FULL JOIN (SELECT m.model, m.completed_runs, m.failed_runs, m.cancelled_runs, m.unpriced_runs, m.tokens,
                              m.cost_usd
                       FROM billing_closed_usage_by_month m WHERE m.period_start = closed) m USING (model)
            WHERE (coalesce(d.completed_runs, 0), coalesce(d.failed_runs, 0), coalesce(d.cancelled_runs, 0),
                   coalesce(d.unpriced_runs, 0), coalesce(d.tokens, 0), coalesce(d.cost_usd, 0))
                  IS DISTINCT FROM
                  (coalesce(m.completed_runs, 0), coalesce(m.failed_runs, 0), coalesce(m.cancelled_runs, 0),
                   coalesce(m.unpriced_runs, 0), coalesce(m.tokens, 0), coalesce(m.cost_usd, 0))) THEN
            PERFORM billing_keep_closed_days(closed);
        END IF;
    END LOOP;
END;
$$;

DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['billing_closed_usage_by_month', 'billing_closed_usage_by_day'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I'
                       ' FOR EACH ROW EXECUTE FUNCTION billing_refuse_rewriting()', kept || '_once', kept);
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_rewriting()', kept || '_kept', kept);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I, ENABLE ALWAYS TRIGGER %I',
                       kept, kept || '_once', kept || '_kept');
    END LOOP;
END;
$$;

DO $$ BEGIN PERFORM billing_secure_tables(); END; $$;
DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
