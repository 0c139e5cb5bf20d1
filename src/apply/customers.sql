-- name: ReadCustomers
SELECT stripe_customer_id, user_id, linked_by, email, deleted
FROM billing_customers WHERE stripe_customer_id = ANY ($1::text[])

-- name: ReadEvidence
-- What named a user for customers that are not linked. Primary key.
SELECT stripe_customer_id, source, named_user, event_created, event_id
FROM billing_customer_evidence WHERE stripe_customer_id = ANY ($1::text[])

-- name: UpsertCustomers
-- Under the customers' advisory locks. A link that is made stays: who read the customer before it was linked does not
-- undo it.
INSERT INTO billing_customers AS c (stripe_customer_id, user_id, linked_by, linked_at, email, deleted)
SELECT t.id, t.user_id, t.linked_by, CASE WHEN t.user_id IS NOT NULL THEN now() END, t.email, t.deleted
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::boolean[]) AS t (id, user_id, linked_by, email, deleted)
ORDER BY t.id
ON CONFLICT (stripe_customer_id) DO UPDATE SET
    user_id = coalesce(c.user_id, EXCLUDED.user_id), linked_by = coalesce(c.linked_by, EXCLUDED.linked_by),
    linked_at = coalesce(c.linked_at, EXCLUDED.linked_at), email = EXCLUDED.email, deleted = EXCLUDED.deleted,
    updated_at = now()
WHERE (c.user_id, c.linked_by, c.email, c.deleted)
   IS DISTINCT FROM (coalesce(c.user_id, EXCLUDED.user_id), coalesce(c.linked_by, EXCLUDED.linked_by), EXCLUDED.email,
                     EXCLUDED.deleted)

-- name: UpsertEvidence
-- Under the customers' advisory locks. Of several events that name the same user the oldest is kept.
INSERT INTO billing_customer_evidence AS e (stripe_customer_id, source, named_user, event_created, event_id)
SELECT t.customer, t.source, t.named_user, t.created, t.event
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[])
     AS t (customer, source, named_user, created, event)
ORDER BY t.customer, t.source, t.named_user
ON CONFLICT (stripe_customer_id, source, named_user) DO UPDATE SET
    event_created = EXCLUDED.event_created, event_id = EXCLUDED.event_id
WHERE (EXCLUDED.event_created, EXCLUDED.event_id) < (e.event_created, e.event_id)

-- name: FindUsersByCustomer
SELECT id, stripe_customer_id FROM users WHERE stripe_customer_id = ANY ($1::text[])

-- name: FindUsersById
SELECT id FROM users WHERE id = ANY ($1::uuid[])

-- name: FindUsersByEmail
-- Verified addresses only; the caller refuses an address that several users share.
SELECT lower(email) AS email, id FROM users
WHERE lower(email) = ANY ($1::text[]) AND email_verified AND deleted_at IS NULL

-- name: LockUsersInOrder
-- NO KEY UPDATE: a run inserted for the user (whose foreign key takes KEY SHARE) does not wait.
SELECT id FROM users WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE

-- name: SetUsersCustomer
-- Gives a user without a Stripe customer id the one it was linked to, unless another user has it.
UPDATE users u SET stripe_customer_id = t.customer
FROM unnest($1::uuid[], $2::text[]) AS t (user_id, customer)
WHERE u.id = t.user_id AND u.stripe_customer_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM users o WHERE o.stripe_customer_id = t.customer)
