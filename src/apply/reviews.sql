-- name: RequestReview
-- Index billing_subscriptions_catalog, and stripe_events_unsettled.
INSERT INTO billing_reviews (catalog_ids, features_after)
SELECT $1::text[], NULL
WHERE EXISTS (SELECT FROM billing_subscriptions WHERE catalog_ids && $1::text[])
   OR EXISTS (SELECT FROM stripe_events WHERE status = 'parked' AND reason = 'unmapped_price')

-- name: RequestReviewOfAll
INSERT INTO billing_reviews (catalog_ids) VALUES (NULL)

-- name: ClaimReview
-- SKIP LOCKED: another applier may work on the next one. The table is empty but for moments.
SELECT id, catalog_ids::text AS catalog_ids, events_after, subscriptions_after, features_after
FROM billing_reviews ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED

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

-- name: LookAgain
-- One event of each object becomes due, the newest that is not being applied. Index stripe_events_object, backwards.
UPDATE stripe_events SET status = 'received', reason = NULL, detail = NULL, next_attempt_at = now(), applied_at = NULL
WHERE id IN (SELECT newest.id
             FROM unnest($1::text[]) AS object (id)
             CROSS JOIN LATERAL (SELECT e.id FROM stripe_events e
                                 WHERE e.object_id = object.id AND e.status IN ('applied', 'parked')
                                 ORDER BY e.created DESC LIMIT 1
                                 FOR UPDATE SKIP LOCKED) AS newest)

-- name: AdvanceReview
UPDATE billing_reviews SET events_after = $2, subscriptions_after = $3, features_after = $4 WHERE id = $1::bigint

-- name: EndReview
DELETE FROM billing_reviews WHERE id = $1::bigint
