-- name: ClaimReceived
-- Takes up to $1 fresh events, oldest first. SKIP LOCKED: two appliers never claim the same event. Index
-- stripe_events_due_received. The attempt is counted when the outcome is written (SetOutcomes), in this same transaction.
SELECT id, type, coalesce(object_type, '') AS object_type, object_id, customer, attempts, received_at
FROM stripe_events
WHERE status = 'received' AND next_attempt_at <= now()
ORDER BY next_attempt_at, id
LIMIT $1::int
FOR UPDATE SKIP LOCKED

-- name: ClaimParked
-- The same for parked events whose next attempt is due. Index stripe_events_due_parked. Not those that the database
-- refused before: each could bring down the whole batch again.
SELECT id, type, coalesce(object_type, '') AS object_type, object_id, customer, attempts, received_at
FROM stripe_events
WHERE status = 'parked' AND reason <> 'apply_failed' AND next_attempt_at <= now()
ORDER BY next_attempt_at, id
LIMIT $1::int
FOR UPDATE SKIP LOCKED

-- name: ClaimFailed
-- One event that the database refused before and whose next attempt is due. Index stripe_events_due_parked.
SELECT id, type, coalesce(object_type, '') AS object_type, object_id, customer, attempts, received_at
FROM stripe_events
WHERE status = 'parked' AND reason = 'apply_failed' AND next_attempt_at <= now()
ORDER BY next_attempt_at, id
LIMIT 1
FOR UPDATE SKIP LOCKED

-- name: ClaimEvents
-- Events by id, as far as they may be applied; used to find the poison in a batch. Primary key.
SELECT id, type, coalesce(object_type, '') AS object_type, object_id, customer, attempts, received_at
FROM stripe_events
WHERE id = ANY ($1::text[]) AND status IN ('received', 'parked')
ORDER BY id
FOR UPDATE SKIP LOCKED

-- name: BoundLockWaits
-- While waiting for other batches: who waits longer gives up as a whole (55P03) and tries again, since no event is to
-- blame. "0" ends it: a row that somebody else has locked is found out by the statement timeout, and its event parked.
SELECT set_config('lock_timeout', $1, true)

-- name: LockCrossObject
-- This batch alone writes what other objects' rows are derived from, for the transaction. The two-number form has keys
-- of its own, so no object's key can be the same. PostgreSQL queues: whoever shares after this one asked, waits.
SELECT pg_advisory_xact_lock(7243392, 17)

-- name: ShareCrossObject
-- As LockCrossObject, for a batch that writes no such row.
SELECT pg_advisory_xact_lock_shared(7243392, 17)

-- name: LockKeys
-- Serialises work on objects and customers for the transaction. Keys come sorted, so two appliers that share some wait
-- for each other and never in a circle. Taken after the event rows and before customers, then users.
SELECT pg_advisory_xact_lock(hashtextextended(key, 7243392017)) FROM unnest($1::text[]) WITH ORDINALITY AS k (key, n)
ORDER BY n

-- name: SetOutcomes
-- Writes what became of the claimed events. $5: seconds until a parked one is looked at again.
UPDATE stripe_events e
SET status = t.status, reason = t.reason, detail = t.detail, attempts = e.attempts + 1,
    next_attempt_at = now() + make_interval(secs => t.delay_s),
    applied_at = CASE WHEN t.status = 'applied' THEN now() END
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[]) AS t (id, status, reason, detail, delay_s)
WHERE e.id = t.id

-- name: ReleaseCustomers
-- Customers linked in this transaction: what waited for them is due. Under the customers' advisory locks. SKIP LOCKED:
-- who holds one of these events waits for such a lock, or has ended by the time it would matter.
-- Index stripe_events_parked_customer.
UPDATE stripe_events SET next_attempt_at = now()
WHERE id IN (SELECT id FROM stripe_events
             WHERE customer = ANY ($1::text[]) AND status = 'parked' AND reason = 'unknown_customer'
             FOR UPDATE SKIP LOCKED)

-- name: FindMissedReleases
-- The table is empty but for moments.
SELECT id, reason, customer FROM billing_missed_releases ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED

-- name: ReleaseMissed
-- Makes due what the notes $1 are about: the customers $2, and everything that waits for a rate if $3. A note goes when
-- nothing of it had to be skipped again; while somebody holds such an event, the others of it are due in vain, at most.
-- Indexes stripe_events_parked_customer and stripe_events_unsettled.
WITH waiting AS (
    SELECT id, reason, customer FROM stripe_events
    WHERE customer = ANY ($2::text[]) AND status = 'parked' AND reason = 'unknown_customer'
    UNION ALL
    SELECT id, reason, NULL FROM stripe_events
    WHERE $3::boolean AND status = 'parked' AND reason = 'missing_exchange_rate'
), released AS (
    UPDATE stripe_events SET next_attempt_at = now()
    WHERE id IN (SELECT id FROM stripe_events WHERE id IN (SELECT id FROM waiting) AND status = 'parked'
                 FOR UPDATE SKIP LOCKED)
    RETURNING id
), skipped AS (
    SELECT reason, customer FROM waiting WHERE id NOT IN (SELECT id FROM released)
)
DELETE FROM billing_missed_releases m
WHERE m.id = ANY ($1::bigint[])
  AND NOT EXISTS (SELECT FROM skipped s WHERE s.reason = m.reason AND s.customer IS NOT DISTINCT FROM m.customer)

-- name: RetryEvents
-- A person asks for another attempt: the named events, or all parked and dead ones when $1 is empty.
UPDATE stripe_events SET status = 'received', reason = NULL, detail = NULL, next_attempt_at = now()
WHERE status IN ('parked', 'dead') AND (cardinality($1::text[]) = 0 OR id = ANY ($1::text[]))
RETURNING id

-- name: AdoptPlanMap
-- No row: this plan map is in force already.
INSERT INTO billing_plan_map AS m (fingerprint) VALUES ($1)
ON CONFLICT (only_row) DO UPDATE SET fingerprint = EXCLUDED.fingerprint, adopted_at = now()
WHERE m.fingerprint <> EXCLUDED.fingerprint
RETURNING fingerprint

-- name: CountDue
SELECT count(*) AS due, coalesce(extract(epoch FROM now() - min(received_at)), 0)::bigint AS oldest_s
FROM stripe_events WHERE status = 'received' AND next_attempt_at <= now()

-- name: CountUnsettled
-- Index stripe_events_unsettled: does not grow with the table.
SELECT status, coalesce(reason, '') AS reason, count(*) AS events FROM stripe_events
WHERE status IN ('received', 'parked', 'dead') GROUP BY 1, 2
