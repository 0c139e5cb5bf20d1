-- What makes events due again: how long an event has been parked, which events a release had to skip, and requests to
-- look again at what an earlier build did not read.
--
-- Safe on a live database: columns without a default, small tables, two functions. Locks: ACCESS EXCLUSIVE for a moment
-- on stripe_events and three small tables; the rows of parked events. Processes of an earlier release should be stopped
-- first: they store further events of types they do not read, and end requests whose new columns they do not know.

-- ── How long an event has been parked ──────────────────────────────────────────────────────────────────────────────

-- The thirty days after which a parked event is given up were counted from its arrival: one that was applied months ago,
-- and parked when it was looked at again, was dead at once.
ALTER TABLE stripe_events ADD COLUMN parked_since timestamptz;
COMMENT ON COLUMN stripe_events.parked_since IS
    'Since when it is parked without a break; NULL when it is neither parked nor dead, or is dead from an earlier release';
UPDATE stripe_events SET parked_since = received_at WHERE status = 'parked';

-- ── Events that a release had to skip ──────────────────────────────────────────────────────────────────────────────

-- A note said "everything that waits for a rate", and stayed while anybody held one such event: all the others were made
-- due again and again meanwhile. Now it names the event.
ALTER TABLE billing_missed_releases
    DROP CONSTRAINT billing_missed_releases_customer_named,
    ADD COLUMN event_id text COLLATE "C";
INSERT INTO billing_missed_releases (reason, customer, event_id)
SELECT m.reason, e.customer, e.id
FROM (SELECT DISTINCT reason, customer FROM billing_missed_releases) m
JOIN stripe_events e ON e.status = 'parked' AND e.reason = m.reason AND (m.customer IS NULL OR e.customer = m.customer);
DELETE FROM billing_missed_releases WHERE event_id IS NULL;
ALTER TABLE billing_missed_releases ALTER COLUMN event_id SET NOT NULL;
COMMENT ON COLUMN billing_missed_releases.event_id IS
    'The event; without foreign key, which would make the release wait for whoever holds the event';
COMMENT ON COLUMN billing_missed_releases.customer IS 'Whose event it is, for people';

-- As in 0007, but for the note.
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
        INSERT INTO billing_missed_releases (reason, customer, event_id)
        SELECT 'unknown_customer', customer, id FROM stripe_events
        WHERE customer = ANY (customers) AND status = 'parked' AND reason = 'unknown_customer'
          AND id NOT IN (SELECT id FROM released);
    END IF;
    RETURN NULL;
END
$$;

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
    INSERT INTO billing_missed_releases (reason, customer, event_id)
    SELECT 'missing_exchange_rate', customer, id FROM stripe_events
    WHERE status = 'parked' AND reason = 'missing_exchange_rate' AND id NOT IN (SELECT id FROM released);
    RETURN NULL;
END
$$;

-- ── Looking again at what an earlier build did not read ────────────────────────────────────────────────────────────

-- Events of a type that no table depended on are stored as ignored. When a release reads more types, those stored before
-- are to be read too.
CREATE TABLE billing_read_types (
    type text COLLATE "C" CONSTRAINT billing_read_types_pkey PRIMARY KEY
);
COMMENT ON TABLE billing_read_types IS
    'Types of events that some release of billsync has read: one that serve adds here was stored as ignored before';

ALTER TABLE billing_reviews
    ADD COLUMN types text[],
    ADD COLUMN unread_after text COLLATE "C",
    ADD COLUMN invoices_after text,
    ADD COLUMN free_quota integer,
    ADD COLUMN users_after uuid,
    ADD CONSTRAINT billing_reviews_types_given CHECK (unread_after IS NULL OR types IS NOT NULL),
    ADD CONSTRAINT billing_reviews_quota_given CHECK (users_after IS NULL OR free_quota IS NOT NULL);
COMMENT ON TABLE billing_reviews IS 'Requests to look again at what is stored; gone when done';
COMMENT ON COLUMN billing_reviews.types IS 'Types of events that were ignored and are read now';
COMMENT ON COLUMN billing_reviews.unread_after IS
    'Ignored events of those types up to this id have been made due; NULL: all, or not asked for';
COMMENT ON COLUMN billing_reviews.invoices_after IS
    'Invoices whose row lacks what its events say of credit have been made due up to this id; NULL: all, or not asked for';
COMMENT ON COLUMN billing_reviews.free_quota IS 'The quota of the free plan before the plan map changed it';
COMMENT ON COLUMN billing_reviews.users_after IS
    'Free users with that quota have been handed to the sweep up to this id; NULL: all, or not asked for';

-- Rows written before 0005 know only the credited amount, not what it consists of: each is made anew from its events.
INSERT INTO billing_reviews (events_after, subscriptions_after, features_after, invoices_after)
SELECT NULL, NULL, NULL, ''
WHERE EXISTS (SELECT FROM billing_invoices WHERE credited_as_of IS NULL AND last_event_id IS NOT NULL);

ALTER TABLE billing_plan_map ADD COLUMN free_quota integer;
COMMENT ON COLUMN billing_plan_map.free_quota IS
    'Monthly runs of the free plan in this map: users without a subscription who have it follow the next map';

-- Hosts with default grants open new tables to everybody they know.
DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
