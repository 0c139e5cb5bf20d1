-- name: FindCheckpoints
-- The checkpoints of objects ($1 ids, $2 kinds). outdated: other code than $3 made it, or one of the claimed events ($4)
-- lies below the horizon and was not there when it was made. An event that was parked has been read with its object
-- before, unless its batch failed. After LockKeys. Indices: both primary keys.
WITH claimed AS MATERIALIZED (
    SELECT id, object_id, created, status = 'parked' AND reason <> 'apply_failed' AS known
    FROM stripe_events WHERE id = ANY ($4::text[])
)
SELECT c.object_id, c.kind, c.horizon,
       c.made_by <> $3 OR EXISTS (SELECT FROM claimed e
                                  WHERE e.object_id = c.object_id AND e.created <= c.horizon AND NOT e.known
                                    AND e.id <> ALL (c.kept) AND e.id <> ALL (c.awaited)) AS outdated
FROM unnest($1::text[], $2::text[]) AS k (object_id, kind)
JOIN billing_checkpoints c ON c.object_id = k.object_id AND c.kind = k.kind

-- name: ReadKeptEvents
-- Of objects ($1, $2): what their checkpoints keep, and the claimed events ($3 ids, $4 objects) below their horizons.
-- Index stripe_events_pkey; OFFSET 0, because an object's own index would read all of its events for these few.
SELECT c.object_id, c.kind, e.id, e.type, coalesce(e.object_type, '') AS object_type, e.created, e.payload
FROM unnest($1::text[], $2::text[]) AS k (object_id, kind)
JOIN billing_checkpoints c ON c.object_id = k.object_id AND c.kind = k.kind
CROSS JOIN LATERAL (SELECT id, type, object_type, object_id, created, status, payload FROM stripe_events
                    WHERE id = ANY (c.kept || ARRAY(SELECT t.id FROM unnest($3::text[], $4::text[]) AS t (id, object_id)
                                                    WHERE t.object_id = c.object_id))
                    OFFSET 0) AS e
WHERE e.object_id = c.object_id AND e.created <= c.horizon AND e.status <> 'ignored'

-- name: ReadEventPages
-- Of each object ($1, $2) the $4 oldest events after a moment ($3), and all of the last one's second: pages end between
-- seconds. awaited: nothing in the event's own row will say later that it was read now. Index stripe_events_object.
SELECT k.object_id, k.kind, e.id, e.type, coalesce(e.object_type, '') AS object_type, e.created, e.payload, e.awaited
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS k (object_id, kind, after)
CROSS JOIN LATERAL (SELECT id, type, object_type, created, payload,
                           NOT (status IN ('applied', 'dead') OR status = 'parked' AND reason <> 'apply_failed') AS awaited
                    FROM stripe_events
                    WHERE object_id = k.object_id AND created > k.after AND status <> 'ignored'
                    ORDER BY created FETCH FIRST ($4::int) ROWS WITH TIES) AS e

-- name: SaveCheckpoints
-- Arrays come as their literals. What the former checkpoint awaited it still does, but for what has been applied since
-- or is being applied now ($7). In order of the objects, under their advisory locks.
INSERT INTO billing_checkpoints AS c (object_id, kind, made_by, horizon, kept, awaited)
SELECT t.object_id, t.kind, $6, t.horizon, t.kept::text[],
       ARRAY(SELECT e.id FROM stripe_events e
             WHERE e.id = ANY (t.awaited::text[] || coalesce(former.awaited, '{}'))
               AND e.id <> ALL ($7::text[]) AND e.status IN ('received', 'parked')
             ORDER BY e.id)
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[])
     AS t (object_id, kind, horizon, kept, awaited)
LEFT JOIN billing_checkpoints former ON former.object_id = t.object_id AND former.kind = t.kind
ORDER BY t.object_id, t.kind
ON CONFLICT (object_id, kind) DO UPDATE SET
    made_by = EXCLUDED.made_by, horizon = EXCLUDED.horizon, kept = EXCLUDED.kept, awaited = EXCLUDED.awaited,
    made_at = now()

-- name: DropCheckpoints
-- Of objects ($1, $2). As SaveCheckpoints.
DELETE FROM billing_checkpoints c USING unnest($1::text[], $2::text[]) AS k (object_id, kind)
WHERE c.object_id = k.object_id AND c.kind = k.kind
