-- name: ResetQuotaBatch
-- A batch of what reset_monthly_quotas() does for the UTC day $1 (NULL: today): of the users who are due and whose rows lie
-- in the $3 pages of users from the page $2 on, or in the next ones that have any. Waits for the batch of another caller;
-- locks those users.
SELECT next_page, coalesce(cardinality(resets), 0) AS resets,
       pg_relation_size('public.users') / current_setting('block_size')::bigint AS pages
FROM billing_reset_quota_pages(coalesce($1::date, (now() AT TIME ZONE 'UTC')::date), $2::bigint, $3::int)

-- name: ResetQuotaBatchListed
-- The same, with a line for each user who was reset, or one without a user.
WITH batch AS MATERIALIZED (
    SELECT next_page, resets
    FROM billing_reset_quota_pages(coalesce($1::date, (now() AT TIME ZONE 'UTC')::date), $2::bigint, $3::int)
)
SELECT b.next_page, pg_relation_size('public.users') / current_setting('block_size')::bigint AS pages,
       r.user_id, u.email, r.period_start, r.previous_used, r.used, r.previous_reset_date, r.next_reset_date, r.months
FROM batch b
LEFT JOIN LATERAL unnest(b.resets) r ON true
LEFT JOIN users u ON u.id = r.user_id

-- name: QuotasDue
-- Who would be reset on a day, without doing it.
SELECT d.user_id, u.email, d.period_start, d.previous_used, d.used, d.previous_reset_date, d.next_reset_date, d.months
FROM billing_quota_due($1::date) d JOIN users u ON u.id = d.user_id
ORDER BY u.email

-- name: FindEntitlement
-- What try_consume_run() would go by for the user $1 on the UTC day $2. A period that is over counts as the new one.
SELECT u.id AS user_id, u.plan_tier::text AS plan_tier, u.monthly_runs_quota AS quota,
       coalesce(d.used, u.monthly_runs_used, 0) AS used, coalesce(d.next_reset_date, u.quota_reset_date) AS reset_date,
       (SELECT count(*) FROM billing_run_reservations r WHERE r.user_id = u.id AND r.expires_at > now()) AS reserved
FROM users u
LEFT JOIN LATERAL billing_quota_due($2::date, ARRAY[u.id]) d ON true
WHERE u.id = $1::uuid AND u.deleted_at IS NULL
