-- name: RecordAudit
INSERT INTO billing_audit (actor, role, action, target, origin, outcome, detail)
VALUES ($1, $2, $3, "left"($4, 2000), $5, $6, "left"($7, 2000))
