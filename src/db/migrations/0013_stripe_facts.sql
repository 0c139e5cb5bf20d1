-- What of Stripe's facts decides a held tier, a billing day and a coming number of seats, and what the entitlement sweep
-- has seen to. New columns without a default that would be written, and an index without a row yet.
--
-- Locks: ACCESS EXCLUSIVE on billing_subscriptions for the columns, SHARE for its index, both for as long as reading that
-- table once takes; nothing on users or agent_runs.

ALTER TABLE billing_subscriptions
    ADD COLUMN scheduled_quantity bigint,
    ADD COLUMN hold_invoices text[] COLLATE "C",
    ADD COLUMN billing_day smallint,
    ADD COLUMN lapse_seen_at timestamptz,
    ADD CONSTRAINT billing_subscriptions_quantity_of_price CHECK (
        scheduled_price_id IS NOT NULL OR scheduled_quantity IS NULL),
    ADD CONSTRAINT billing_subscriptions_billing_day_in_month CHECK (billing_day BETWEEN 1 AND 31);
COMMENT ON COLUMN billing_subscriptions.scheduled_quantity IS
    'How many of scheduled_price_id there will be from scheduled_change_at on; NULL when the schedule does not say';
COMMENT ON COLUMN billing_subscriptions.scheduled_price_id IS
    'The price that will decide the tier from scheduled_change_at on, or the one whose quantity changes when nothing else '
    'does; NULL when the subscription will end then';
COMMENT ON COLUMN billing_subscriptions.hold_invoices IS
    'Invoices that may have paid for a higher tier in a period that still runs: when one changes, the row is made anew. '
    'NULL when no higher tier is left';
COMMENT ON COLUMN billing_subscriptions.billing_day IS
    'billing_cycle_anchor_config.day_of_month: what the anchor cannot show in a month that is too short for it';
COMMENT ON COLUMN billing_subscriptions.lapse_seen_at IS
    'When the entitlement sweep last acted on an end that time alone had brought; set by billsync';
COMMENT ON COLUMN billing_subscriptions.amount_minor IS
    'Price of one period in Stripe''s minor units of currency, without what is metered, discounts and taxes. NULL when a '
    'tiered or multi-currency price leaves it open, items are billed in different intervals, all prices are metered, or '
    'items are missing';
COMMENT ON COLUMN billing_subscription_schedules.phases IS
    '[{"start": …, "end": …, "prices": ["price_…"], "quantities": [1]}] in the order of time, prices and quantities side '
    'by side; our own rendering, made from the payload. Rows from before 0013 have no quantities';

-- Which subscriptions an invoice matters for: hardly any.
CREATE INDEX billing_subscriptions_hold_invoices ON billing_subscriptions USING gin (hold_invoices)
    WHERE hold_invoices IS NOT NULL;

-- Rows written before are made anew with what is decoded since: amounts of prices that are sold in packs, holds, billing
-- days; schedules first, for their quantities.
UPDATE stripe_events SET status = 'received', reason = NULL, detail = NULL, next_attempt_at = now(), applied_at = NULL
WHERE id IN (SELECT newest.id
             FROM billing_subscription_schedules s
             CROSS JOIN LATERAL (SELECT e.id FROM stripe_events e
                                 WHERE e.object_id = s.schedule_id AND e.status IN ('applied', 'parked')
                                 ORDER BY e.created DESC LIMIT 1
                                 FOR UPDATE SKIP LOCKED) AS newest
             WHERE s.status IN ('not_started', 'active'));
INSERT INTO billing_reviews (features_after) SELECT NULL WHERE EXISTS (SELECT FROM billing_subscriptions);
