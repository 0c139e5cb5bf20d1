-- name: EnsureLlmCallsPartitions
-- Monthly partitions of llm_calls from this month on, where the table is partitioned; nothing elsewhere.
SELECT billing_ensure_llm_calls_partitions(date_trunc('month', $1::timestamptz AT TIME ZONE 'UTC')::date, 3)

-- name: DeleteOldJobRuns
-- The ledger of job runs is kept for 90 days.
DELETE FROM billing_job_runs WHERE started_at < $1::timestamptz - interval '90 days'
