-- name: LockRollup
-- One rollup at a time, so that what is published is never older than what was. Ends with the transaction.
SELECT pg_advisory_xact_lock(7243392016)

-- name: PlanForOnePass
-- For the rest of the transaction: what reads the runs of a whole month groups them in memory, in one process. Spilled to
-- disk, or grouped by each worker and again by the leader, many small groups take about twice as long.
SELECT set_config('work_mem', '128MB', true), set_config('max_parallel_workers_per_gather', '0', true)

-- name: DrainDeltas
-- Moves up to $1 deltas into billing_usage_by_model and billing_usage_by_day, and returns the pairs of user and month they touched. A delta that
-- is not committed yet is not seen and comes later; deleting and adding are one transaction: each is counted once.
-- Closed months are BookLateDeltas' business.
-- $2 NULL: of all months but those that the first fill has not reached; else of the month $2. Deltas of the users $3 are
-- passed over.
--
-- A user whose usage row is to be inserted and whose users row somebody holds FOR UPDATE waits as well, and nobody with
-- him: the reference to users would make this statement wait for that lock. Such users are returned without a month, to
-- be passed over by the next call. Users that are gone wait for nothing.
--
-- EXCEPT and NOT IN are hashed whatever the planner expects; it knows nothing of a table whose rows live for seconds, and
-- an anti join of two lists it takes for a row each would be quadratic. OFFSET 0: usage rows are looked up by key; as a join
-- it would read those of all of history. Index billing_usage_user_id_period_start_key.
WITH batch AS MATERIALIZED (
    SELECT d.ctid AS place, d.user_id, d.month
    FROM billing_usage_deltas d
    WHERE CASE WHEN $2::date IS NULL THEN d.month >= (SELECT f.filled_from FROM billing_usage_fill f)
               ELSE d.month = $2::date END
      AND d.user_id <> ALL ($3::uuid[])
      AND NOT EXISTS (SELECT FROM billing_periods p WHERE p.period_start = d.month AND p.closed_at IS NOT NULL)
    LIMIT $1
), fresh AS MATERIALIZED (
    SELECT DISTINCT b.user_id
    FROM (SELECT DISTINCT user_id, month FROM batch) b
    WHERE NOT EXISTS (SELECT FROM billing_usage u WHERE u.user_id = b.user_id AND u.period_start = b.month OFFSET 0)
), free AS MATERIALIZED (
    SELECT u.id FROM users u WHERE u.id IN (SELECT f.user_id FROM fresh f) FOR KEY SHARE OF u SKIP LOCKED
), held AS MATERIALIZED (
    SELECT u.id FROM users u WHERE u.id IN (SELECT f.user_id FROM fresh f)
    EXCEPT
    SELECT free.id FROM free
), taken AS (
    DELETE FROM billing_usage_deltas d
    WHERE d.ctid = ANY (ARRAY(SELECT b.place FROM batch b WHERE b.user_id NOT IN (SELECT h.id FROM held h)))
    RETURNING d.user_id, d.month, d.day, d.model, d.completed_runs, d.failed_runs, d.cancelled_runs, d.unpriced_runs,
              d.tokens, d.cost_usd
), daily AS (
    INSERT INTO billing_usage_by_day AS y (
        day, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
    SELECT t.day, t.model, sum(t.completed_runs), sum(t.failed_runs), sum(t.cancelled_runs), sum(t.unpriced_runs),
           sum(t.tokens), sum(t.cost_usd)
    FROM taken t
    WHERE t.day IS NOT NULL
    GROUP BY t.day, t.model
    ORDER BY t.day, t.model
    ON CONFLICT (day, model) DO UPDATE SET
        completed_runs = y.completed_runs + EXCLUDED.completed_runs, failed_runs = y.failed_runs + EXCLUDED.failed_runs,
        cancelled_runs = y.cancelled_runs + EXCLUDED.cancelled_runs,
        unpriced_runs = y.unpriced_runs + EXCLUDED.unpriced_runs,
        tokens = y.tokens + EXCLUDED.tokens, cost_usd = y.cost_usd + EXCLUDED.cost_usd
), moved AS (
    INSERT INTO billing_usage_by_model AS m (
        month, user_id, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
    SELECT t.month, t.user_id, t.model, sum(t.completed_runs), sum(t.failed_runs), sum(t.cancelled_runs),
           sum(t.unpriced_runs), sum(t.tokens), sum(t.cost_usd)
    FROM taken t
    GROUP BY t.month, t.user_id, t.model
    ORDER BY t.month, t.user_id, t.model
    ON CONFLICT (month, user_id, model) DO UPDATE SET
        completed_runs = m.completed_runs + EXCLUDED.completed_runs, failed_runs = m.failed_runs + EXCLUDED.failed_runs,
        cancelled_runs = m.cancelled_runs + EXCLUDED.cancelled_runs,
        unpriced_runs = m.unpriced_runs + EXCLUDED.unpriced_runs,
        tokens = m.tokens + EXCLUDED.tokens, cost_usd = m.cost_usd + EXCLUDED.cost_usd
    RETURNING m.user_id, m.month
)
SELECT t.user_id, t.month, (SELECT count(*) FROM batch) AS seen
FROM (SELECT moved.user_id, moved.month::text AS month FROM moved
      UNION
      SELECT held.id, NULL FROM held) t

-- name: BookLateDeltas
-- Moves deltas of closed months into billing_usage_by_model, which stays the truth about the runs, and books what they
-- make of each user's month as an adjustment in the month $1, with a line for each run. Whole cents are posted
-- cumulatively: what the frozen exact sum and all its adjustments round to, less what was posted for them already; the
-- sum of rounded corrections would drift. Corrections that cancel each other out leave no trace. A row the platform
-- wrote itself has no exact sum but its cents. Returns the number of adjustments.
WITH taken AS (
    DELETE FROM billing_usage_deltas d
    WHERE d.month IN (SELECT p.period_start FROM billing_periods p WHERE p.closed_at IS NOT NULL)
    RETURNING d.run_id, d.user_id, d.month, d.day, d.model, d.completed_runs, d.failed_runs, d.cancelled_runs,
              d.unpriced_runs, d.tokens, d.cost_usd, d.noted_at
), daily AS (
    INSERT INTO billing_usage_by_day AS y (
        day, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
    SELECT t.day, t.model, sum(t.completed_runs), sum(t.failed_runs), sum(t.cancelled_runs), sum(t.unpriced_runs),
           sum(t.tokens), sum(t.cost_usd)
    FROM taken t
    WHERE t.day IS NOT NULL
    GROUP BY t.day, t.model
    ORDER BY t.day, t.model
    ON CONFLICT (day, model) DO UPDATE SET
        completed_runs = y.completed_runs + EXCLUDED.completed_runs, failed_runs = y.failed_runs + EXCLUDED.failed_runs,
        cancelled_runs = y.cancelled_runs + EXCLUDED.cancelled_runs,
        unpriced_runs = y.unpriced_runs + EXCLUDED.unpriced_runs,
        tokens = y.tokens + EXCLUDED.tokens, cost_usd = y.cost_usd + EXCLUDED.cost_usd
), by_model AS MATERIALIZED (
    SELECT t.month, t.user_id, t.model, sum(t.completed_runs) AS completed_runs, sum(t.failed_runs) AS failed_runs,
           sum(t.cancelled_runs) AS cancelled_runs, sum(t.unpriced_runs) AS unpriced_runs, sum(t.tokens) AS tokens,
           sum(t.cost_usd) AS cost_usd
    FROM taken t
    GROUP BY t.month, t.user_id, t.model
), moved AS (
    INSERT INTO billing_usage_by_model AS m (
        month, user_id, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
    SELECT t.month, t.user_id, t.model, t.completed_runs, t.failed_runs, t.cancelled_runs, t.unpriced_runs, t.tokens,
           t.cost_usd
    FROM by_model t
    ORDER BY t.month, t.user_id, t.model
    ON CONFLICT (month, user_id, model) DO UPDATE SET
        completed_runs = m.completed_runs + EXCLUDED.completed_runs, failed_runs = m.failed_runs + EXCLUDED.failed_runs,
        cancelled_runs = m.cancelled_runs + EXCLUDED.cancelled_runs,
        unpriced_runs = m.unpriced_runs + EXCLUDED.unpriced_runs,
        tokens = m.tokens + EXCLUDED.tokens, cost_usd = m.cost_usd + EXCLUDED.cost_usd
), late AS (
    SELECT t.month, t.user_id, sum(t.completed_runs) AS completed_runs, sum(t.failed_runs) AS failed_runs,
           sum(t.cancelled_runs) AS cancelled_runs, sum(t.unpriced_runs) AS unpriced_runs, sum(t.tokens) AS tokens,
           sum(t.cost_usd) AS cost_usd,
           coalesce(jsonb_object_agg(t.model, billing_usage_amount(t.cost_usd)) FILTER (WHERE t.cost_usd <> 0), '{}')
               AS breakdown
    FROM by_model t
    WHERE (t.completed_runs, t.failed_runs, t.cancelled_runs, t.unpriced_runs, t.tokens, t.cost_usd)
          IS DISTINCT FROM (0, 0, 0, 0, 0, 0)
    GROUP BY t.month, t.user_id
), posted AS (
    SELECT l.month, l.user_id,
           coalesce(CASE WHEN b.rolled_up_at IS NULL THEN b.total_cost_usd ELSE b.total_cost_exact_usd END, 0)
               + coalesce(sum(a.amount_exact_usd), 0) AS exact,
           coalesce(b.total_cost_usd, 0) + coalesce(sum(a.amount_usd), 0) AS cents
    FROM late l
    LEFT JOIN billing_usage b ON b.user_id = l.user_id AND b.period_start = l.month
    LEFT JOIN billing_adjustments a ON a.origin_period = l.month AND a.user_id = l.user_id AND a.kind = 'usage'
    GROUP BY l.month, l.user_id, b.id
), booked AS (
    INSERT INTO billing_adjustments (
        kind, user_id, email, origin_period, booked_period, total_runs, failed_runs, cancelled_runs, unpriced_runs,
        total_tokens, amount_usd, amount_exact_usd, cost_breakdown, reason, booked_by)
    SELECT 'usage', l.user_id, u.email, l.month, $1::date, l.completed_runs, l.failed_runs, l.cancelled_runs, l.unpriced_runs,
           l.tokens, round(p.exact + l.cost_usd, 2) - p.cents, billing_usage_amount(l.cost_usd), l.breakdown,
           'runs of the closed month that came or changed late', 'rollup'
    FROM late l
    JOIN posted p ON p.month = l.month AND p.user_id = l.user_id
    LEFT JOIN users u ON u.id = l.user_id
    ORDER BY l.month, l.user_id
    RETURNING id, user_id, origin_period
), lines AS (
    INSERT INTO billing_adjustment_lines (
        adjustment_id, run_id, noted_at, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens,
        cost_usd)
    SELECT b.id, t.run_id, t.noted_at, t.model, t.completed_runs, t.failed_runs, t.cancelled_runs, t.unpriced_runs,
           t.tokens, t.cost_usd
    FROM taken t
    JOIN booked b ON b.user_id = t.user_id AND b.origin_period = t.month
)
SELECT count(*) AS adjustments FROM booked

-- name: PublishPairs
-- Writes billing_usage for the pairs of user ($1) and month ($2) from billing_usage_by_model, where it differs. A pair
-- without usage any more becomes zero; a user that is gone has no row to write, nor has a closed month. A row that billsync did not write
-- (rolled_up_at is NULL: the platform's own history, whose runs may be purged) is left alone in months before $3.
-- Sums below zero can only come from a ledger that has drifted, which verification tells of; nobody else's usage waits
-- for that. Locks the usage rows it is given, in user order.
WITH totals AS (
    SELECT p.user_id, p.month, coalesce(sum(m.completed_runs), 0) AS completed,
           coalesce(sum(m.failed_runs), 0) AS failed, coalesce(sum(m.cancelled_runs), 0) AS cancelled,
           coalesce(sum(m.unpriced_runs), 0) AS unpriced, coalesce(sum(m.tokens), 0) AS tokens,
           billing_usage_amount(greatest(coalesce(sum(m.cost_usd), 0), 0)) AS cost,
           coalesce(jsonb_object_agg(m.model, billing_usage_amount(m.cost_usd))
                        FILTER (WHERE m.completed_runs + m.failed_runs + m.cancelled_runs > 0), '{}') AS breakdown
    FROM unnest($1::uuid[], $2::date[]) AS p (user_id, month)
    JOIN users u ON u.id = p.user_id
    LEFT JOIN billing_usage_by_model m ON m.month = p.month AND m.user_id = p.user_id
    WHERE NOT EXISTS (SELECT FROM billing_periods c WHERE c.period_start = p.month AND c.closed_at IS NOT NULL)
    GROUP BY p.user_id, p.month
)
INSERT INTO billing_usage AS b (
    user_id, period_start, period_end, total_runs, failed_runs, cancelled_runs, unpriced_runs, total_tokens,
    total_cost_usd, total_cost_exact_usd, cost_breakdown, rolled_up_at)
SELECT t.user_id, t.month, (t.month + interval '1 month')::date, greatest(t.completed, 0), greatest(t.failed, 0),
       greatest(t.cancelled, 0), greatest(t.unpriced, 0), least(greatest(t.tokens, 0), 9223372036854775807),
       round(t.cost, 2), t.cost, t.breakdown, now()
FROM totals t
ORDER BY t.user_id, t.month
ON CONFLICT (user_id, period_start) DO UPDATE SET
    period_end = EXCLUDED.period_end, total_runs = EXCLUDED.total_runs, failed_runs = EXCLUDED.failed_runs,
    cancelled_runs = EXCLUDED.cancelled_runs, unpriced_runs = EXCLUDED.unpriced_runs,
    total_tokens = EXCLUDED.total_tokens, total_cost_usd = EXCLUDED.total_cost_usd,
    total_cost_exact_usd = EXCLUDED.total_cost_exact_usd, cost_breakdown = EXCLUDED.cost_breakdown,
    rolled_up_at = EXCLUDED.rolled_up_at
WHERE (b.rolled_up_at IS NOT NULL OR b.period_start >= $3::date)
  AND (b.period_end, b.total_runs, b.failed_runs, b.cancelled_runs, b.unpriced_runs, b.total_tokens, b.total_cost_usd,
       b.total_cost_exact_usd, b.cost_breakdown)
   IS DISTINCT FROM
      (EXCLUDED.period_end, EXCLUDED.total_runs, EXCLUDED.failed_runs, EXCLUDED.cancelled_runs, EXCLUDED.unpriced_runs,
       EXCLUDED.total_tokens, EXCLUDED.total_cost_usd, EXCLUDED.total_cost_exact_usd, EXCLUDED.cost_breakdown)

-- name: PublishMonth
-- As PublishPairs, for every user with usage in the open month $1, recorded or published; $2 is the $3 of PublishPairs. Without the round
-- trip of the pairs, and only rows that differ are offered to ON CONFLICT, which locks each it is given: what somebody
-- else has changed in billing_usage and not committed is not seen. Index billing_usage_by_model_pkey.
WITH recorded AS (
    SELECT m.user_id, sum(m.completed_runs) AS completed, sum(m.failed_runs) AS failed, sum(m.cancelled_runs) AS cancelled,
           sum(m.unpriced_runs) AS unpriced, sum(m.tokens) AS tokens,
           billing_usage_amount(greatest(sum(m.cost_usd), 0)) AS cost,
           jsonb_object_agg(m.model, billing_usage_amount(m.cost_usd))
               FILTER (WHERE m.completed_runs + m.failed_runs + m.cancelled_runs > 0) AS breakdown
    FROM billing_usage_by_model m
    WHERE m.month = $1::date
    GROUP BY m.user_id
), totals AS (
    SELECT user_id, greatest(coalesce(r.completed, 0), 0) AS completed, greatest(coalesce(r.failed, 0), 0) AS failed,
           greatest(coalesce(r.cancelled, 0), 0) AS cancelled, greatest(coalesce(r.unpriced, 0), 0) AS unpriced,
           least(greatest(coalesce(r.tokens, 0), 0), 9223372036854775807) AS tokens,
           coalesce(r.cost, 0.0000) AS cost, coalesce(r.breakdown, '{}') AS breakdown
    FROM recorded r
    FULL JOIN (SELECT b.user_id, b.period_end, b.total_runs, b.failed_runs, b.cancelled_runs, b.unpriced_runs,
                      b.total_tokens, b.total_cost_usd, b.total_cost_exact_usd, b.cost_breakdown, b.rolled_up_at
               FROM billing_usage b
               WHERE b.period_start = $1::date) p USING (user_id)
    WHERE p.rolled_up_at IS NULL
       OR (p.period_end, p.total_runs, p.failed_runs, p.cancelled_runs, p.unpriced_runs, p.total_tokens, p.total_cost_usd,
           p.total_cost_exact_usd, p.cost_breakdown)
          IS DISTINCT FROM
          (($1::date + interval '1 month')::date, greatest(coalesce(r.completed, 0), 0), greatest(coalesce(r.failed, 0), 0),
           greatest(coalesce(r.cancelled, 0), 0), greatest(coalesce(r.unpriced, 0), 0),
           least(greatest(coalesce(r.tokens, 0), 0), 9223372036854775807), round(coalesce(r.cost, 0), 2),
           coalesce(r.cost, 0), coalesce(r.breakdown, '{}'))
)
INSERT INTO billing_usage AS b (
    user_id, period_start, period_end, total_runs, failed_runs, cancelled_runs, unpriced_runs, total_tokens,
    total_cost_usd, total_cost_exact_usd, cost_breakdown, rolled_up_at)
SELECT t.user_id, $1::date, ($1::date + interval '1 month')::date, t.completed, t.failed, t.cancelled, t.unpriced,
       t.tokens, round(t.cost, 2), t.cost, t.breakdown, now()
FROM totals t
JOIN users u ON u.id = t.user_id
WHERE NOT EXISTS (SELECT FROM billing_periods c WHERE c.period_start = $1::date AND c.closed_at IS NOT NULL)
ORDER BY t.user_id
ON CONFLICT (user_id, period_start) DO UPDATE SET
    period_end = EXCLUDED.period_end, total_runs = EXCLUDED.total_runs, failed_runs = EXCLUDED.failed_runs,
    cancelled_runs = EXCLUDED.cancelled_runs, unpriced_runs = EXCLUDED.unpriced_runs,
    total_tokens = EXCLUDED.total_tokens, total_cost_usd = EXCLUDED.total_cost_usd,
    total_cost_exact_usd = EXCLUDED.total_cost_exact_usd, cost_breakdown = EXCLUDED.cost_breakdown,
    rolled_up_at = EXCLUDED.rolled_up_at
WHERE (b.rolled_up_at IS NOT NULL OR b.period_start >= $2::date)
  AND (b.period_end, b.total_runs, b.failed_runs, b.cancelled_runs, b.unpriced_runs, b.total_tokens, b.total_cost_usd,
       b.total_cost_exact_usd, b.cost_breakdown)
   IS DISTINCT FROM
      (EXCLUDED.period_end, EXCLUDED.total_runs, EXCLUDED.failed_runs, EXCLUDED.cancelled_runs, EXCLUDED.unpriced_runs,
       EXCLUDED.total_tokens, EXCLUDED.total_cost_usd, EXCLUDED.total_cost_exact_usd, EXCLUDED.cost_breakdown)

-- name: TouchedPairs
-- Users whose usage row of the month $1 somebody else has written since billsync did, as the trigger billing_usage_updated_at
-- knows, or taken away. EXCEPT, because a join with a month that the planner does not know yet would be quadratic. Indexes
-- billing_usage_period, billing_usage_by_model_pkey.
SELECT b.user_id
FROM billing_usage b
WHERE b.period_start = $1::date AND b.updated_at IS DISTINCT FROM b.rolled_up_at
UNION
(SELECT m.user_id FROM billing_usage_by_model m WHERE m.month = $1::date
 EXCEPT
 SELECT b.user_id FROM billing_usage b WHERE b.period_start = $1::date)

-- name: AnythingRecorded
-- Whether anything is recorded of the month $1. By its first row: EXISTS would read the whole table for a month that is not
-- there, expecting to meet it soon. Index billing_usage_by_model_pkey.
SELECT (SELECT m.user_id FROM billing_usage_by_model m WHERE m.month = $1::date ORDER BY m.user_id LIMIT 1) IS NOT NULL
           AS recorded

-- name: AnyDrift
-- Whether more or less is recorded of the month $1 and the users from $2 to $3 than their runs say.
SELECT EXISTS (SELECT FROM billing_usage_drift($1::date, $2::uuid, $3::uuid)) AS drifted

-- name: RecordDrift
-- Puts the month $1 of the users from $2 to $3 right: what its runs say and is not recorded goes straight into
-- billing_usage_by_model. In one statement, so of one moment, and right whatever is committed meanwhile; two at once would
-- count it twice, hence LockRollup before. For users whom DrainDeltas would pass over, and for a closed month, it becomes
-- deltas like any other. Returns how many pairs of user and model had more recorded than the runs say.
WITH drift AS MATERIALIZED (
    SELECT d.user_id, d.model, d.completed_runs, d.failed_runs, d.cancelled_runs, d.unpriced_runs, d.tokens, d.cost_usd
    FROM billing_usage_drift($1::date, $2::uuid, $3::uuid) d
), closed AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM billing_periods p WHERE p.period_start = $1::date AND p.closed_at IS NOT NULL) AS yes
), fresh AS MATERIALIZED (
    SELECT d.user_id FROM drift d
    EXCEPT
    SELECT u.user_id FROM billing_usage u WHERE u.period_start = $1::date
), free AS MATERIALIZED (
    SELECT u.id FROM users u WHERE u.id IN (SELECT f.user_id FROM fresh f) FOR KEY SHARE OF u SKIP LOCKED
), held AS MATERIALIZED (
    SELECT u.id FROM users u WHERE u.id IN (SELECT f.user_id FROM fresh f)
    EXCEPT
    SELECT free.id FROM free
), waiting AS (
    INSERT INTO billing_usage_deltas (
        user_id, month, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
    SELECT d.user_id, $1::date, d.model, d.completed_runs, d.failed_runs, d.cancelled_runs, d.unpriced_runs, d.tokens,
           d.cost_usd
    FROM drift d
    WHERE (SELECT c.yes FROM closed c) OR d.user_id IN (SELECT h.id FROM held h)
), recorded AS (
    INSERT INTO billing_usage_by_model AS m (
        month, user_id, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
    SELECT $1::date, d.user_id, d.model, d.completed_runs, d.failed_runs, d.cancelled_runs, d.unpriced_runs, d.tokens,
           d.cost_usd
    FROM drift d
    WHERE NOT (SELECT c.yes FROM closed c) AND d.user_id NOT IN (SELECT h.id FROM held h)
    ORDER BY d.user_id, d.model
    ON CONFLICT (month, user_id, model) DO UPDATE SET
        completed_runs = m.completed_runs + EXCLUDED.completed_runs, failed_runs = m.failed_runs + EXCLUDED.failed_runs,
        cancelled_runs = m.cancelled_runs + EXCLUDED.cancelled_runs,
        unpriced_runs = m.unpriced_runs + EXCLUDED.unpriced_runs,
        tokens = m.tokens + EXCLUDED.tokens, cost_usd = m.cost_usd + EXCLUDED.cost_usd
)
SELECT count(*) FILTER (WHERE least(d.completed_runs, d.failed_runs, d.cancelled_runs, d.tokens, d.cost_usd) < 0)
           AS decreases
FROM drift d

-- name: DaysAreEven
-- Whether the days of the month $1 add up to its billing_usage_by_model. What a recomputation appended has no day, so
-- afterwards they may not. Reads no runs.
SELECT NOT EXISTS (
    SELECT 1
    FROM (SELECT m.model, sum(m.completed_runs) AS completed_runs, sum(m.failed_runs) AS failed_runs,
                 sum(m.cancelled_runs) AS cancelled_runs, sum(m.unpriced_runs) AS unpriced_runs,
                 sum(m.tokens) AS tokens, sum(m.cost_usd) AS cost_usd
          FROM billing_usage_by_model m
          WHERE m.month = $1::date
          GROUP BY m.model) m
    FULL JOIN (SELECT y.model, sum(y.completed_runs) AS completed_runs, sum(y.failed_runs) AS failed_runs,
                      sum(y.cancelled_runs) AS cancelled_runs, sum(y.unpriced_runs) AS unpriced_runs,
                      sum(y.tokens) AS tokens, sum(y.cost_usd) AS cost_usd
               FROM billing_usage_by_day y
               WHERE y.day >= $1::date AND y.day < $1::date + interval '1 month'
               GROUP BY y.model) y USING (model)
    WHERE (coalesce(m.completed_runs, 0), coalesce(m.failed_runs, 0), coalesce(m.cancelled_runs, 0),
           coalesce(m.unpriced_runs, 0), coalesce(m.tokens, 0), coalesce(m.cost_usd, 0))
          IS DISTINCT FROM
          (coalesce(y.completed_runs, 0), coalesce(y.failed_runs, 0), coalesce(y.cancelled_runs, 0),
           coalesce(y.unpriced_runs, 0), coalesce(y.tokens, 0), coalesce(y.cost_usd, 0))) AS even

-- name: RecomputeDays
-- Writes billing_usage_by_day for the month $1 from its runs, less what waits in the deltas, which the drain will add.
-- One statement, so of one moment.
WITH truth AS MATERIALIZED (
    SELECT t.day, t.model, sum(t.completed_runs) AS completed_runs, sum(t.failed_runs) AS failed_runs,
           sum(t.cancelled_runs) AS cancelled_runs, sum(t.unpriced_runs) AS unpriced_runs, sum(t.tokens) AS tokens,
           sum(t.cost_usd) AS cost_usd
    FROM (SELECT m.day, m.model, count(*) FILTER (WHERE m.status = 'completed') AS completed_runs,
                 count(*) FILTER (WHERE m.status = 'failed') AS failed_runs,
                 count(*) FILTER (WHERE m.status = 'cancelled') AS cancelled_runs,
                 count(*) - count(m.cost_usd) AS unpriced_runs, sum(m.tokens) AS tokens,
                 coalesce(sum(m.cost_usd), 0) AS cost_usd
          -- OFFSET 0 as in billing_usage_drift().
          FROM (SELECT r.day, billing_usage_model(r.model_used) AS model, r.status,
                       billing_usage_tokens(r.tokens_total, r.tokens_prompt, r.tokens_completion) AS tokens,
                       billing_usage_cost(r.cost_usd) AS cost_usd
                FROM billing_metered_runs($1::date) r
                OFFSET 0) m
          GROUP BY 1, 2
          UNION ALL
          SELECT d.day, d.model, -d.completed_runs, -d.failed_runs, -d.cancelled_runs, -d.unpriced_runs, -d.tokens,
                 -d.cost_usd
          FROM billing_usage_deltas d
          WHERE d.month = $1::date AND d.day IS NOT NULL) t
    GROUP BY t.day, t.model
), gone AS (
    DELETE FROM billing_usage_by_day y
    WHERE y.day >= $1::date AND y.day < $1::date + interval '1 month'
      AND NOT EXISTS (SELECT FROM truth t WHERE t.day = y.day AND t.model = y.model)
)
INSERT INTO billing_usage_by_day AS y (
    day, model, completed_runs, failed_runs, cancelled_runs, unpriced_runs, tokens, cost_usd)
SELECT t.day, t.model, t.completed_runs, t.failed_runs, t.cancelled_runs, t.unpriced_runs, t.tokens, t.cost_usd
FROM truth t
ORDER BY t.day, t.model
ON CONFLICT (day, model) DO UPDATE SET
    completed_runs = EXCLUDED.completed_runs, failed_runs = EXCLUDED.failed_runs,
    cancelled_runs = EXCLUDED.cancelled_runs, unpriced_runs = EXCLUDED.unpriced_runs, tokens = EXCLUDED.tokens,
    cost_usd = EXCLUDED.cost_usd

-- name: MonthsOfUsage
-- Every month with runs, deleted runs or recorded usage, and every closed one, oldest first. Steps from one to the next by the indexes
-- idx_agent_runs_created and billing_retired_runs_metered, so that a run stamped 1970 does not make 600 empty months.
WITH RECURSIVE run_months AS (
    SELECT billing_usage_month(min(a.created_at)) AS month
    FROM agent_runs a
    WHERE a.created_at >= '1970-01-01 00:00:00+00' AND a.created_at < '9999-01-01 00:00:00+00'
    UNION ALL
    SELECT (SELECT billing_usage_month(min(a.created_at))
            FROM agent_runs a
            WHERE a.created_at >= (r.month + interval '1 month') AT TIME ZONE 'UTC'
              AND a.created_at < '9999-01-01 00:00:00+00')
    FROM run_months r
    WHERE r.month IS NOT NULL
), retired_months AS (
    SELECT billing_usage_month(min(coalesce(b.created_at, b.completed_at))) AS month
    FROM billing_retired_runs b
    WHERE coalesce(b.created_at, b.completed_at) >= '1970-01-01 00:00:00+00'
      AND coalesce(b.created_at, b.completed_at) < '9999-01-01 00:00:00+00'
    UNION ALL
    SELECT (SELECT billing_usage_month(min(coalesce(b.created_at, b.completed_at)))
            FROM billing_retired_runs b
            WHERE coalesce(b.created_at, b.completed_at) >= (r.month + interval '1 month') AT TIME ZONE 'UTC'
              AND coalesce(b.created_at, b.completed_at) < '9999-01-01 00:00:00+00')
    FROM retired_months r
    WHERE r.month IS NOT NULL
), recorded_months AS (
    SELECT min(m.month) AS month FROM billing_usage_by_model m
    UNION ALL
    SELECT (SELECT min(m.month) FROM billing_usage_by_model m WHERE m.month > r.month)
    FROM recorded_months r
    WHERE r.month IS NOT NULL
)
SELECT to_char(all_of_them.month, 'YYYY-MM') AS month
FROM (SELECT month FROM run_months
      UNION SELECT month FROM retired_months
      UNION SELECT month FROM recorded_months
      UNION SELECT d.month FROM billing_usage_deltas d
      UNION SELECT p.period_start FROM billing_periods p WHERE p.closed_at IS NOT NULL
      UNION SELECT billing_usage_month(coalesce(a.completed_at, a.started_at)) FROM agent_runs a
            WHERE a.created_at IS NULL AND a.status IN ('completed', 'failed', 'cancelled')
      UNION SELECT u.month FROM billing_undated_runs u) all_of_them
WHERE all_of_them.month IS NOT NULL
ORDER BY all_of_them.month

-- name: RollupLag
-- Asked every few seconds, so it does not read a backlog whole: its first rows are about the oldest, since the table is
-- filled from its beginning.
SELECT coalesce(floor(extract(epoch FROM now() - min(d.noted_at)) * 1000), 0)::bigint AS lag_ms
FROM (SELECT noted_at FROM billing_usage_deltas LIMIT 100000) d

-- name: FillState
-- How far the first fill is: the first month that is complete, or none when all are.
SELECT CASE WHEN isfinite(filled_from) THEN to_char(filled_from, 'YYYY-MM') END AS filled_from,
       filled_at IS NOT NULL AS done
FROM billing_usage_fill

-- name: StampUndatedRuns
-- Terminal runs of the history that have no date at all belong to the month in which they are first seen.
INSERT INTO billing_undated_runs (run_id, month)
SELECT a.id, billing_usage_month(now())
FROM agent_runs a
WHERE a.created_at IS NULL AND a.completed_at IS NULL AND a.started_at IS NULL
  AND a.status IN ('completed', 'failed', 'cancelled')
ON CONFLICT (run_id) DO NOTHING

-- name: ForgetRestoredRuns
-- Runs that were deleted and had come back before that was watched would count twice, should they stop being terminal.
-- What was deleted since is left alone, also if that happens while this waits for it.
DELETE FROM billing_retired_runs r
USING agent_runs a
WHERE a.id = r.run_id AND a.status IN ('completed', 'failed', 'cancelled')
  AND r.retired_at < (SELECT f.installed_at FROM billing_usage_fill f)

-- name: RecordFill
-- Months from $1 on are complete; $1 NULL: all are.
UPDATE billing_usage_fill
SET filled_from = coalesce($1::date, '-infinity'), filled_at = CASE WHEN $1::date IS NULL THEN now() END
WHERE filled_at IS NULL

-- name: CountDeltas
-- What waits to be drained (of the month $1, if given). Reads the whole queue.
SELECT count(*) AS deltas FROM billing_usage_deltas d WHERE $1::date IS NULL OR d.month = $1::date
