-- name: SampleOfDueUsers
-- Where more than one user in eight is due on the UTC day $1 (NULL: today), by a sample of one page in a hundred: ids of some
-- who are, ascending, about 500 users apart. Nothing otherwise.
SELECT id
FROM (SELECT u.id, u.due, row_number() OVER (PARTITION BY u.due ORDER BY u.id) AS place,
             count(*) FILTER (WHERE u.due) OVER () * 8 > count(*) OVER () AS many
      FROM (SELECT id, deleted_at IS NULL AND (quota_reset_date IS NULL OR
                       quota_reset_date <= coalesce($1::date, (now() AT TIME ZONE 'UTC')::date)) AS due
            FROM users TABLESAMPLE SYSTEM (1)) u) sampled
WHERE due AND many AND place % 5 = 0
ORDER BY id

-- name: ResetQuotaRange
-- A batch of what reset_monthly_quotas() does for the UTC day $1 (NULL: today): of the first range between the ids $2 that no
-- other caller has done. Waits for the batch of another caller; locks those users. A line for each user who was reset, or one
-- without a user; next: how many of the ranges are done.
WITH batch AS MATERIALIZED (
    SELECT passed, resets
    FROM billing_reset_quota_ranges(coalesce($1::date, (now() AT TIME ZONE 'UTC')::date), $2::uuid[])
)
SELECT b.passed AS next, 0 AS pages,
       r.user_id, u.email, r.period_start, r.previous_used, r.used, r.previous_reset_date, r.next_reset_date, r.months
FROM batch b
LEFT JOIN LATERAL unnest(b.resets) r ON true
LEFT JOIN users u ON u.id = r.user_id

-- name: ResetQuotaPages
-- The same, of the users whose rows lie in the $3 pages of users from the page $2 on, or in the next ones that have any who
-- are due. next: the page to go on with, NULL at the end.
WITH batch AS MATERIALIZED (
    SELECT next_page, resets, pg_relation_size('public.users') / current_setting('block_size')::bigint AS pages
    FROM billing_reset_quota_pages(coalesce($1::date, (now() AT TIME ZONE 'UTC')::date), $2::bigint, $3::int)
)
SELECT b.next_page AS next, b.pages,
       r.user_id, u.email, r.period_start, r.previous_used, r.used, r.previous_reset_date, r.next_reset_date, r.months
FROM batch b
LEFT JOIN LATERAL unnest(b.resets) r ON true
LEFT JOIN users u ON u.id = r.user_id

-- name: WriteSomething
-- Makes the commit one that is flushed, and with it all that was committed before: one that has written nothing is not, even
-- if it has a transaction id.
SELECT pg_logical_emit_message(true, 'billsync', '')

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
