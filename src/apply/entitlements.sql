-- name: LockUsers
-- The users to revise, locked in id order, with their quota override in force at $2, whether one was changed, taken away
-- or is over since somebody last looked, and the anchor of their quota.
SELECT u.id, u.plan_tier, u.monthly_runs_quota, u.stripe_subscription_id, o.monthly_runs_quota AS override_quota,
       EXISTS (SELECT FROM billing_override_changes c WHERE c.user_id = u.id)
           OR ended.user_id IS NOT NULL AND ended.monthly_runs_quota = u.monthly_runs_quota AS override_changed,
       a.anchor_day, a.source AS anchor_source
FROM users u
LEFT JOIN billing_quota_overrides o ON o.user_id = u.id AND (o.expires_at IS NULL OR o.expires_at > $2::timestamptz)
LEFT JOIN billing_quota_overrides ended
    ON ended.user_id = u.id AND ended.expires_at <= $2::timestamptz
    AND (ended.lapsed_at IS NULL OR ended.lapsed_at < ended.expires_at OR ended.lapsed_at = $2::timestamptz)
LEFT JOIN billing_quota_anchors a ON a.user_id = u.id
WHERE u.id = ANY ($1::uuid[])
ORDER BY u.id
FOR NO KEY UPDATE OF u

-- name: ReadSubscriptionFacts
-- Index idx_billing_subscriptions_user.
SELECT user_id, stripe_subscription_id, plan_tier, status, current_period_end, past_due_since, cancel_at,
       pause_collection, held_plan_tier, held_until, billing_cycle_anchor, billing_day, billing_interval,
       last_event_id
FROM billing_subscriptions WHERE user_id = ANY ($1::uuid[])

-- name: SetQuotaAnchors
-- From now on the quota begins anew on the day the user is billed on. Under the users' locks, as a reset does it. The
-- date that stands in users.quota_reset_date stays: the running period ends when it was to end, and is neither shortened
-- nor begun again. Its start is kept as it is counted now, for a user who had no row and no start yet.
INSERT INTO billing_quota_anchors AS a (user_id, anchor_day, period_start, source)
SELECT t.user_id, t.anchor_day, (billing_quota_period_start(t.user_id) AT TIME ZONE 'UTC')::date, 'stripe'
FROM unnest($1::uuid[], $2::smallint[]) AS t (user_id, anchor_day)
ON CONFLICT (user_id) DO UPDATE SET
    anchor_day = EXCLUDED.anchor_day, period_start = coalesce(a.period_start, EXCLUDED.period_start), source = 'stripe'
WHERE a.source IN ('derived', 'stripe')

-- name: ReadFeatures
-- The features of the users' customers, a line each; a customer without any has one line without key. Indexes
-- billing_customers_user and the primary key.
SELECT c.user_id, f.stripe_customer_id, key.lookup_key, f.truncated AND NOT c.deleted AS truncated, f.last_event_id
FROM billing_customers c
JOIN billing_customer_features f ON f.stripe_customer_id = c.stripe_customer_id
LEFT JOIN LATERAL unnest(f.lookup_keys) AS key (lookup_key) ON NOT c.deleted
WHERE c.user_id = ANY ($1::uuid[])
ORDER BY c.user_id, f.stripe_customer_id, key.lookup_key COLLATE "C"

-- name: UpdateUsers
UPDATE users u SET plan_tier = t.tier, monthly_runs_quota = t.quota, stripe_subscription_id = t.subscription
FROM unnest($1::uuid[], $2::plan_tier[], $3::int[], $4::text[]) AS t (id, tier, quota, subscription)
WHERE u.id = t.id

-- name: InsertPlanChanges
-- The star stands for the parameters themselves, whose columns are written out in the same statement.
INSERT INTO billing_plan_changes
    (user_id, changed_at, from_tier, to_tier, from_quota, to_quota, stripe_subscription_id, event_id, cause)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::plan_tier[], $4::plan_tier[], $5::int[], $6::int[], $7::text[],
                     $8::text[], $9::text[])
