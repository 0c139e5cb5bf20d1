-- Every billing table is row-level secured. Until now missing grants were all that kept platform users out of the tables
-- that billsync added; a GRANT ... ON ALL TABLES IN SCHEMA public of the platform gave them everybody's rows.
--
-- Safe on a live database: ACCESS EXCLUSIVE on each table for a moment. Who holds grants on a table now keeps what they
-- give, by a policy of its own; the owner is not bound by row-level security.

-- Secures the tables of billing that are not: a platform user sees its own rows at most, where rows have a user.
CREATE FUNCTION billing_secure_tables()
RETURNS void
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
DECLARE
    secured record;
    grantee name;
BEGIN
    FOR secured IN
        SELECT c.oid, c.relname, c.relacl, c.relowner,
               EXISTS (SELECT FROM pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attname = 'user_id' AND a.atttypid = 'uuid'::regtype
                         AND NOT a.attisdropped) AS has_user
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
          AND c.relname ~ '^(stripe|billing)_'
        ORDER BY c.relname
    LOOP
        FOR grantee IN
            SELECT DISTINCT r.rolname
            FROM aclexplode(secured.relacl) a
            JOIN pg_roles r ON r.oid = a.grantee
            WHERE r.oid <> secured.relowner AND r.rolname <> ALL (ARRAY['authenticated', 'anon', 'analytics_readonly'])
        LOOP
            -- Named as in config/postgres-roles.sql. What may be done is for the grants to say.
            EXECUTE format('CREATE POLICY %I ON public.%I TO %I USING (true) WITH CHECK (true)', grantee || '_all',
                           secured.relname, grantee);
        END LOOP;
        IF secured.has_user THEN
            EXECUTE format(
                'CREATE POLICY %I ON public.%I FOR SELECT'
                ' USING (user_id = (SELECT nullif(current_setting(''app.current_user_id'', true), '''')::uuid))',
                secured.relname || '_own_rows', secured.relname);
        END IF;
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', secured.relname);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION billing_secure_tables() IS
    'Turns row-level security on for billing tables without it; migrations that add tables call it';

DO $$ BEGIN PERFORM billing_secure_tables(); END; $$;
DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
