-- name: LastClose
-- When a month was closed last, and the end of the newest closed one. billing_periods has a row a month.
SELECT max(p.closed_at) AS closed_at, max((p.period_start + interval '1 month') AT TIME ZONE 'UTC') AS until
FROM billing_periods p WHERE p.closed_at IS NOT NULL

-- name: LastEvent
-- When the newest event was stored. Index stripe_events_received.
SELECT max(e.received_at) AS received_at FROM stripe_events e
