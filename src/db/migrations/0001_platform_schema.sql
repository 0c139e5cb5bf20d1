-- The platform's schema, as its owner wrote it, in a form that may be run on any database: on an empty one it creates
-- everything, on one where the platform lives already (wholly or in part) it adds only what is missing and touches
-- nothing else: no row, no definition, no privilege that somebody set. Mending the schema's defects is the next
-- migration's work. Run in one transaction, with search_path "public, pg_temp" and TimeZone UTC.

-- "already exists, skipping" would be all that an existing platform's operator reads.
SET LOCAL client_min_messages = warning;

-- -------------------------------------------------------------------------------------------------------------------
-- Extensions
-- -------------------------------------------------------------------------------------------------------------------
CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
CREATE EXTENSION IF NOT EXISTS "pgcrypto";

-- Only a superuser may create this one, and billsync does not need it.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS "pg_stat_statements";
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'extension pg_stat_statements was not created (%)', SQLERRM
        USING HINT = 'Let a superuser run: CREATE EXTENSION pg_stat_statements';
END;
$$;

-- Some hosts keep extensions in a schema of their own; the column defaults below must find uuid_generate_v4() there.
DO $$
DECLARE
    home name := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                  WHERE e.extname = 'uuid-ossp');
BEGIN
    IF home <> 'public' THEN
        PERFORM set_config('search_path', format('public, %I, pg_temp', home), true);
    END IF;
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- Types
-- -------------------------------------------------------------------------------------------------------------------
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('plan_tier',          $labels$('free', 'pro', 'enterprise')$labels$),
            ('user_role',          $labels$('owner', 'admin', 'member', 'viewer')$labels$),
            ('agent_status',       $labels$('draft', 'active', 'archived')$labels$),
            ('run_status',         $labels$('queued', 'running', 'completed', 'failed', 'cancelled')$labels$),
            ('marketplace_status', $labels$('pending', 'approved', 'rejected', 'archived')$labels$),
            ('webhook_status',     $labels$('pending', 'delivered', 'failed')$labels$)
        ) AS t (type_name, labels)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_type
                       WHERE typname = wanted.type_name AND typnamespace = 'public'::regnamespace) THEN
            EXECUTE format('CREATE TYPE public.%I AS ENUM %s', wanted.type_name, wanted.labels);
        END IF;
    END LOOP;
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- Users and authentication
-- -------------------------------------------------------------------------------------------------------------------
CREATE TABLE IF NOT EXISTS users (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),

    -- Identity
    email TEXT UNIQUE NOT NULL,
    email_verified BOOLEAN DEFAULT FALSE,
    full_name TEXT,
    avatar_url TEXT,

    -- Subscription
    plan_tier plan_tier DEFAULT 'free',
    stripe_customer_id TEXT UNIQUE,
    stripe_subscription_id TEXT,

    -- Quotas (enforced at application level)
    monthly_runs_quota INTEGER DEFAULT 100, -- Free: 100, Pro: 1000, Enterprise: 10000
    monthly_runs_used INTEGER DEFAULT 0,
    quota_reset_date DATE DEFAULT (CURRENT_DATE + INTERVAL '1 month'),

    -- Settings
    default_llm_provider TEXT DEFAULT 'openai',
    daily_budget_usd DECIMAL(10,2) DEFAULT 10.00,

    -- Metadata
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW(),
    last_login_at TIMESTAMPTZ,
    onboarding_completed BOOLEAN DEFAULT FALSE,

    -- Soft delete
    deleted_at TIMESTAMPTZ,

    -- Constraints
    CONSTRAINT email_format CHECK (email ~* '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Z|a-z]{2,}$'),
    CONSTRAINT valid_quota CHECK (monthly_runs_quota >= 0),
    CONSTRAINT valid_budget CHECK (daily_budget_usd >= 0)
);

CREATE TABLE IF NOT EXISTS api_keys (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    team_id UUID,  -- Set after teams table is created

    -- Key details
    name TEXT NOT NULL,  -- User-friendly name: "Production API Key"
    key_hash TEXT UNIQUE NOT NULL,  -- Bcrypt hash of actual key
    key_prefix TEXT NOT NULL,  -- First 8 chars: "sk_live_abc12345"

    -- Permissions
    scopes TEXT[] DEFAULT ARRAY['agents:read', 'agents:write', 'runs:read', 'runs:write'],

    -- Rate limiting (per minute)
    rate_limit_per_minute INTEGER DEFAULT 60,
    last_used_at TIMESTAMPTZ,

    -- Status
    is_active BOOLEAN DEFAULT TRUE,
    expires_at TIMESTAMPTZ,

    created_at TIMESTAMPTZ DEFAULT NOW(),

    -- Constraints
    CONSTRAINT valid_rate_limit CHECK (rate_limit_per_minute > 0)
);

-- -------------------------------------------------------------------------------------------------------------------
-- Multi-tenancy
-- -------------------------------------------------------------------------------------------------------------------
CREATE TABLE IF NOT EXISTS teams (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),

    -- Identity
    name TEXT NOT NULL,
    slug TEXT UNIQUE NOT NULL,  -- URL-friendly: "acme-corp"
    description TEXT,
    logo_url TEXT,

    -- Owner
    owner_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,

    -- Settings
    default_llm_provider TEXT DEFAULT 'openai',
    daily_budget_usd DECIMAL(10,2) DEFAULT 10.00,

    -- Limits (enterprise-specific)
    max_agents INTEGER,
    max_members INTEGER,

    -- Metadata
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW(),
    deleted_at TIMESTAMPTZ,

    -- Constraints
    CONSTRAINT slug_format CHECK (slug ~* '^[a-z0-9-]+$'),
    CONSTRAINT valid_budget CHECK (daily_budget_usd >= 0)
);

CREATE TABLE IF NOT EXISTS team_members (
    team_id UUID NOT NULL REFERENCES teams(id) ON DELETE CASCADE,
    user_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,

    -- Role & permissions
    role user_role DEFAULT 'member',

    -- Metadata
    joined_at TIMESTAMPTZ DEFAULT NOW(),
    invited_by UUID REFERENCES users(id),

    PRIMARY KEY (team_id, user_id)
);

-- api_keys comes before teams, so its foreign key follows here.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint
                   WHERE conrelid = 'public.api_keys'::regclass AND conname = 'fk_api_keys_team') THEN
        ALTER TABLE api_keys ADD CONSTRAINT fk_api_keys_team
            FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE;
    END IF;
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- Agents
-- -------------------------------------------------------------------------------------------------------------------
CREATE TABLE IF NOT EXISTS agents (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    team_id UUID NOT NULL REFERENCES teams(id) ON DELETE CASCADE,

    -- Identity
    name TEXT NOT NULL,
    slug TEXT NOT NULL,  -- URL-friendly, unique within team
    description TEXT,
    icon_url TEXT,

    -- Specification (stored as JSONB for queryability)
    spec_content TEXT NOT NULL,  -- Full markdown spec
    spec_version INTEGER DEFAULT 1,
    spec_metadata JSONB,  -- Parsed spec sections

    -- Configuration
    tools JSONB DEFAULT '[]'::jsonb,  -- ["wikipedia_search", "read_file", ...]
    invariants JSONB DEFAULT '[]'::jsonb,  -- [{name: "...", description: "..."}]
    behavior_examples JSONB DEFAULT '[]'::jsonb,

    -- LLM Settings
    llm_provider TEXT DEFAULT 'openai',  -- openai, anthropic, google
    model_name TEXT DEFAULT 'gpt-4o-mini',
    temperature DECIMAL(3,2) DEFAULT 0.7 CHECK (temperature BETWEEN 0 AND 2),
    max_iterations INTEGER DEFAULT 15 CHECK (max_iterations > 0),
    max_execution_time INTEGER DEFAULT 120,  -- seconds

    -- Generated Code (optional storage)
    generated_code TEXT,  -- Python code
    generated_tests TEXT,  -- Pytest code

    -- Metadata
    status agent_status DEFAULT 'draft',
    created_by UUID NOT NULL REFERENCES users(id),
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW(),
    last_run_at TIMESTAMPTZ,
    deleted_at TIMESTAMPTZ,

    -- Marketplace (Phase 11)
    is_public BOOLEAN DEFAULT FALSE,  -- Listed in marketplace?
    marketplace_price DECIMAL(10,2),  -- One-time purchase price
    marketplace_installs INTEGER DEFAULT 0,

    -- Uniqueness within team
    UNIQUE (team_id, slug)
);

CREATE TABLE IF NOT EXISTS agent_versions (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    agent_id UUID NOT NULL REFERENCES agents(id) ON DELETE CASCADE,

    version INTEGER NOT NULL,
    spec_content TEXT NOT NULL,
    generated_code TEXT,

    -- Change tracking
    changed_by UUID NOT NULL REFERENCES users(id),
    change_notes TEXT,
    created_at TIMESTAMPTZ DEFAULT NOW(),

    UNIQUE (agent_id, version)
);

CREATE TABLE IF NOT EXISTS agent_runs (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    agent_id UUID NOT NULL REFERENCES agents(id) ON DELETE CASCADE,
    user_id UUID NOT NULL REFERENCES users(id),
    team_id UUID NOT NULL REFERENCES teams(id) ON DELETE CASCADE,

    -- Input/Output
    input TEXT NOT NULL,
    output TEXT,
    error TEXT,  -- If failed

    -- Execution tracking
    status run_status DEFAULT 'queued',
    started_at TIMESTAMPTZ,
    completed_at TIMESTAMPTZ,
    duration_ms INTEGER,  -- Total execution time

    -- Cost Tracking
    model_used TEXT,
    tokens_prompt INTEGER,
    tokens_completion INTEGER,
    tokens_total INTEGER,
    cost_usd DECIMAL(10,4),  -- Per-run cost

    -- Performance metrics
    llm_calls INTEGER DEFAULT 0,
    tool_calls JSONB,  -- [{tool: "wikipedia_search", duration_ms: 234}]

    -- Metadata
    created_at TIMESTAMPTZ DEFAULT NOW(),

    -- Constraints
    CONSTRAINT valid_duration CHECK (duration_ms >= 0),
    CONSTRAINT valid_cost CHECK (cost_usd >= 0)
);

-- -------------------------------------------------------------------------------------------------------------------
-- Marketplace
-- -------------------------------------------------------------------------------------------------------------------
CREATE TABLE IF NOT EXISTS marketplace_templates (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    agent_id UUID NOT NULL REFERENCES agents(id) ON DELETE CASCADE,
    creator_id UUID NOT NULL REFERENCES users(id),

    -- Listing details
    title TEXT NOT NULL,
    description TEXT,
    long_description TEXT,  -- Markdown
    category TEXT,  -- "email", "research", "coding", "social", etc.
    tags TEXT[] DEFAULT '{}',

    -- Media
    icon_url TEXT,
    screenshots TEXT[] DEFAULT '{}',
    demo_video_url TEXT,

    -- Pricing
    is_free BOOLEAN DEFAULT TRUE,
    price_usd DECIMAL(10,2),

    -- Stats
    installs INTEGER DEFAULT 0,
    rating_avg DECIMAL(3,2) DEFAULT 0 CHECK (rating_avg BETWEEN 0 AND 5),
    rating_count INTEGER DEFAULT 0,

    -- Status
    status marketplace_status DEFAULT 'pending',
    featured BOOLEAN DEFAULT FALSE,
    reviewed_by UUID REFERENCES users(id),
    reviewed_at TIMESTAMPTZ,

    -- Metadata
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW(),

    -- Constraints
    CONSTRAINT valid_price CHECK (price_usd >= 0)
);

CREATE TABLE IF NOT EXISTS marketplace_reviews (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    template_id UUID NOT NULL REFERENCES marketplace_templates(id) ON DELETE CASCADE,
    user_id UUID NOT NULL REFERENCES users(id),

    rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
    review_text TEXT,

    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW(),

    UNIQUE (template_id, user_id)  -- One review per user
);

CREATE TABLE IF NOT EXISTS marketplace_purchases (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    template_id UUID NOT NULL REFERENCES marketplace_templates(id) ON DELETE CASCADE,
    user_id UUID NOT NULL REFERENCES users(id),
    team_id UUID NOT NULL REFERENCES teams(id) ON DELETE CASCADE,

    -- Payment
    price_paid_usd DECIMAL(10,2) NOT NULL,
    stripe_payment_intent_id TEXT,

    -- Deployed agent
    deployed_agent_id UUID REFERENCES agents(id),  -- Agent created from template

    created_at TIMESTAMPTZ DEFAULT NOW(),

    UNIQUE (template_id, user_id, team_id)  -- One purchase per team
);

-- -------------------------------------------------------------------------------------------------------------------
-- Billing
-- -------------------------------------------------------------------------------------------------------------------
CREATE TABLE IF NOT EXISTS billing_subscriptions (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id UUID NOT NULL REFERENCES users(id) ON DELETE CASCADE,

    -- Stripe details
    stripe_subscription_id TEXT UNIQUE NOT NULL,
    stripe_price_id TEXT NOT NULL,
    plan_tier plan_tier NOT NULL,

    -- Status
    status TEXT NOT NULL,  -- active, canceled, past_due, etc. (from Stripe)
    current_period_start TIMESTAMPTZ NOT NULL,
    current_period_end TIMESTAMPTZ NOT NULL,
    cancel_at_period_end BOOLEAN DEFAULT FALSE,
    canceled_at TIMESTAMPTZ,

    -- Pricing
    amount_usd DECIMAL(10,2) NOT NULL,

    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW()
);

CREATE TABLE IF NOT EXISTS billing_usage (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id UUID NOT NULL REFERENCES users(id),

    -- Period
    period_start DATE NOT NULL,
    period_end DATE NOT NULL,

    -- Aggregates
    total_runs INTEGER DEFAULT 0,
    total_cost_usd DECIMAL(10,2) DEFAULT 0,
    total_tokens INTEGER DEFAULT 0,

    -- Breakdown by model (JSONB for flexibility)
    cost_breakdown JSONB DEFAULT '{}'::jsonb,  -- {llama3: 0, perplexity: 2.50, claude: 5.00}

    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW(),

    UNIQUE (user_id, period_start)
);

CREATE TABLE IF NOT EXISTS billing_invoices (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id UUID NOT NULL REFERENCES users(id),

    -- Stripe details
    stripe_invoice_id TEXT UNIQUE NOT NULL,
    stripe_invoice_url TEXT,

    -- Amount
    amount_usd DECIMAL(10,2) NOT NULL,
    amount_paid_usd DECIMAL(10,2) DEFAULT 0,

    -- Status
    status TEXT NOT NULL,  -- draft, open, paid, uncollectible
    paid BOOLEAN DEFAULT FALSE,

    -- Dates
    due_date DATE,
    paid_at TIMESTAMPTZ,

    created_at TIMESTAMPTZ DEFAULT NOW()
);

-- -------------------------------------------------------------------------------------------------------------------
-- Webhooks and integrations
-- -------------------------------------------------------------------------------------------------------------------
CREATE TABLE IF NOT EXISTS webhooks (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    team_id UUID NOT NULL REFERENCES teams(id) ON DELETE CASCADE,

    -- Configuration
    url TEXT NOT NULL,
    events TEXT[] NOT NULL,  -- ['agent.run.completed', 'agent.run.failed']
    secret TEXT NOT NULL,  -- For signing payloads (HMAC)

    -- Status
    is_active BOOLEAN DEFAULT TRUE,
    last_triggered_at TIMESTAMPTZ,

    created_at TIMESTAMPTZ DEFAULT NOW(),

    -- Constraints
    CONSTRAINT valid_url CHECK (url ~* '^https?://.*')
);

CREATE TABLE IF NOT EXISTS webhook_deliveries (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    webhook_id UUID NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE,

    -- Event details
    event_type TEXT NOT NULL,  -- "agent.run.completed"
    payload JSONB NOT NULL,

    -- Delivery tracking
    status webhook_status DEFAULT 'pending',
    attempts INTEGER DEFAULT 0,
    response_code INTEGER,
    response_body TEXT,
    delivered_at TIMESTAMPTZ,
    next_retry_at TIMESTAMPTZ,

    created_at TIMESTAMPTZ DEFAULT NOW()
);

-- -------------------------------------------------------------------------------------------------------------------
-- Monitoring
-- -------------------------------------------------------------------------------------------------------------------
-- Makes the monthly partitions of llm_calls for `months` months from the month of from_month on, and returns how many
-- it made. Months are UTC. Does nothing where llm_calls is not partitioned by created_at. A month whose rows fell
-- into the default partition, or that another partition covers, is skipped with a notice: nothing is ever moved.
CREATE OR REPLACE FUNCTION billing_ensure_llm_calls_partitions(from_month date, months int)
RETURNS int
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    first_day date;
    made int := 0;
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM pg_partitioned_table p
        JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
        WHERE p.partrelid = to_regclass('public.llm_calls')
          AND p.partstrat = 'r' AND p.partnatts = 1 AND a.attname = 'created_at'
    ) THEN
        RETURN 0;
    END IF;
    FOR ahead IN 0 .. months - 1 LOOP
        first_day := (date_trunc('month', from_month::timestamp) + make_interval(months => ahead))::date;
        CONTINUE WHEN to_regclass('public.' || to_char(first_day, '"llm_calls_y"YYYY"m"MM')) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.llm_calls FOR VALUES FROM (%L) TO (%L)',
                           to_char(first_day, '"llm_calls_y"YYYY"m"MM'),
                           to_char(first_day, 'YYYY-MM-DD" 00:00:00+00"'),
                           to_char(first_day + interval '1 month', 'YYYY-MM-DD" 00:00:00+00"'));
            made := made + 1;
        EXCEPTION
            WHEN check_violation THEN
                RAISE NOTICE 'llm_calls: the default partition holds rows of %, no partition made',
                    to_char(first_day, 'YYYY-MM');
            WHEN invalid_object_definition THEN
                RAISE NOTICE 'llm_calls: another partition covers a part of %, no partition made',
                    to_char(first_day, 'YYYY-MM');
        END;
    END LOOP;
    RETURN made;
END;
$$;

COMMENT ON FUNCTION billing_ensure_llm_calls_partitions(date, int) IS
    'Makes monthly partitions of llm_calls ahead; no-op where the table is not partitioned';

-- The owner meant llm_calls to be partitioned by month, but wrote a table that cannot be. An existing one stays so.
DO $$
BEGIN
    IF to_regclass('public.llm_calls') IS NULL THEN
        CREATE TABLE llm_calls (
            id UUID DEFAULT uuid_generate_v4(),
            agent_run_id UUID REFERENCES agent_runs(id) ON DELETE CASCADE,
            user_id UUID REFERENCES users(id),

            -- LLM details
            provider TEXT NOT NULL,  -- "openai", "anthropic", "perplexity"
            model TEXT NOT NULL,
            purpose TEXT,  -- "simple", "search", "complex"

            -- Tokens & cost
            tokens_prompt INTEGER,
            tokens_completion INTEGER,
            tokens_total INTEGER,
            cost_usd DECIMAL(10,4),

            -- Performance
            duration_ms INTEGER,

            -- Metadata
            created_at TIMESTAMPTZ DEFAULT NOW(),

            -- A partitioned table's key must hold the partition key.
            PRIMARY KEY (id, created_at)
        ) PARTITION BY RANGE (created_at);
        CREATE TABLE llm_calls_default PARTITION OF llm_calls DEFAULT;
        PERFORM billing_ensure_llm_calls_partitions('2025-12-01', 1);
    END IF;
    PERFORM billing_ensure_llm_calls_partitions((now() AT TIME ZONE 'UTC')::date, 4);
END;
$$;

CREATE TABLE IF NOT EXISTS error_logs (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),

    -- Error details
    error_type TEXT NOT NULL,
    error_message TEXT,
    stack_trace TEXT,

    -- Context
    user_id UUID REFERENCES users(id),
    agent_id UUID REFERENCES agents(id),
    agent_run_id UUID REFERENCES agent_runs(id),
    request_path TEXT,
    request_method TEXT,

    created_at TIMESTAMPTZ DEFAULT NOW()
);

-- -------------------------------------------------------------------------------------------------------------------
-- Indexes
-- -------------------------------------------------------------------------------------------------------------------
-- A missing index is made at once on a small table only: making one locks out writers, and on a table in use somebody
-- may have dropped it for a reason.
DO $$
DECLARE
    wanted record;
    bytes bigint;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('idx_users_email', 'users', $on$(email) WHERE deleted_at IS NULL$on$),
            ('idx_users_stripe_customer', 'users', $on$(stripe_customer_id) WHERE stripe_customer_id IS NOT NULL$on$),
            ('idx_users_plan_tier', 'users', $on$(plan_tier) WHERE deleted_at IS NULL$on$),
            ('idx_users_created_at', 'users', $on$(created_at DESC)$on$),
            ('idx_api_keys_user', 'api_keys', $on$(user_id) WHERE is_active = TRUE$on$),
            ('idx_api_keys_key_hash', 'api_keys', $on$(key_hash)$on$),
            ('idx_api_keys_team', 'api_keys', $on$(team_id) WHERE team_id IS NOT NULL$on$),
            ('idx_teams_owner', 'teams', $on$(owner_id)$on$),
            ('idx_teams_slug', 'teams', $on$(slug) WHERE deleted_at IS NULL$on$),
            ('idx_teams_created_at', 'teams', $on$(created_at DESC)$on$),
            ('idx_team_members_user', 'team_members', $on$(user_id)$on$),
            ('idx_team_members_role', 'team_members', $on$(role)$on$),
            ('idx_agents_team', 'agents', $on$(team_id) WHERE deleted_at IS NULL$on$),
            ('idx_agents_status', 'agents', $on$(status) WHERE deleted_at IS NULL$on$),
            ('idx_agents_created_by', 'agents', $on$(created_by)$on$),
            ('idx_agents_public', 'agents', $on$(is_public) WHERE is_public = TRUE AND deleted_at IS NULL$on$),
            ('idx_agents_tools', 'agents', $on$USING GIN (tools)$on$),
            ('idx_agents_last_run', 'agents', $on$(last_run_at DESC NULLS LAST)$on$),
            ('idx_agent_versions_agent', 'agent_versions', $on$(agent_id, version DESC)$on$),
            ('idx_agent_runs_agent', 'agent_runs', $on$(agent_id, created_at DESC)$on$),
            ('idx_agent_runs_user', 'agent_runs', $on$(user_id, created_at DESC)$on$),
            ('idx_agent_runs_team', 'agent_runs', $on$(team_id, created_at DESC)$on$),
            ('idx_agent_runs_status', 'agent_runs', $on$(status)$on$),
            ('idx_agent_runs_created', 'agent_runs', $on$(created_at DESC)$on$),
            ('idx_agent_runs_cost', 'agent_runs', $on$(cost_usd DESC)$on$),
            ('idx_marketplace_status', 'marketplace_templates', $on$(status)$on$),
            ('idx_marketplace_featured', 'marketplace_templates',
             $on$(featured, rating_avg DESC) WHERE featured = TRUE$on$),
            ('idx_marketplace_category', 'marketplace_templates', $on$(category)$on$),
            ('idx_marketplace_creator', 'marketplace_templates', $on$(creator_id)$on$),
            ('idx_marketplace_installs', 'marketplace_templates', $on$(installs DESC)$on$),
            ('idx_marketplace_rating', 'marketplace_templates', $on$(rating_avg DESC, rating_count DESC)$on$),
            ('idx_marketplace_reviews_template', 'marketplace_reviews', $on$(template_id, created_at DESC)$on$),
            ('idx_marketplace_reviews_user', 'marketplace_reviews', $on$(user_id)$on$),
            ('idx_marketplace_purchases_template', 'marketplace_purchases', $on$(template_id)$on$),
            ('idx_marketplace_purchases_user', 'marketplace_purchases', $on$(user_id)$on$),
            ('idx_marketplace_purchases_team', 'marketplace_purchases', $on$(team_id)$on$),
            ('idx_billing_subscriptions_user', 'billing_subscriptions', $on$(user_id)$on$),
            ('idx_billing_subscriptions_stripe', 'billing_subscriptions', $on$(stripe_subscription_id)$on$),
            ('idx_billing_subscriptions_status', 'billing_subscriptions', $on$(status)$on$),
            ('idx_billing_usage_user_period', 'billing_usage', $on$(user_id, period_start DESC)$on$),
            ('idx_billing_invoices_user', 'billing_invoices', $on$(user_id, created_at DESC)$on$),
            ('idx_billing_invoices_stripe', 'billing_invoices', $on$(stripe_invoice_id)$on$),
            ('idx_billing_invoices_status', 'billing_invoices', $on$(status)$on$),
            ('idx_webhooks_team', 'webhooks', $on$(team_id) WHERE is_active = TRUE$on$),
            ('idx_webhook_deliveries_webhook', 'webhook_deliveries', $on$(webhook_id, created_at DESC)$on$),
            ('idx_webhook_deliveries_status', 'webhook_deliveries', $on$(status)$on$),
            ('idx_webhook_deliveries_retry', 'webhook_deliveries', $on$(next_retry_at) WHERE status = 'failed'$on$),
            ('idx_llm_calls_user_date', 'llm_calls', $on$(user_id, created_at DESC)$on$),
            ('idx_llm_calls_provider', 'llm_calls', $on$(provider, created_at DESC)$on$),
            ('idx_llm_calls_cost', 'llm_calls', $on$(cost_usd DESC)$on$),
            ('idx_error_logs_type', 'error_logs', $on$(error_type, created_at DESC)$on$),
            ('idx_error_logs_user', 'error_logs', $on$(user_id, created_at DESC)$on$),
            ('idx_error_logs_created', 'error_logs', $on$(created_at DESC)$on$)
        ) AS t (index_name, table_name, definition)
    LOOP
        IF to_regclass('public.' || wanted.index_name) IS NULL THEN
            bytes := greatest(
                pg_relation_size(('public.' || wanted.table_name)::regclass),
                (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('public.' || wanted.table_name)));
            IF bytes < 64 * 1024 * 1024 THEN
                EXECUTE format('CREATE INDEX %I ON public.%I %s',
                               wanted.index_name, wanted.table_name, wanted.definition);
            ELSE
                RAISE WARNING 'index % is missing on a large table', wanted.index_name
                    USING HINT = format('If it is wanted, run: CREATE INDEX CONCURRENTLY %I ON public.%I %s',
                                        wanted.index_name, wanted.table_name, wanted.definition);
            END IF;
        ELSIF NOT EXISTS (SELECT FROM pg_index
                          WHERE indexrelid = to_regclass('public.' || wanted.index_name)
                            AND indrelid = to_regclass('public.' || wanted.table_name)) THEN
            RAISE WARNING 'the name % is taken by something that is not an index of %; the index % was not made',
                wanted.index_name, wanted.table_name, wanted.definition;
        END IF;
    END LOOP;
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- Functions
-- -------------------------------------------------------------------------------------------------------------------
-- A function that exists is left alone, whatever it says.
DO $do$
BEGIN
    IF to_regprocedure('public.current_user_teams()') IS NULL THEN
        EXECUTE $function$
CREATE FUNCTION current_user_teams()
RETURNS SETOF UUID
LANGUAGE SQL STABLE
AS $$
    SELECT team_id
    FROM team_members
    WHERE user_id = current_setting('app.current_user_id')::uuid;
$$
        $function$;
    END IF;
    IF to_regprocedure('public.update_updated_at()') IS NULL THEN
        EXECUTE $function$
CREATE FUNCTION update_updated_at()
RETURNS TRIGGER
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at = NOW();
    RETURN NEW;
END;
$$
        $function$;
    END IF;
    IF to_regprocedure('public.increment_user_runs()') IS NULL THEN
        EXECUTE $function$
CREATE FUNCTION increment_user_runs()
RETURNS TRIGGER
LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.status = 'completed' THEN
        UPDATE users
        SET monthly_runs_used = monthly_runs_used + 1
        WHERE id = NEW.user_id;
    END IF;
    RETURN NEW;
END;
$$
        $function$;
    END IF;
    IF to_regprocedure('public.update_template_rating()') IS NULL THEN
        EXECUTE $function$
CREATE FUNCTION update_template_rating()
RETURNS TRIGGER
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE marketplace_templates
    SET
        rating_count = (SELECT COUNT(*) FROM marketplace_reviews WHERE template_id = NEW.template_id),
        rating_avg = (SELECT AVG(rating) FROM marketplace_reviews WHERE template_id = NEW.template_id)
    WHERE id = NEW.template_id;
    RETURN NEW;
END;
$$
        $function$;
    END IF;
    IF to_regprocedure('public.reset_monthly_quotas()') IS NULL THEN
        EXECUTE $function$
CREATE FUNCTION reset_monthly_quotas()
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE users
    SET
        monthly_runs_used = 0,
        quota_reset_date = quota_reset_date + INTERVAL '1 month'
    WHERE quota_reset_date <= CURRENT_DATE;
END;
$$
        $function$;
    END IF;
END;
$do$;

-- -------------------------------------------------------------------------------------------------------------------
-- Row-level security
-- -------------------------------------------------------------------------------------------------------------------
-- A table that has any policy was secured by somebody who knew how; only one without any gets the owner's.
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('teams', 'teams_member_access', 'id IN (SELECT current_user_teams())'),
            ('agents', 'agents_team_isolation', 'team_id IN (SELECT current_user_teams())'),
            ('agent_runs', 'agent_runs_team_isolation', 'team_id IN (SELECT current_user_teams())'),
            ('marketplace_purchases', 'marketplace_purchases_team_isolation',
             'team_id IN (SELECT current_user_teams())')
        ) AS t (table_name, policy_name, condition)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = ('public.' || wanted.table_name)::regclass) THEN
            EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', wanted.table_name);
            EXECUTE format('CREATE POLICY %I ON public.%I FOR ALL USING (%s)',
                           wanted.policy_name, wanted.table_name, wanted.condition);
        END IF;
    END LOOP;
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- Triggers
-- -------------------------------------------------------------------------------------------------------------------
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('users', 'users_updated_at', 'BEFORE UPDATE', 'update_updated_at'),
            ('teams', 'teams_updated_at', 'BEFORE UPDATE', 'update_updated_at'),
            ('agents', 'agents_updated_at', 'BEFORE UPDATE', 'update_updated_at'),
            ('marketplace_templates', 'marketplace_templates_updated_at', 'BEFORE UPDATE', 'update_updated_at'),
            ('agent_runs', 'agent_runs_increment_usage', 'AFTER INSERT', 'increment_user_runs'),
            ('marketplace_reviews', 'marketplace_reviews_update_rating', 'AFTER INSERT OR UPDATE',
             'update_template_rating')
        ) AS t (table_name, trigger_name, event, function_name)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_trigger
                       WHERE tgrelid = ('public.' || wanted.table_name)::regclass AND tgname = wanted.trigger_name) THEN
            EXECUTE format('CREATE TRIGGER %I %s ON public.%I FOR EACH ROW EXECUTE FUNCTION public.%I()',
                           wanted.trigger_name, wanted.event, wanted.table_name, wanted.function_name);
        END IF;
    END LOOP;
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- Views
-- -------------------------------------------------------------------------------------------------------------------
DO $$
BEGIN
    IF to_regclass('public.agent_stats') IS NULL THEN
        CREATE VIEW agent_stats AS
        SELECT
            a.id,
            a.name,
            a.team_id,
            a.status,
            COUNT(ar.id) AS total_runs,
            COUNT(ar.id) FILTER (WHERE ar.status = 'completed') AS successful_runs,
            COUNT(ar.id) FILTER (WHERE ar.status = 'failed') AS failed_runs,
            AVG(ar.duration_ms) FILTER (WHERE ar.status = 'completed') AS avg_duration_ms,
            SUM(ar.cost_usd) AS total_cost_usd,
            MAX(ar.created_at) AS last_run_at
        FROM agents a
        LEFT JOIN agent_runs ar ON a.id = ar.agent_id
        GROUP BY a.id;
    END IF;
    IF to_regclass('public.user_usage_summary') IS NULL THEN
        CREATE VIEW user_usage_summary AS
        SELECT
            u.id,
            u.email,
            u.plan_tier,
            u.monthly_runs_quota,
            u.monthly_runs_used,
            COUNT(DISTINCT a.id) AS agent_count,
            COUNT(ar.id) AS total_runs_lifetime,
            SUM(ar.cost_usd) AS total_cost_lifetime
        FROM users u
        LEFT JOIN team_members tm ON u.id = tm.user_id
        LEFT JOIN agents a ON tm.team_id = a.team_id
        LEFT JOIN agent_runs ar ON u.id = ar.user_id
        GROUP BY u.id;
    END IF;
    IF to_regclass('public.table_sizes') IS NULL THEN
        CREATE VIEW table_sizes AS
        SELECT
            schemaname,
            tablename,
            pg_size_pretty(pg_total_relation_size(schemaname||'.'||tablename)) AS size
        FROM pg_tables
        WHERE schemaname = 'public'
        ORDER BY pg_total_relation_size(schemaname||'.'||tablename) DESC;
    END IF;
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- Comments
-- -------------------------------------------------------------------------------------------------------------------
-- A comment is data of its owner too: only what has none gets one.
DO $$
DECLARE
    wanted record;
    target record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('table', '{public,users}', 'TABLE public.users', 'User accounts with subscription and quota management'),
            ('table column', '{public,users,monthly_runs_quota}', 'COLUMN public.users.monthly_runs_quota',
             'Total agent runs allowed per month based on plan'),
            ('table column', '{public,users,monthly_runs_used}', 'COLUMN public.users.monthly_runs_used',
             'Agent runs consumed this billing period'),
            ('table column', '{public,users,quota_reset_date}', 'COLUMN public.users.quota_reset_date',
             'Date when monthly_runs_used resets to 0'),
            ('table', '{public,api_keys}', 'TABLE public.api_keys', 'API keys for programmatic access to platform'),
            ('table', '{public,teams}', 'TABLE public.teams', 'Organizations/workspaces for multi-user collaboration'),
            ('table column', '{public,teams,slug}', 'COLUMN public.teams.slug',
             'URL-safe identifier for team (used in URLs)'),
            ('table', '{public,team_members}', 'TABLE public.team_members',
             'User membership in teams with role-based access'),
            ('table', '{public,agents}', 'TABLE public.agents', 'AI agents with specs, configs, and generated code'),
            ('table column', '{public,agents,spec_metadata}', 'COLUMN public.agents.spec_metadata',
             'Parsed sections of spec for fast querying'),
            ('table', '{public,agent_versions}', 'TABLE public.agent_versions', 'Version history for agent specs'),
            ('table', '{public,agent_runs}', 'TABLE public.agent_runs',
             'Execution history with cost and performance metrics'),
            ('table', '{public,marketplace_templates}', 'TABLE public.marketplace_templates',
             'Public agent templates for discovery and purchase'),
            ('table', '{public,marketplace_reviews}', 'TABLE public.marketplace_reviews',
             'User reviews and ratings for marketplace templates'),
            ('table', '{public,marketplace_purchases}', 'TABLE public.marketplace_purchases',
             'Purchase history for marketplace templates'),
            ('table', '{public,billing_subscriptions}', 'TABLE public.billing_subscriptions',
             'Stripe subscription management'),
            ('table', '{public,billing_usage}', 'TABLE public.billing_usage',
             'Aggregated usage metrics for billing purposes'),
            ('table', '{public,billing_invoices}', 'TABLE public.billing_invoices',
             'Invoice records synced from Stripe'),
            ('table', '{public,webhooks}', 'TABLE public.webhooks', 'Webhook endpoints for event notifications'),
            ('table', '{public,webhook_deliveries}', 'TABLE public.webhook_deliveries',
             'Webhook delivery attempts with retry logic'),
            ('table', '{public,llm_calls}', 'TABLE public.llm_calls',
             'Detailed logging of all LLM API calls for cost analysis'),
            ('table', '{public,error_logs}', 'TABLE public.error_logs', 'Application error tracking for debugging'),
            ('function', '{public,current_user_teams}', 'FUNCTION public.current_user_teams()',
             'Returns team IDs for current user (used in RLS policies)'),
            ('policy', '{public,teams,teams_member_access}', 'POLICY teams_member_access ON public.teams',
             'Users can only access teams they belong to'),
            ('policy', '{public,agents,agents_team_isolation}', 'POLICY agents_team_isolation ON public.agents',
             'Agents are isolated by team membership'),
            ('policy', '{public,agent_runs,agent_runs_team_isolation}',
             'POLICY agent_runs_team_isolation ON public.agent_runs', 'Runs are isolated by team membership'),
            ('function', '{public,reset_monthly_quotas}', 'FUNCTION public.reset_monthly_quotas()',
             'Reset user quotas monthly (run via cron)'),
            ('view', '{public,agent_stats}', 'VIEW public.agent_stats',
             'Agent performance summary with run statistics'),
            ('view', '{public,user_usage_summary}', 'VIEW public.user_usage_summary',
             'User subscription and usage overview')
        ) AS t (kind, address, object, words)
    LOOP
        BEGIN
            target := pg_get_object_address(wanted.kind, wanted.address::text[], '{}');
        EXCEPTION WHEN undefined_object THEN
            CONTINUE;  -- a policy that its owner replaced
        END;
        IF NOT EXISTS (
            SELECT FROM pg_description d
            WHERE d.classoid = target.classid AND d.objoid = target.objid AND d.objsubid = target.objsubid
        ) THEN
            EXECUTE format('COMMENT ON %s IS %L', wanted.object, wanted.words);
        END IF;
    END LOOP;
END;
$$;

-- The database is called otherwise at everybody's, and only its owner may comment on it.
DO $$
BEGIN
    IF shobj_description((SELECT oid FROM pg_database WHERE datname = current_database()), 'pg_database') IS NULL THEN
        EXECUTE format('COMMENT ON DATABASE %I IS %L',
                       current_database(), 'Run VACUUM ANALYZE weekly for performance');
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'the comment on database % was not set: %', current_database(), SQLERRM;
END;
$$;

-- -------------------------------------------------------------------------------------------------------------------
-- Roles and privileges
-- -------------------------------------------------------------------------------------------------------------------
-- Roles belong to the whole server: another database may be creating them at this moment.
DO $$
DECLARE
    wanted name;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['authenticated', 'analytics_readonly'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = wanted);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                RAISE WARNING 'role % does not exist and % may not create it', wanted, current_user
                    USING HINT = format('Let an administrator run: CREATE ROLE %I NOLOGIN', wanted);
        END;
    END LOOP;
END;
$$;

-- The owner grants on all tables of the schema; here they are named, because billsync's own are not meant. A role that
-- holds anything on any of them was given its privileges already, perhaps fewer, by somebody who meant it.
DO $$
DECLARE
    relations constant text[] := string_to_array(
        'users, api_keys, teams, team_members, agents, agent_versions, agent_runs, marketplace_templates, ' ||
        'marketplace_reviews, marketplace_purchases, billing_subscriptions, billing_usage, billing_invoices, ' ||
        'webhooks, webhook_deliveries, llm_calls, error_logs, agent_stats, user_usage_summary',
        ', ');
    wanted record;
    relation text;
BEGIN
    FOR wanted IN
        SELECT r.oid AS role, t.role_name, t.privileges
        FROM (VALUES
            ('authenticated', 'SELECT, INSERT, UPDATE, DELETE'),
            ('analytics_readonly', 'SELECT')
        ) AS t (role_name, privileges)
        JOIN pg_roles r ON r.rolname = t.role_name
    LOOP
        CONTINUE WHEN EXISTS (
            SELECT
            FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (relations)
              AND a.grantee = wanted.role);
        FOREACH relation IN ARRAY relations LOOP
            EXECUTE format('GRANT %s ON public.%I TO %I', wanted.privileges, relation, wanted.role_name);
        END LOOP;
    END LOOP;
END;
$$;
