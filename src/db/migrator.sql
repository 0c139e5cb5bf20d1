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
