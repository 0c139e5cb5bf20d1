-- name: EndSession
-- Primary key.
INSERT INTO billing_ended_sessions (session, ends_at) VALUES ($1, $2::timestamptz)
ON CONFLICT (session) DO NOTHING

-- name: HasSessionEnded
-- Primary key.
SELECT EXISTS (SELECT FROM billing_ended_sessions e WHERE e.session = $1) AS ended
