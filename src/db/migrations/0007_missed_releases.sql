-- A cause is mended (a customer is linked, a rate is added) while an applier is trying the very event that waits for it.
-- The trigger must not wait for the applier, so it skips that event; the applier has not seen the link, parks the event
-- again, and the release is lost: the event waits for its back-off, up to ten minutes. Now the trigger notes what it had
-- to skip, and the applier makes it due once it is free. The note commits with the cause, so it cannot come too early.
--
-- Locks: CREATE OR REPLACE of two trigger functions; nothing on users or stripe_events.

CREATE TABLE billing_missed_releases (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT billing_missed_releases_pkey PRIMARY KEY,
    reason text NOT NULL,
    customer text COLLATE "C",
    noted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_missed_releases_customer_named CHECK ((reason = 'unknown_customer') = (customer IS NOT NULL))
);
COMMENT ON TABLE billing_missed_releases IS
    'What could not be made due at once because it was being applied; empty but for moments';
COMMENT ON COLUMN billing_missed_releases.reason IS 'The reason that those events are parked for';
COMMENT ON COLUMN billing_missed_releases.customer IS 'Whose events; NULL: all that are parked for the reason';

-- As in 0005, and notes the customers of what is skipped. The last SELECT sees the events as they were before.
CREATE OR REPLACE FUNCTION billing_release_parked_of_customer() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    customers text[] := array_remove(ARRAY[NEW.stripe_customer_id], NULL);
BEGIN
    IF TG_OP = 'INSERT' THEN
        customers := customers || ARRAY(
            SELECT stripe_customer_id FROM billing_customers WHERE user_id IS NULL AND metadata_user_id = NEW.id::text
            UNION ALL
            SELECT stripe_customer_id FROM billing_customers WHERE user_id IS NULL AND reference_user_id = NEW.id::text
            UNION ALL
            SELECT e.stripe_customer_id FROM billing_customer_evidence e WHERE e.named_user = NEW.id::text);
    END IF;
    IF cardinality(customers) > 0 THEN
        WITH released AS (
            UPDATE stripe_events SET next_attempt_at = now()
            WHERE id IN (SELECT id FROM stripe_events
                         WHERE customer = ANY (customers) AND status = 'parked' AND reason = 'unknown_customer'
                         FOR UPDATE SKIP LOCKED)
            RETURNING id
        )
        INSERT INTO billing_missed_releases (reason, customer)
        SELECT DISTINCT 'unknown_customer', customer FROM stripe_events
        WHERE customer = ANY (customers) AND status = 'parked' AND reason = 'unknown_customer'
          AND id NOT IN (SELECT id FROM released);
    END IF;
    RETURN NULL;
END
$$;

-- As in 0003, in the same way.
CREATE OR REPLACE FUNCTION billing_release_parked_for_rate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    WITH released AS (
        UPDATE stripe_events SET next_attempt_at = now()
        WHERE id IN (SELECT id FROM stripe_events
                     WHERE status = 'parked' AND reason = 'missing_exchange_rate'
                     FOR UPDATE SKIP LOCKED)
        RETURNING id
    )
    INSERT INTO billing_missed_releases (reason)
    SELECT 'missing_exchange_rate'
    WHERE EXISTS (SELECT FROM stripe_events
                  WHERE status = 'parked' AND reason = 'missing_exchange_rate' AND id NOT IN (SELECT id FROM released));
    RETURN NULL;
END
$$;

-- Hosts with default grants open new tables to everybody they know.
DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
