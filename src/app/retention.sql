-- name: EnsureLlmCallsPartitions
-- Monthly partitions of llm_calls from this month on, where the table is partitioned; nothing elsewhere.
SELECT billing_ensure_llm_calls_partitions(date_trunc('month', $1::timestamptz AT TIME ZONE 'UTC')::date, 3)
