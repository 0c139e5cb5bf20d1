-- What a month brought in, without reading its invoices: the console's overview asks for twelve months at every visit, and
-- a million invoices take most of a second to read.
--
-- Locks: SHARE ROW EXCLUSIVE on billing_invoices while its triggers are made and its rows are read once (under a second
-- for a million), the same on billing_closed_revenue. Writers of invoices wait; readers do not.

-- Which day (UTC) an invoice's revenue is of, and what it is: as billing_live_revenue has it in 0012.
CREATE FUNCTION billing_revenue_day(paid_at timestamptz, issued_at timestamptz, created_at timestamptz)
RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT (coalesce(paid_at, issued_at, created_at) AT TIME ZONE 'UTC')::date; $$;
COMMENT ON FUNCTION billing_revenue_day(timestamptz, timestamptz, timestamptz) IS 'The day an invoice''s revenue is of';

-- NaN would never leave a sum again.
CREATE FUNCTION billing_revenue_usd(status text, deleted boolean, paid numeric, refunded numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN status = 'paid' AND NOT deleted AND coalesce(paid, 0) <> 'NaN' AND coalesce(refunded, 0) <> 'NaN'
                  THEN coalesce(paid, 0) - coalesce(refunded, 0) ELSE 0 END; $$;
COMMENT ON FUNCTION billing_revenue_usd(text, boolean, numeric, numeric) IS 'What an invoice is worth now, in US dollars';

-- Append-only, several rows a day: a row that is updated would make every batch wait for the one before it. The job
-- rollup puts the rows of a day together.
CREATE TABLE billing_revenue_by_day (
    day date NOT NULL,
    revenue_usd numeric NOT NULL
);
COMMENT ON TABLE billing_revenue_by_day IS
    'Paid less refunded of all invoices by the day (UTC) they were paid; the rows of a day add up';

CREATE FUNCTION billing_note_revenue()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM billing_revenue_by_day;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO billing_revenue_by_day (day, revenue_usd)
        SELECT billing_revenue_day(i.paid_at, i.issued_at, i.created_at) AS day,
               sum(billing_revenue_usd(i.status, i.deleted, i.amount_paid_usd, i.amount_refunded_usd)) AS usd
        FROM became i
        WHERE coalesce(i.paid_at, i.issued_at, i.created_at) IS NOT NULL
        GROUP BY 1
        HAVING sum(billing_revenue_usd(i.status, i.deleted, i.amount_paid_usd, i.amount_refunded_usd)) <> 0;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO billing_revenue_by_day (day, revenue_usd)
        SELECT billing_revenue_day(i.paid_at, i.issued_at, i.created_at) AS day,
               -sum(billing_revenue_usd(i.status, i.deleted, i.amount_paid_usd, i.amount_refunded_usd)) AS usd
        FROM was i
        WHERE coalesce(i.paid_at, i.issued_at, i.created_at) IS NOT NULL
        GROUP BY 1
        HAVING sum(billing_revenue_usd(i.status, i.deleted, i.amount_paid_usd, i.amount_refunded_usd)) <> 0;
    ELSE
        INSERT INTO billing_revenue_by_day (day, revenue_usd)
        SELECT c.day, sum(c.usd)
        FROM (SELECT billing_revenue_day(i.paid_at, i.issued_at, i.created_at) AS day,
                     billing_revenue_usd(i.status, i.deleted, i.amount_paid_usd, i.amount_refunded_usd) AS usd
              FROM became i
              UNION ALL
              SELECT billing_revenue_day(i.paid_at, i.issued_at, i.created_at),
                     -billing_revenue_usd(i.status, i.deleted, i.amount_paid_usd, i.amount_refunded_usd)
              FROM was i) c
        WHERE c.day IS NOT NULL
        GROUP BY c.day
        HAVING sum(c.usd) <> 0;
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_note_revenue() IS 'Keeps billing_revenue_by_day beside billing_invoices';

LOCK TABLE billing_invoices IN SHARE ROW EXCLUSIVE MODE;
CREATE TRIGGER billing_invoices_revenue_insert AFTER INSERT ON billing_invoices
    REFERENCING NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION billing_note_revenue();
CREATE TRIGGER billing_invoices_revenue_update AFTER UPDATE ON billing_invoices
    REFERENCING OLD TABLE AS was NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION billing_note_revenue();
CREATE TRIGGER billing_invoices_revenue_delete AFTER DELETE ON billing_invoices
    REFERENCING OLD TABLE AS was FOR EACH STATEMENT EXECUTE FUNCTION billing_note_revenue();
CREATE TRIGGER billing_invoices_revenue_truncate AFTER TRUNCATE ON billing_invoices
    FOR EACH STATEMENT EXECUTE FUNCTION billing_note_revenue();
INSERT INTO billing_revenue_by_day (day, revenue_usd)
SELECT billing_revenue_day(i.paid_at, i.issued_at, i.created_at) AS day,
       sum(billing_revenue_usd(i.status, i.deleted, i.amount_paid_usd, i.amount_refunded_usd)) AS usd
FROM billing_invoices i
WHERE coalesce(i.paid_at, i.issued_at, i.created_at) IS NOT NULL
GROUP BY 1
HAVING sum(billing_revenue_usd(i.status, i.deleted, i.amount_paid_usd, i.amount_refunded_usd)) <> 0;

-- What closed months reported, of which month: a few rows a close.
CREATE TABLE billing_closed_revenue_by_month (
    period_start date NOT NULL,
    paid_period date NOT NULL,
    revenue_usd numeric NOT NULL
);
COMMENT ON TABLE billing_closed_revenue_by_month IS
    'billing_closed_revenue added up by the month it was reported in and the month it was paid in';

CREATE FUNCTION billing_note_closed_revenue()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    INSERT INTO billing_closed_revenue_by_month (period_start, paid_period, revenue_usd)
    SELECT c.period_start, c.paid_period, sum(c.amount_usd) FROM became c GROUP BY c.period_start, c.paid_period;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION billing_note_closed_revenue() IS 'Keeps billing_closed_revenue_by_month beside its ledger';

LOCK TABLE billing_closed_revenue IN SHARE ROW EXCLUSIVE MODE;
CREATE TRIGGER billing_closed_revenue_added AFTER INSERT ON billing_closed_revenue
    REFERENCING NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION billing_note_closed_revenue();
INSERT INTO billing_closed_revenue_by_month (period_start, paid_period, revenue_usd)
SELECT c.period_start, c.paid_period, sum(c.amount_usd) FROM billing_closed_revenue c GROUP BY c.period_start, c.paid_period;

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
