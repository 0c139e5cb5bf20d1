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
