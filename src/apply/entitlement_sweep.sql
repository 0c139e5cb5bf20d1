-- name: ClaimOverrideChanges
-- Whose quota override was given, changed or taken away. The table is empty but for moments. Locks: these rows, then
-- users.
-- Not of the users $2.
SELECT id::text AS id, user_id FROM billing_override_changes WHERE user_id <> ALL ($2::uuid[])
ORDER BY id LIMIT $1::int FOR UPDATE SKIP LOCKED

-- name: DeleteOverrideChanges
DELETE FROM billing_override_changes WHERE id = ANY ($1::bigint[])

-- name: ClaimLapsedOverrides
-- Overrides that are over at $1 and whose end was not seen to. Index billing_quota_overrides_to_lapse, which has no
-- others. Not of the users $3. Locks: these rows, then users.
SELECT user_id FROM billing_quota_overrides
WHERE expires_at <= $1::timestamptz AND expires_at IS NOT NULL AND (lapsed_at IS NULL OR lapsed_at < expires_at)
  AND user_id <> ALL ($3::uuid[])
ORDER BY expires_at LIMIT $2::int FOR UPDATE SKIP LOCKED

-- name: MarkLapsedOverrides
UPDATE billing_quota_overrides SET lapsed_at = $2::timestamptz WHERE user_id = ANY ($1::uuid[])

-- name: WhoseTimeIsUp
-- Whose entitlement may have ended at $1 without an event: grace over ($2 days), Stripe silent after the period or after
-- a scheduled cancellation ($3 days), a held tier over. Each line reads its own partial index (billing_subscriptions_grace,
-- _silence, _cancel_at, _held) up to that moment, and the users found, by key: what is not due is not read, however many
-- users there are. Those who have no more to lose are left out, and what was seen to since it ended.
SELECT s.user_id, s.stripe_subscription_id FROM billing_subscriptions s JOIN users u ON u.id = s.user_id
WHERE s.status = 'past_due' AND s.past_due_since <= $1::timestamptz - make_interval(days => $2::int)
  AND u.plan_tier <> 'free'
  AND coalesce(s.lapse_seen_at < s.past_due_since + make_interval(days => $2::int), true)
UNION
SELECT s.user_id, s.stripe_subscription_id FROM billing_subscriptions s JOIN users u ON u.id = s.user_id
WHERE s.status IN ('active', 'trialing') AND s.current_period_end <= $1::timestamptz - make_interval(days => $3::int)
  AND u.plan_tier <> 'free'
  AND coalesce(s.lapse_seen_at < s.current_period_end + make_interval(days => $3::int), true)
UNION
SELECT s.user_id, s.stripe_subscription_id FROM billing_subscriptions s JOIN users u ON u.id = s.user_id
WHERE s.status IN ('active', 'trialing') AND s.cancel_at IS NOT NULL
  AND s.cancel_at <= $1::timestamptz - make_interval(days => $3::int) AND u.plan_tier <> 'free'
  AND coalesce(s.lapse_seen_at < s.cancel_at + make_interval(days => $3::int), true)
UNION
SELECT s.user_id, s.stripe_subscription_id FROM billing_subscriptions s JOIN users u ON u.id = s.user_id
WHERE s.held_until <= $1::timestamptz AND u.plan_tier > s.plan_tier
  AND coalesce(s.lapse_seen_at < s.held_until, true)
ORDER BY user_id, stripe_subscription_id

-- name: MarkLapsesSeen
-- The subscriptions $1 were seen to at $2. Under their users' locks, which whoever writes these rows holds. Index of the
-- unique key.
UPDATE billing_subscriptions SET lapse_seen_at = $2::timestamptz WHERE stripe_subscription_id = ANY ($1::text[])
