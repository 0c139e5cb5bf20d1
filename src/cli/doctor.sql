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
FROM (VALUES ('agent_runs', 'agent_runs_increment_usage', false),
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

-- name: OvernightRunsIndexed
-- Migration 0026: whether its index is there, and how to drop the one that it takes the place of, if that is left.
SELECT EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = to_regclass('public.idx_agent_runs_overnight') AND i.indisvalid)
           AS indexed,
       (SELECT CASE c.relkind WHEN 'I' THEN 'DROP INDEX ' ELSE 'DROP INDEX CONCURRENTLY ' END || c.relname
        FROM pg_class c WHERE c.oid = to_regclass('public.idx_agent_runs_completed')) AS drop_former

-- name: MissingLargeIndexes
-- Indexes of migrations 0011, 0019 and 0023 that were not made because the table was large, and what goes by them.
SELECT w.index_name, w.table_name, w.definition,
       CASE w.table_name WHEN 'stripe_events' THEN 'events that the database refused'
                         ELSE 'the console''s lists and searches of ' || w.table_name END AS served
FROM (VALUES ('billing_users_by_email', 'users', '(lower(email) COLLATE "C", id)'),
             ('billing_invoices_listed', 'billing_invoices',
              '(coalesce(issued_at, created_at, ''-infinity'') DESC, stripe_invoice_id DESC)'),
             ('billing_invoices_listed_by_status', 'billing_invoices',
              '(status, coalesce(issued_at, created_at, ''-infinity'') DESC, stripe_invoice_id DESC)'),
             ('billing_invoices_by_number', 'billing_invoices', '(number) WHERE number IS NOT NULL'),
             ('billing_invoices_by_customer', 'billing_invoices', '(stripe_customer_id)'),
             ('billing_subscriptions_listed', 'billing_subscriptions',
              '(coalesce(started_at, created_at, ''-infinity'') DESC, stripe_subscription_id DESC)'),
             ('billing_subscriptions_listed_by_status', 'billing_subscriptions',
              '(status, coalesce(started_at, created_at, ''-infinity'') DESC, stripe_subscription_id DESC)'),
             ('billing_subscriptions_by_customer', 'billing_subscriptions', '(stripe_customer_id)'),
             ('billing_usage_dearest', 'billing_usage',
              '(date_trunc(''month'', period_start::timestamp), total_cost_exact_usd DESC, id)'),
             ('stripe_events_due_failed', 'stripe_events',
              '(next_attempt_at) WHERE status = ''parked'' AND reason = ''apply_failed''')
     ) AS w (index_name, table_name, definition)
WHERE to_regclass('public.' || w.index_name) IS NULL
ORDER BY 1

-- name: InvalidIndexes
-- What an interrupted CREATE INDEX CONCURRENTLY leaves.
SELECT i.indexrelid::regclass::text AS index_name
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace
WHERE NOT i.indisvalid AND (c.relname ~ '^(stripe|billing)_' OR c.relname IN ('users', 'agent_runs', 'llm_calls', 'error_logs'))
  AND c.relkind = 'r'
ORDER BY 1

-- name: RightsOfOthers
-- Who beside the owner and the roles of config/postgres-roles.sql may write a billing table, or read payloads.
SELECT c.relname::text AS table_name, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END AS grantee,
       string_agg(DISTINCT a.privilege_type, ', ' ORDER BY a.privilege_type) AS privileges
FROM pg_class c
CROSS JOIN LATERAL aclexplode(c.relacl) a
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname ~ '^(stripe|billing)_'
  AND a.grantee <> c.relowner AND r.rolname IS DISTINCT FROM 'billsync_service'
  AND r.rolname IS DISTINCT FROM 'billsync_finance'
  AND (a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
       OR (a.privilege_type = 'SELECT' AND c.relname = 'stripe_events'))
GROUP BY 1, 2 ORDER BY 1, 2

-- name: RowSecurityOff
-- Tables that have policies which nobody asks.
SELECT c.relname::text AS table_name
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname ~ '^(stripe|billing)_'
  AND NOT c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
ORDER BY 1

-- name: TablesToClean
-- Tables with 40 dead rows for a hundred alive, twice of what autovacuum waits for. The statistics are estimates.
SELECT s.relname::text AS table_name, s.n_dead_tup::text AS dead, s.n_live_tup::text AS live,
       greatest(s.last_vacuum, s.last_autovacuum) AS last_vacuum
FROM pg_stat_user_tables s
WHERE s.schemaname = 'public' AND s.n_dead_tup > 10000 AND s.n_dead_tup * 100 > s.n_live_tup * 40
  AND (s.relname ~ '^(stripe|billing)_' OR s.relname IN ('users', 'agent_runs', 'llm_calls'))
ORDER BY s.n_dead_tup DESC

-- name: TablesWithoutAutovacuum
-- '' when it is off for the whole server.
SELECT '' AS table_name WHERE current_setting('autovacuum') = 'off'
UNION ALL
SELECT c.relname::text FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'm')
  AND (c.relname ~ '^(stripe|billing)_' OR c.relname IN ('users', 'agent_runs', 'llm_calls'))
  AND EXISTS (SELECT FROM unnest(c.reloptions) o WHERE o IN ('autovacuum_enabled=false', 'autovacuum_enabled=off'))

-- name: Sizes
-- Bytes on disk, indexes included; what a day of events takes, by the mean size of an event. Index stripe_events_received.
SELECT pg_database_size(current_database()) AS database, t.tables, t.events, d.events_of_a_day,
       coalesce((t.events::numeric / nullif(greatest(t.event_rows, d.events_of_a_day), 0) * d.events_of_a_day), 0)::bigint
           AS bytes_of_a_day
FROM (SELECT sum(pg_total_relation_size(c.oid))::bigint AS tables,
             coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE c.relname = 'stripe_events'), 0)::bigint AS events,
             coalesce(max(c.reltuples) FILTER (WHERE c.relname = 'stripe_events'), 0)::bigint AS event_rows
      FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^(stripe|billing)_') t
CROSS JOIN (SELECT count(*) AS events_of_a_day FROM stripe_events e WHERE e.received_at > now() - interval '1 day') d

-- name: DataDirectory
-- Where the server keeps its data, NULL for a role that must not know; and whether it is reached on this machine.
SELECT CASE WHEN pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END
           AS data_directory,
       inet_server_addr() IS NULL OR host(inet_server_addr()) IN ('127.0.0.1', '::1') AS here

-- name: NewestEvent
-- Index stripe_events_received.
SELECT max(e.received_at) AS received_at FROM stripe_events e

-- name: RecentVersions
-- API versions and modes among the newest 1000 events. Index stripe_events_received.
SELECT coalesce(e.api_version, 'none') AS api_version, count(*)::text AS events, bool_or(e.livemode) AS live,
       bool_or(NOT e.livemode) AS test
FROM (SELECT api_version, livemode FROM stripe_events ORDER BY received_at DESC, id LIMIT 1000) e
GROUP BY 1 ORDER BY count(*) DESC, 1

-- name: PlanMapInForce
-- One row or none.
SELECT fingerprint, adopted_at FROM billing_plan_map

-- name: UnknownItems
-- Prices without a meaning that running subscriptions have, the most sold first.
SELECT i.price_id, count(DISTINCT i.stripe_subscription_id)::text AS subscriptions
FROM billing_subscription_items i
JOIN billing_subscriptions s ON s.stripe_subscription_id = i.stripe_subscription_id
WHERE i.meaning = 'unknown' AND s.status IN ('active', 'trialing', 'past_due')
GROUP BY i.price_id ORDER BY count(DISTINCT i.stripe_subscription_id) DESC, i.price_id

-- name: CatalogPrices
-- Active prices with what gives them a meaning, and whether a subscription has one without. Index
-- billing_subscription_items_price.
SELECT p.price_id, p.product_id, p.lookup_key, p.plan_tier, t.plan_tier AS product_tier, p.nickname,
       EXISTS (SELECT FROM billing_subscription_items i WHERE i.price_id = p.price_id AND i.meaning = 'unknown') AS sold
FROM billing_prices p
LEFT JOIN billing_products t ON t.product_id = p.product_id
WHERE p.active AND NOT p.deleted
ORDER BY p.price_id
