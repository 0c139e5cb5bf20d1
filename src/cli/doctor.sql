-- name: ServerFacts
SELECT current_setting('server_version_num')::bigint AS version, current_setting('server_encoding') AS encoding,
       current_setting('synchronous_commit') AS synchronous_commit, current_setting('fsync') AS fsync, now() AS at,
       current_user::text AS role

-- name: RowSecurityFacts
SELECT has_any_column_privilege('agent_runs', 'SELECT') AS may_read

-- name: HiddenTables
SELECT t AS table_name FROM billing_filtered_tables() AS t

-- name: RunsOutOfRange
SELECT EXISTS (SELECT 1 FROM agent_runs WHERE created_at < '2000-01-01')
    OR EXISTS (SELECT 1 FROM agent_runs WHERE created_at > now() + interval '2 months') AS any

-- name: MissingIndexes
-- The foreign keys whose lack of an index makes deleting a run or verifying its cost slow.
SELECT t.name AS table_name
FROM (VALUES ('llm_calls'), ('error_logs')) AS t (name)
WHERE to_regclass('public.' || t.name) IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = to_regclass('public.' || t.name) AND a.attname = 'agent_run_id' AND i.indisvalid)

-- name: MissingTriggers
-- Triggers that metering and closed months rest on, and that are missing or switched off: also those that fire for
-- everybody and now only for some.
SELECT e.table_name, e.trigger_name, e.always, t.oid IS NULL AS missing
FROM (VALUES ('agent_runs', 'agent_runs_increment_usage', false), ('agent_runs', 'agent_runs_meter_end', false),
             ('agent_runs', 'agent_runs_recount_usage', false), ('agent_runs', 'agent_runs_retire', false),
             ('agent_runs', 'agent_runs_retire_all', false),
             ('billing_usage', 'billing_usage_closed_insert', true),
             ('billing_usage', 'billing_usage_closed_update', true),
             ('billing_usage', 'billing_usage_closed_delete', true),
             ('billing_usage', 'billing_usage_closed_truncate', true),
             ('billing_periods', 'billing_periods_once', true), ('billing_periods', 'billing_periods_kept', true),
             ('billing_adjustments', 'billing_adjustments_once', true),
             ('billing_closed_users', 'billing_closed_users_once', true)) AS e (table_name, trigger_name, always)
LEFT JOIN pg_trigger t ON t.tgrelid = to_regclass('public.' || e.table_name) AND t.tgname = e.trigger_name
WHERE t.oid IS NULL OR t.tgenabled <> 'A' AND (e.always OR t.tgenabled <> 'O')
ORDER BY 1, 2

-- name: UnguardedPartitions
-- Partitions of agent_runs whose runs would not be kept when they are truncated.
SELECT p.relid::text AS partition
FROM pg_partition_tree('public.agent_runs') p
WHERE p.isleaf AND p.level > 0
  AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = p.relid AND t.tgname = 'agent_runs_retire_all')
ORDER BY 1

-- name: CompletedRunsIndexed
SELECT EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = to_regclass('public.idx_agent_runs_completed') AND i.indisvalid)
    AS indexed
