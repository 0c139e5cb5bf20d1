-- name: EventIsStored
-- Primary key.
SELECT EXISTS (SELECT FROM stripe_events e WHERE e.id = $1) AS stored

-- name: UnsettledOfReason
-- Parked and dead events with this reason, at most 10,000. Index stripe_events_unsettled.
SELECT e.id FROM stripe_events e
WHERE e.status IN ('parked', 'dead') AND e.reason = $1 LIMIT 10000
