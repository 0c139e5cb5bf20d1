-- name: ReadInOrder
-- For the claims ('off', afterwards 'on'). The planner would sort all that is due, a whole backlog, for each batch: the
-- statistics know nothing of a queue, which is now empty and now full. Read in order, the index also forgets the events
-- that are no longer due.
SELECT set_config('enable_bitmapscan', $1, true), set_config('enable_sort', $1, true)

-- name: ClaimReceived
-- Takes up to $1 fresh events, oldest first; of those never tried only what was due by $2, if that is given. SKIP LOCKED:
-- two appliers never claim the same event. Index stripe_events_due_received. The attempt is counted when the outcome is
-- written (SetOutcomes), in this same transaction.
SELECT id, type, coalesce(object_type, '') AS object_type, object_id, customer, attempts, parked_since
FROM stripe_events
WHERE status = 'received' AND next_attempt_at <= now()
  AND (attempts > 0 OR next_attempt_at <= coalesce($2::timestamptz, 'infinity'))
ORDER BY next_attempt_at
LIMIT $1::int
FOR UPDATE SKIP LOCKED

-- name: ClaimParked
-- The same for parked events whose next attempt is due. Index stripe_events_due_parked. Not those that the database
-- refused before: each could bring down the whole batch again.
SELECT id, type, coalesce(object_type, '') AS object_type, object_id, customer, attempts, parked_since
FROM stripe_events
WHERE status = 'parked' AND reason <> 'apply_failed' AND next_attempt_at <= now()
ORDER BY next_attempt_at
LIMIT $1::int
FOR UPDATE SKIP LOCKED

-- name: ClaimFailed
-- One event that the database refused before and whose next attempt is due. Index stripe_events_due_failed.
SELECT id, type, coalesce(object_type, '') AS object_type, object_id, customer, attempts, parked_since
FROM stripe_events
WHERE status = 'parked' AND reason = 'apply_failed' AND next_attempt_at <= now()
ORDER BY next_attempt_at
LIMIT 1
FOR UPDATE SKIP LOCKED

-- name: ClaimEvents
-- Events by id, as far as they may be applied; used to find the poison in a batch. Primary key.
SELECT id, type, coalesce(object_type, '') AS object_type, object_id, customer, attempts, parked_since
FROM stripe_events
WHERE id = ANY ($1::text[]) AND status IN ('received', 'parked')
ORDER BY id
FOR UPDATE SKIP LOCKED

-- name: BoundLockWaits
-- Who waits longer for a lock gives up (55P03). Long while waiting for other batches, since no event is to blame. Short
-- for rows that somebody else may have locked: below PostgreSQL's deadlock_timeout of a second, so that in a circle it is
-- never the platform's transaction that dies.
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

-- name: FreeUsers
-- Those of the users $1 whom nobody holds; locked for the rest of the transaction. Primary key.
SELECT id FROM users WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: SetOutcomes
-- Writes what became of the claimed events at $6. $5: seconds until a parked one is looked at again.
UPDATE stripe_events e
SET status = t.status, reason = t.reason, detail = t.detail, attempts = e.attempts + 1,
    next_attempt_at = now() + make_interval(secs => t.delay_s),
    applied_at = CASE WHEN t.status = 'applied' THEN now() END,
    parked_since = CASE WHEN t.status IN ('parked', 'dead') THEN coalesce(e.parked_since, $6::timestamptz) END
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[]) AS t (id, status, reason, detail, delay_s)
WHERE e.id = t.id

-- name: ReleaseCustomers
-- Customers linked in this transaction: what waited for them is due. Under the customers' advisory locks. SKIP LOCKED:
-- who holds one of these events waits for such a lock, or has ended by the time it would matter.
-- Index stripe_events_parked_customer, customer by customer: for a list of unknown length PostgreSQL may read all that is
-- parked instead.
UPDATE stripe_events SET next_attempt_at = now()
WHERE id IN (SELECT w.id
             FROM unnest($1::text[]) AS c (customer)
             CROSS JOIN LATERAL (SELECT e.id FROM stripe_events e
                                 WHERE e.customer = c.customer AND e.status = 'parked' AND e.reason = 'unknown_customer'
                                 OFFSET 0
                                 FOR UPDATE SKIP LOCKED) w)

-- name: ReleaseMissed
-- Makes due the events that a release had to skip, as far as nobody holds them now; a note goes with its event. The table
-- is empty but for moments. Primary key of stripe_events.
WITH noted AS MATERIALIZED (
    SELECT id, event_id FROM billing_missed_releases ORDER BY id LIMIT 1000
), free AS (
    SELECT id FROM stripe_events WHERE id IN (SELECT event_id FROM noted) FOR UPDATE SKIP LOCKED
), due AS (
    UPDATE stripe_events e SET next_attempt_at = now() FROM free WHERE e.id = free.id AND e.status = 'parked'
)
DELETE FROM billing_missed_releases m USING noted n
WHERE m.id = n.id AND (n.event_id IN (SELECT id FROM free)
                       OR NOT EXISTS (SELECT FROM stripe_events e WHERE e.id = n.event_id))

-- name: RetryEvents
-- A person asks for another attempt: the named events, or all parked and dead ones when $1 is empty.
UPDATE stripe_events
SET status = 'received', reason = NULL, detail = NULL, next_attempt_at = now(), parked_since = NULL
WHERE status IN ('parked', 'dead') AND (cardinality($1::text[]) = 0 OR id = ANY ($1::text[]))
RETURNING id

-- name: DatabaseTime
SELECT now() AS at

-- name: CountDue
SELECT count(*) AS due, coalesce(extract(epoch FROM now() - min(received_at)), 0)::bigint AS oldest_s
FROM stripe_events WHERE status = 'received' AND next_attempt_at <= now()

-- name: CountUnsettled
-- Index stripe_events_unsettled: does not grow with the table.
SELECT status, coalesce(reason, '') AS reason, count(*) AS events FROM stripe_events
WHERE status IN ('received', 'parked', 'dead') GROUP BY 1, 2
