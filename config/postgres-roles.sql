-- The roles billsync works as, with no more rights than it needs. Run it as the owner of the platform's tables, who
-- must be allowed to create roles, after every `billsync migrate`; it may be run any number of times:
--
--     psql "$DATABASE_URL" -1 -v ON_ERROR_STOP=1 -f config/postgres-roles.sql
--
-- Both are groups that cannot log in and own nothing. Give each person or service a login of its own:
--
--     CREATE ROLE billsync_app LOGIN PASSWORD '...' IN ROLE billsync_service;
--     CREATE ROLE alice LOGIN PASSWORD '...' IN ROLE billsync_finance;
--
-- Row-level security: the policies below show billsync_service every run. PostgreSQL's row_security = off refuses even
-- so, because it asks whether policies apply and not what they say; SELECT billing_filtered_tables() tells the truth.

DO $$
DECLARE
    wanted name;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['billsync_service', 'billsync_finance'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = wanted);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles belong to the whole server: somebody in another database was faster
        END;
    END LOOP;
END;
$$;

COMMENT ON ROLE billsync_service IS 'billsync: reads runs, keeps the billing tables, sets the plan and quota of users';
COMMENT ON ROLE billsync_finance IS 'Reads the billing tables and reports, changes nothing; its exports are recorded';

GRANT USAGE ON SCHEMA public TO billsync_service, billsync_finance;

-- -------------------------------------------------------------------------------------------------------------------
-- The platform's tables, column by column: what a run said and what it answered is nobody's business here
-- -------------------------------------------------------------------------------------------------------------------
GRANT SELECT (id, email, email_verified, full_name, stripe_customer_id, stripe_subscription_id, plan_tier, monthly_runs_quota,
              monthly_runs_used, quota_reset_date, created_at, deleted_at),
      UPDATE (stripe_customer_id, stripe_subscription_id, plan_tier, monthly_runs_quota, monthly_runs_used,
              quota_reset_date)
    ON users TO billsync_service;

GRANT SELECT (id, agent_id, user_id, team_id, status, created_at, started_at, completed_at, model_used, tokens_prompt,
              tokens_completion, tokens_total, cost_usd)
    ON agent_runs TO billsync_service;

GRANT SELECT (id, agent_run_id, user_id, provider, model, tokens_prompt, tokens_completion, tokens_total, cost_usd,
              created_at)
    ON llm_calls TO billsync_service;

-- A report names its users, and may be asked for those of one team.
GRANT SELECT (id, email, full_name, plan_tier) ON users TO billsync_finance;
GRANT SELECT (team_id, user_id) ON team_members TO billsync_service, billsync_finance;

-- Without a policy of its own a role that may read a table with row-level security reads zero rows and no error.
DO $$
DECLARE
    secured record;
BEGIN
    FOR secured IN
        SELECT t.table_name, t.role_name, t.command, t.role_name || '_' || lower(t.command) AS policy_name
        FROM (VALUES
            ('users', 'billsync_service', 'SELECT'),
            ('users', 'billsync_service', 'UPDATE'),
            ('users', 'billsync_finance', 'SELECT'),
            ('agent_runs', 'billsync_service', 'SELECT'),
            ('llm_calls', 'billsync_service', 'SELECT'),
            ('team_members', 'billsync_service', 'SELECT'),
            ('team_members', 'billsync_finance', 'SELECT')
        ) AS t (table_name, role_name, command)
        JOIN pg_class c ON c.oid = ('public.' || t.table_name)::regclass
        WHERE c.relrowsecurity OR t.table_name = 'agent_runs'
    LOOP
        IF NOT EXISTS (SELECT FROM pg_policy
                       WHERE polrelid = ('public.' || secured.table_name)::regclass
                         AND polname = secured.policy_name) THEN
            EXECUTE format('CREATE POLICY %I ON public.%I FOR %s TO %I USING (true)',
                           secured.policy_name, secured.table_name, secured.command, secured.role_name);
        END IF;
    END LOOP;
END;
$$;

-- Nobody else's, whatever the host grants by default.
DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;

-- -------------------------------------------------------------------------------------------------------------------
-- billsync's tables, and the platform's three billing tables: everything whose name begins with stripe_ or billing_
-- -------------------------------------------------------------------------------------------------------------------
DO $$
DECLARE
    -- Written once and never again.
    ledgers constant text[] := ARRAY['billing_quota_resets', 'billing_plan_changes', 'billing_audit'];
    relation record;
BEGIN
    FOR relation IN
        SELECT c.relname, c.relkind, c.relrowsecurity
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
          AND c.relname ~ '^(stripe|billing)_'
        ORDER BY c.relname
    LOOP
        IF relation.relkind = 'S' THEN
            EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE public.%I TO billsync_service', relation.relname);
            CONTINUE;
        END IF;
        EXECUTE format('GRANT SELECT ON TABLE public.%I TO billsync_service', relation.relname);
        -- Stripe's payloads hold names and addresses; finance reads what was made of them.
        IF relation.relname LIKE 'billing\_%' THEN
            EXECUTE format('GRANT SELECT ON TABLE public.%I TO billsync_finance', relation.relname);
        END IF;
        CONTINUE WHEN relation.relkind NOT IN ('r', 'p');

        EXECUTE format('GRANT INSERT ON TABLE public.%I TO billsync_service', relation.relname);
        IF relation.relname = ANY (ledgers) THEN
            EXECUTE format('REVOKE UPDATE, DELETE ON TABLE public.%I FROM billsync_service', relation.relname);
        ELSE
            EXECUTE format('GRANT UPDATE, DELETE ON TABLE public.%I TO billsync_service', relation.relname);
        END IF;
        IF relation.relrowsecurity AND NOT EXISTS (
            SELECT FROM pg_policy
            WHERE polrelid = ('public.' || relation.relname)::regclass AND polname = 'billsync_service_all'
        ) THEN
            EXECUTE format('CREATE POLICY billsync_service_all ON public.%I TO billsync_service'
                           ' USING (true) WITH CHECK (true)', relation.relname);
            EXECUTE format('CREATE POLICY billsync_finance_select ON public.%I FOR SELECT TO billsync_finance'
                           ' USING (true)', relation.relname);
        END IF;
    END LOOP;
END;
$$;

-- An export leaves its row in the record, whoever makes it.
GRANT INSERT ON billing_audit TO billsync_finance;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_policy
                   WHERE polrelid = 'public.billing_audit'::regclass AND polname = 'billsync_finance_insert') THEN
        CREATE POLICY billsync_finance_insert ON public.billing_audit FOR INSERT TO billsync_finance WITH CHECK (true);
    END IF;
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- Functions
-- -------------------------------------------------------------------------------------------------------------------
DO $$
DECLARE
    callable regprocedure;
BEGIN
    FOR callable IN
        SELECT p.oid
        FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.prorettype <> 'trigger'::regtype
          AND (p.proname ~ '^(stripe|billing)_' OR p.proname IN ('reset_monthly_quotas', 'try_consume_run'))
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO billsync_service', callable);
    END LOOP;
    -- What reports of open months are made of.
    FOR callable IN
        SELECT p.oid
        FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace
          AND p.proname IN ('billing_filtered_tables', 'billing_open_months', 'billing_late_months',
                            'billing_user_teams', 'billing_exact_cost', 'billing_live_usage_by_model', 'billing_live_invoices',
                            'billing_live_subscriptions', 'billing_live_revenue')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO billsync_finance', callable);
    END LOOP;
END;
$$;
