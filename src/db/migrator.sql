-- name: MigrationTableExists
-- Whether any migration ever ran here.
SELECT to_regclass('public.billing_schema_migrations') IS NOT NULL AS present

-- name: CreateMigrationTable
CREATE TABLE IF NOT EXISTS billing_schema_migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- name: ListAppliedMigrations
SELECT name, checksum FROM billing_schema_migrations ORDER BY name

-- name: LockMigrations
-- One migrator at a time; released by COMMIT, so it works through PgBouncer. The number is arbitrary but fixed.
SELECT pg_advisory_xact_lock(7243392015)

-- name: RecordMigration
INSERT INTO billing_schema_migrations (name, checksum) VALUES ($1, $2)

-- name: MissingRights
-- What the role $1 may not do with billsync's tables, of what config/postgres-roles.sql lets billsync_service do with each
-- of them. NULL: the present role. A role that was given nothing in this database before is not asked for. Catalogue only.
SELECT wanted.privilege || ' on ' || c.relname AS lacks
FROM pg_roles r
JOIN pg_class c ON c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname ~ '^(stripe|billing)_'
CROSS JOIN (VALUES ('SELECT'), ('INSERT')) AS wanted (privilege)
WHERE r.rolname = coalesce($1, current_user) AND NOT has_table_privilege(r.oid, c.oid, wanted.privilege)
  AND ($1 IS NULL OR has_table_privilege(r.oid, 'public.stripe_events', 'SELECT'))
ORDER BY 1
