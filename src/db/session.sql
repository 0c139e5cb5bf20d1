-- name: FilterCheckExists
SELECT to_regprocedure('public.billing_filtered_tables()') IS NOT NULL AS present

-- name: FilteredTables
-- Tables whose rows policies may hide from the current role; must be none.
SELECT t AS table_name FROM billing_filtered_tables() AS t
