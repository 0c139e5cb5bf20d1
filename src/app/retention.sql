-- name: EnsureLlmCallsPartitions
-- Monthly partitions of llm_calls from this month on, where the table is partitioned; nothing elsewhere.
SELECT billing_ensure_llm_calls_partitions(date_trunc('month', $1::timestamptz AT TIME ZONE 'UTC')::date, 3)

-- name: DeleteOldJobRuns
-- The ledger of job runs is kept for 90 days.
DELETE FROM billing_job_runs WHERE started_at < $1::timestamptz - interval '90 days'

-- name: DeleteOverSessions
-- Logged-out sessions that would be over by now. A row a logout of the last hours: the table is read whole.
DELETE FROM billing_ended_sessions WHERE ends_at < $1::timestamptz

-- name: CondenseRevenue
-- One row for each day that has several. Whoever does the same at this moment is waited for, and finds its rows gone.
WITH crowded AS (
    SELECT d.day FROM billing_revenue_by_day d GROUP BY d.day HAVING count(*) > 1
), taken AS (
    DELETE FROM billing_revenue_by_day d USING crowded c WHERE d.day = c.day RETURNING d.day, d.revenue_usd
)
INSERT INTO billing_revenue_by_day (day, revenue_usd)
SELECT t.day, sum(t.revenue_usd) FROM taken t GROUP BY t.day
