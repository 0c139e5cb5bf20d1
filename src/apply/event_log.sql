-- name: ListEvents
-- Newest first; a NULL parameter filters nothing, $7 and $8 are the key of the page before. Index
-- stripe_events_received, or _object for one object, or _unsettled.
SELECT id, type, status, object_id, customer, reason, detail, api_version, created, received_at, next_attempt_at,
       applied_at, attempts, livemode
FROM stripe_events
WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR reason = $2)
  AND ($3::text IS NULL OR object_id = $3) AND ($4::text IS NULL OR customer = $4)
  AND ($6::text IS NULL OR type = $6)
  AND ($7::timestamptz IS NULL OR (received_at <= $7 AND (received_at < $7 OR id > $8::text)))
ORDER BY received_at DESC, id LIMIT $5::int

-- name: FindEvent
SELECT id, type, status, object_id, customer, reason, detail, api_version, created, received_at, next_attempt_at,
       applied_at, attempts, livemode, payload
FROM stripe_events WHERE id = $1
