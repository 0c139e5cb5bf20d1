-- name: FindPlanMap
-- One row or none.
SELECT fingerprint, adopted_at, free_quota FROM billing_plan_map

-- name: SetPlanMap
-- Under the cross-object lock, alone. adopted_at tells when the map changed, not when it was last said.
INSERT INTO billing_plan_map AS m (fingerprint, free_quota) VALUES ($1, $2::int)
ON CONFLICT (only_row) DO UPDATE SET
    fingerprint = EXCLUDED.fingerprint, free_quota = EXCLUDED.free_quota,
    adopted_at = CASE WHEN m.fingerprint = EXCLUDED.fingerprint THEN m.adopted_at ELSE now() END
WHERE (m.fingerprint, m.free_quota) IS DISTINCT FROM (EXCLUDED.fingerprint, EXCLUDED.free_quota)

-- name: AddReadTypes
-- Returns those that no release has read so far.
INSERT INTO billing_read_types (type) SELECT t.type FROM unnest($1::text[]) AS t (type)
ORDER BY t.type ON CONFLICT (type) DO NOTHING RETURNING type
