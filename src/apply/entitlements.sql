-- name: LockUsers
-- The users to revise, locked in id order, with their quota override in force at $2.
SELECT u.id, u.plan_tier, u.monthly_runs_quota, u.stripe_subscription_id, o.monthly_runs_quota AS override_quota
FROM users u LEFT JOIN billing_quota_overrides o
     ON o.user_id = u.id AND (o.expires_at IS NULL OR o.expires_at > $2::timestamptz)
WHERE u.id = ANY ($1::uuid[])
ORDER BY u.id
FOR NO KEY UPDATE OF u

-- name: ReadSubscriptionFacts
SELECT user_id, stripe_subscription_id, plan_tier, status, current_period_end, past_due_since, last_event_id
FROM billing_subscriptions WHERE user_id = ANY ($1::uuid[])

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

-- name: UsersToSweep
-- Whose entitlement may have changed at $1 without an event: grace over ($2 days), silence ($3 days), an override that
-- began or ended, a plan whose quota ($4 free, $5 pro, $6 enterprise) the configuration has changed. Reads
-- billing_subscriptions by status and the overrides; both are small beside users.
SELECT s.user_id FROM billing_subscriptions s JOIN users u ON u.id = s.user_id
WHERE u.plan_tier <> 'free'
  AND ((s.status = 'past_due' AND s.past_due_since <= $1::timestamptz - make_interval(days => $2::int))
       OR (s.status IN ('active', 'trialing') AND s.current_period_end <= $1::timestamptz - make_interval(days => $3::int)))
UNION
SELECT o.user_id FROM billing_quota_overrides o JOIN users u ON u.id = o.user_id
WHERE ((o.expires_at IS NULL OR o.expires_at > $1::timestamptz) AND u.monthly_runs_quota <> o.monthly_runs_quota)
   OR (o.expires_at <= $1::timestamptz AND u.monthly_runs_quota = o.monthly_runs_quota)
UNION
SELECT s.user_id FROM billing_subscriptions s JOIN users u ON u.id = s.user_id
WHERE u.monthly_runs_quota IS DISTINCT FROM
      CASE u.plan_tier WHEN 'free' THEN $4::int WHEN 'pro' THEN $5::int ELSE $6::int END
  AND NOT EXISTS (SELECT 1 FROM billing_quota_overrides o
                  WHERE o.user_id = u.id AND (o.expires_at IS NULL OR o.expires_at > $1::timestamptz))
