-- name: RequestReview
-- Index billing_subscriptions_catalog, and stripe_events_unsettled.
INSERT INTO billing_reviews (catalog_ids, features_after)
SELECT $1::text[], NULL
WHERE EXISTS (SELECT FROM billing_subscriptions WHERE catalog_ids && $1::text[])
   OR EXISTS (SELECT FROM stripe_events WHERE status = 'parked' AND reason = 'unmapped_price')

-- name: RequestReviewOfAll
-- $1: the quota that the free plan had, if it has another now.
INSERT INTO billing_reviews (catalog_ids, free_quota, users_after)
VALUES (NULL, $1::int, CASE WHEN $1::int IS NOT NULL THEN '00000000-0000-0000-0000-000000000000'::uuid END)

-- name: RequestReviewOfIgnored
-- Nothing is asked for where nothing is stored.
INSERT INTO billing_reviews (types, unread_after, events_after, subscriptions_after, features_after)
SELECT $1::text[], '', NULL, NULL, NULL WHERE EXISTS (SELECT FROM stripe_events)

-- name: ClaimReview
-- SKIP LOCKED: another applier may work on the next one. The table is empty but for moments. None while a batch is due
-- anyway: what comes in waits for one piece of a review at most. Index stripe_events_due_received.
SELECT id, catalog_ids::text AS catalog_ids, types::text AS types, events_after, subscriptions_after, features_after,
       unread_after, invoices_after, users_after, free_quota
FROM billing_reviews
WHERE NOT EXISTS (SELECT FROM stripe_events WHERE status = 'received' AND next_attempt_at <= now() OFFSET 256)
ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED

-- name: ReleaseUnmapped
-- The next $2 events after $1 that wait for a price. Index stripe_events_unsettled. SKIP LOCKED: what is claimed is being
-- applied with what is known now.
UPDATE stripe_events SET next_attempt_at = now()
WHERE id IN (SELECT id FROM stripe_events
             WHERE status = 'parked' AND reason = 'unmapped_price' AND id > $1
             ORDER BY id LIMIT $2::int FOR UPDATE SKIP LOCKED)
RETURNING id

-- name: NextSubscriptionsOf
-- The next $3 subscriptions after $2 that show one of the prices or products $1. Index billing_subscriptions_catalog.
SELECT stripe_subscription_id AS id FROM billing_subscriptions
WHERE catalog_ids && $1::text[] AND stripe_subscription_id > $2
ORDER BY stripe_subscription_id LIMIT $3::int

-- name: NextSubscriptions
-- The next $2 subscriptions after $1, by their unique index.
SELECT stripe_subscription_id AS id FROM billing_subscriptions
WHERE stripe_subscription_id > $1 ORDER BY stripe_subscription_id LIMIT $2::int

-- name: NextFeatures
-- The next $2 customers after $1 whose features Stripe told, by the primary key.
SELECT stripe_customer_id AS id FROM billing_customer_features
WHERE stripe_customer_id > $1 ORDER BY stripe_customer_id LIMIT $2::int

-- name: NextUncredited
-- The next $2 invoices after $1 whose row was written by a release that did not keep what the invoice itself says of
-- credit. By the unique index.
SELECT stripe_invoice_id AS id FROM billing_invoices
WHERE credited_as_of IS NULL AND last_event_id IS NOT NULL AND stripe_invoice_id > $1
ORDER BY stripe_invoice_id LIMIT $2::int

-- name: ReleaseUnread
-- Of the next $3 events after $1 those become due that were ignored for one of the types $2, and the last id is returned
-- (NULL: that were all). Primary key, so the piece costs the same whatever is in it. Due since they were
-- stored: they should have been applied then. A summary of entitlements has no id of its own, and releases that did not read it gave it none.
WITH piece AS MATERIALIZED (
    SELECT id, status, reason, type FROM stripe_events WHERE id > $1 ORDER BY id LIMIT $3::int
), due AS (
    UPDATE stripe_events e
    SET status = 'received', reason = NULL, detail = NULL,
        object_id = CASE WHEN e.object_type = $4 THEN coalesce(e.object_id, $5 || e.customer) ELSE e.object_id END
    FROM piece p
    WHERE e.id = p.id AND p.status = 'ignored' AND p.reason = 'type_not_used' AND p.type = ANY ($2::text[])
)
SELECT max(id) AS last FROM piece

-- name: HandFreeUsersToSweep
-- The next $3 users after $1 who are on the free plan with its former quota $2; returns the last. Primary key.
WITH piece AS (
    SELECT id FROM users WHERE id > $1::uuid AND plan_tier = 'free' AND monthly_runs_quota = $2::int
    ORDER BY id LIMIT $3::int
), handed AS (
    INSERT INTO billing_override_changes (user_id) SELECT id FROM piece
)
SELECT id FROM piece ORDER BY id

-- name: LookAgain
-- One event of each object becomes due, the newest that is not being applied; one that was given up only where there is
-- no other. Its thirty days begin anew. Index stripe_events_object, backwards.
UPDATE stripe_events
SET status = 'received', reason = NULL, detail = NULL, next_attempt_at = now(), applied_at = NULL, parked_since = NULL
WHERE id IN (SELECT newest.id
             FROM unnest($1::text[]) AS object (id)
             CROSS JOIN LATERAL (
                 SELECT live.id FROM (SELECT e.id FROM stripe_events e
                                      WHERE e.object_id = object.id AND e.status IN ('applied', 'parked')
                                      ORDER BY e.created DESC LIMIT 1
                                      FOR UPDATE SKIP LOCKED) AS live
                 UNION ALL
                 SELECT dead.id FROM (SELECT e.id FROM stripe_events e
                                      WHERE e.object_id = object.id AND e.status = 'dead'
                                      ORDER BY e.created DESC LIMIT 1
                                      FOR UPDATE SKIP LOCKED) AS dead
                 LIMIT 1) AS newest)

-- name: AdvanceReview
UPDATE billing_reviews
SET events_after = $2, subscriptions_after = $3, features_after = $4, unread_after = $5, invoices_after = $6,
    users_after = $7::uuid
WHERE id = $1::bigint

-- name: EndReview
DELETE FROM billing_reviews WHERE id = $1::bigint
