-- name: RecordAudit
INSERT INTO billing_audit (actor, role, action, target, origin, outcome, detail)
VALUES ($1, $2, $3, "left"($4, 2000), $5, $6, "left"($7, 2000))
RETURNING id

-- name: EndAudit
-- How what the row $1 began has ended. Nothing when that is known already. Index billing_audit_ended.
INSERT INTO billing_audit (actor, role, action, target, origin, outcome, detail, begun_id)
SELECT b.actor, b.role, b.action, b.target, b.origin, $2, "left"($3, 2000), b.id
FROM billing_audit b WHERE b.id = $1::bigint
ON CONFLICT (begun_id) WHERE begun_id IS NOT NULL DO NOTHING
