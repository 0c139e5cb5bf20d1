-- What billsync keeps beside the platform's tables: the inbox of Stripe events, links from customers to users, the
-- ledgers of plan changes, the job table, and additive columns on the three billing tables.
--
-- note: widens billing_usage.total_runs and total_tokens to bigint, which rewrites that table once (a row per user and month) and locks it meanwhile
--
-- Every object name starts with stripe_ or billing_, so nothing of the platform's can be meant by accident.

-- Payloads are kept byte for byte: in another encoding the server would convert them, or refuse.
DO $$
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'billsync needs a database whose encoding is UTF8, this one has %',
            current_setting('server_encoding');
    END IF;
END
$$;

-- ── Stripe events ──────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE stripe_events (
    id text COLLATE "C" NOT NULL,
    type text NOT NULL,
    object_type text,
    object_id text COLLATE "C",
    customer text COLLATE "C",
    api_version text,
    created timestamptz NOT NULL,
    livemode boolean NOT NULL,
    account text,
    -- The request body, byte for byte: it was checked to be UTF-8 without NUL, so text keeps every byte. Not jsonb:
    -- jsonb drops duplicate keys and key order, and costs 1.8 times as much to store.
    payload text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    status text NOT NULL DEFAULT 'received',
    reason text,
    detail text,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    applied_at timestamptz,
    CONSTRAINT stripe_events_pkey PRIMARY KEY (id),
    CONSTRAINT stripe_events_known_status CHECK (status IN ('received', 'applied', 'ignored', 'parked', 'dead')),
    CONSTRAINT stripe_events_reason_given CHECK (reason IS NOT NULL OR status IN ('received', 'applied')),
    CONSTRAINT stripe_events_applied_has_time CHECK (status <> 'applied' OR applied_at IS NOT NULL)
) WITH (fillfactor = 85, toast_tuple_target = 8160);

-- lz4 keeps a compressed 5 KB event inline in the row: twice the insert rate of the default compression.
DO $$
BEGIN
    ALTER TABLE stripe_events ALTER COLUMN payload SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    RAISE WARNING 'this PostgreSQL was built without lz4: events are stored with the slower pglz compression';
END
$$;

-- Two, so that fresh events are claimed before a backlog of parked ones.
CREATE INDEX stripe_events_due_received ON stripe_events (next_attempt_at) WHERE status = 'received';
CREATE INDEX stripe_events_due_parked ON stripe_events (next_attempt_at) WHERE status = 'parked';
-- What people are shown and paged on; small, whatever the table grows to.
CREATE INDEX stripe_events_unsettled ON stripe_events (status, reason) WHERE status IN ('received', 'parked', 'dead');
CREATE INDEX stripe_events_object ON stripe_events (object_id, created);
CREATE INDEX stripe_events_parked_customer ON stripe_events (customer) WHERE status = 'parked';
CREATE INDEX stripe_events_received ON stripe_events (received_at DESC, id);

COMMENT ON TABLE stripe_events IS 'Every Stripe event that was answered 200, byte for byte, and what became of it';
COMMENT ON COLUMN stripe_events.reason IS 'Why it is ignored, parked or dead; a closed list, see billing/event_reason.h';
COMMENT ON COLUMN stripe_events.next_attempt_at IS 'A received or parked event is looked at again from this moment on';

-- ── Customers ──────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE billing_customers (
    stripe_customer_id text COLLATE "C" PRIMARY KEY,
    -- No cascade: billing history outlives the account it belonged to.
    user_id uuid REFERENCES users (id),
    linked_by text,
    linked_at timestamptz,
    -- What Stripe says of the user, kept because the user's row may come later than the event.
    metadata_user_id text,
    reference_user_id text,
    email text,
    deleted boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_customers_link_explained CHECK ((user_id IS NULL) = (linked_by IS NULL))
);
CREATE INDEX billing_customers_user ON billing_customers (user_id);
COMMENT ON TABLE billing_customers IS 'Which user a Stripe customer belongs to, and how we know; a user may have several';
-- For a user whose row comes after the event that names it.
CREATE INDEX billing_customers_metadata_user ON billing_customers (metadata_user_id) WHERE user_id IS NULL;
CREATE INDEX billing_customers_reference_user ON billing_customers (reference_user_id) WHERE user_id IS NULL;
COMMENT ON COLUMN billing_customers.metadata_user_id IS
    'metadata.user_id of the customer or one of its subscriptions, as last seen before it was linked';
COMMENT ON COLUMN billing_customers.reference_user_id IS 'client_reference_id of a Checkout Session';

-- ── Subscriptions and invoices: additive columns ───────────────────────────────────────────────────────────────────

ALTER TABLE billing_subscriptions
    ADD COLUMN stripe_customer_id text COLLATE "C",
    ADD COLUMN currency text,
    ADD COLUMN amount_minor bigint,
    ADD COLUMN started_at timestamptz,
    ADD COLUMN trial_end timestamptz,
    ADD COLUMN cancel_at timestamptz,
    ADD COLUMN ended_at timestamptz,
    ADD COLUMN past_due_since timestamptz,
    ADD COLUMN pause_collection text,
    ADD COLUMN livemode boolean,
    ADD COLUMN last_event_id text COLLATE "C",
    ADD COLUMN last_event_created timestamptz,
    ADD COLUMN needs_refetch boolean NOT NULL DEFAULT false,
    ALTER COLUMN amount_usd TYPE numeric(14, 2),
    -- A subscription in a currency whose exchange rate is missing entitles all the same: no price is better than none
    -- of the service, and better than a wrong price.
    ALTER COLUMN amount_usd DROP NOT NULL;
COMMENT ON COLUMN billing_subscriptions.amount_usd IS
    'Price of one period in US dollars; NULL when amount_minor is, and while billing_fx_rates has no rate';
COMMENT ON COLUMN billing_subscriptions.amount_minor IS
    'Price of one period in Stripe''s minor units of currency; NULL when a tiered or multi-currency price leaves it open';
COMMENT ON COLUMN billing_subscriptions.last_event_id IS 'The event the snapshot columns were taken from';
COMMENT ON COLUMN billing_subscriptions.needs_refetch IS
    'Two events of one second could not be ordered: the deterministic choice was taken, Stripe''s API should be asked';

ALTER TABLE billing_invoices
    ADD COLUMN stripe_customer_id text COLLATE "C",
    ADD COLUMN stripe_subscription_id text COLLATE "C",
    ADD COLUMN number text,
    ADD COLUMN billing_reason text,
    ADD COLUMN currency text,
    ADD COLUMN amount_minor bigint,
    ADD COLUMN amount_paid_minor bigint,
    ADD COLUMN amount_remaining_minor bigint,
    ADD COLUMN amount_credited_minor bigint,
    ADD COLUMN amount_refunded_minor bigint,
    ADD COLUMN amount_credited_usd numeric(14, 2),
    ADD COLUMN amount_refunded_usd numeric(14, 2),
    ADD COLUMN usd_per_unit numeric,
    ADD COLUMN issued_at timestamptz,
    ADD COLUMN finalized_at timestamptz,
    ADD COLUMN voided_at timestamptz,
    ADD COLUMN marked_uncollectible_at timestamptz,
    ADD COLUMN attempt_count integer,
    ADD COLUMN next_payment_attempt timestamptz,
    ADD COLUMN deleted boolean NOT NULL DEFAULT false,
    ADD COLUMN livemode boolean,
    ADD COLUMN last_event_id text COLLATE "C",
    ADD COLUMN last_event_created timestamptz,
    ADD COLUMN needs_refetch boolean NOT NULL DEFAULT false,
    ADD COLUMN updated_at timestamptz DEFAULT now(),
    ALTER COLUMN amount_usd TYPE numeric(14, 2),
    ALTER COLUMN amount_paid_usd TYPE numeric(14, 2);
COMMENT ON COLUMN billing_invoices.amount_minor IS 'The invoice''s total in Stripe''s minor units of currency';
COMMENT ON COLUMN billing_invoices.amount_usd IS 'The total in US dollars: exact for USD, else by billing_fx_rates';
COMMENT ON COLUMN billing_invoices.usd_per_unit IS 'The rate used for the _usd columns; NULL for USD invoices';
COMMENT ON COLUMN billing_invoices.issued_at IS 'When Stripe created the invoice; created_at is when we first saw it';

-- Invoices from before billsync have no issued_at; reports take created_at for it.
CREATE INDEX billing_invoices_period ON billing_invoices (coalesce(issued_at, created_at));

CREATE TRIGGER billing_invoices_updated_at BEFORE UPDATE ON billing_invoices
    FOR EACH ROW EXECUTE FUNCTION update_updated_at();

-- ── Usage: additive columns ────────────────────────────────────────────────────────────────────────────────────────

ALTER TABLE billing_usage
    ALTER COLUMN total_runs TYPE bigint,
    ALTER COLUMN total_tokens TYPE bigint,
    ALTER COLUMN total_cost_usd TYPE numeric(14, 2),
    ADD COLUMN total_cost_exact_usd numeric NOT NULL DEFAULT 0,
    ADD COLUMN failed_runs bigint NOT NULL DEFAULT 0,
    ADD COLUMN cancelled_runs bigint NOT NULL DEFAULT 0,
    ADD COLUMN unpriced_runs bigint NOT NULL DEFAULT 0,
    ADD COLUMN rolled_up_at timestamptz;
CREATE INDEX billing_usage_period ON billing_usage (period_start, user_id);
CREATE INDEX billing_retired_runs_created ON billing_retired_runs (created_at);
COMMENT ON COLUMN billing_usage.total_runs IS 'Completed runs: what a quota counts';
COMMENT ON COLUMN billing_usage.total_cost_usd IS 'total_cost_exact_usd rounded once, half away from zero';
COMMENT ON COLUMN billing_usage.total_cost_exact_usd IS 'Sum over every terminal run: the money is spent however it ended';
COMMENT ON COLUMN billing_usage.rolled_up_at IS
    'When billsync last wrote the row; NULL for the platform''s own history, which is kept as it is';
COMMENT ON COLUMN billing_usage.unpriced_runs IS 'Terminal runs without a usable cost (NULL, NaN or negative)';

-- ── Exchange rates, overrides, plan changes ────────────────────────────────────────────────────────────────────────

CREATE TABLE billing_fx_rates (
    currency text NOT NULL,
    valid_from date NOT NULL,
    usd_per_unit numeric NOT NULL,
    CONSTRAINT billing_fx_rates_pkey PRIMARY KEY (currency, valid_from),
    CONSTRAINT billing_fx_rates_currency_code CHECK (currency ~ '^[a-z]{3}$' AND currency <> 'usd'),
    CONSTRAINT billing_fx_rates_positive CHECK (usd_per_unit > 0 AND usd_per_unit < 'Infinity')
);
COMMENT ON TABLE billing_fx_rates IS
    'US dollars for one whole unit of a currency (lowercase ISO code); an invoice uses the last rate not after its day';

CREATE TABLE billing_quota_overrides (
    user_id uuid PRIMARY KEY REFERENCES users (id),
    monthly_runs_quota integer NOT NULL,
    reason text NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_quota_overrides_not_negative CHECK (monthly_runs_quota >= 0),
    CONSTRAINT billing_quota_overrides_reason_given CHECK (reason <> '')
);
COMMENT ON TABLE billing_quota_overrides IS 'A quota agreed with one user; wins over the plan''s until it expires';

CREATE TABLE billing_plan_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- No foreign key: the ledger survives the user.
    user_id uuid NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    from_tier plan_tier,
    to_tier plan_tier NOT NULL,
    from_quota integer,
    to_quota integer NOT NULL,
    stripe_subscription_id text COLLATE "C",
    event_id text COLLATE "C",
    cause text NOT NULL
);
CREATE INDEX billing_plan_changes_user ON billing_plan_changes (user_id, changed_at);
COMMENT ON TABLE billing_plan_changes IS 'Every change billsync made to users.plan_tier or monthly_runs_quota, and why';

-- The plan map that serve last started with. When another one comes, subscriptions are looked at again.
CREATE TABLE billing_plan_map (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT billing_plan_map_only_row CHECK (only_row),
    fingerprint text NOT NULL,
    adopted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE billing_plan_map IS 'Fingerprint of the plan map in force';

-- ── Jobs ───────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE billing_jobs (
    job text PRIMARY KEY,
    next_due_at timestamptz NOT NULL DEFAULT now(),
    lease_owner text,
    lease_until timestamptz,
    last_started_at timestamptz,
    last_finished_at timestamptz,
    last_ok_at timestamptz,
    last_rows bigint,
    last_error text,
    CONSTRAINT billing_jobs_lease_whole CHECK ((lease_owner IS NULL) = (lease_until IS NULL))
);
COMMENT ON TABLE billing_jobs IS 'One row a scheduled job: when it is due, who holds its lease, how it last went';

CREATE TABLE billing_job_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text NOT NULL,
    owner text NOT NULL,
    trigger text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    status text NOT NULL,
    rows bigint NOT NULL DEFAULT 0,
    detail text,
    error text,
    CONSTRAINT billing_job_runs_known_status CHECK (status IN ('done', 'failed', 'abandoned')),
    CONSTRAINT billing_job_runs_known_trigger CHECK (trigger IN ('schedule', 'manual')),
    CONSTRAINT billing_job_runs_error_given CHECK (status <> 'failed' OR error IS NOT NULL)
);
CREATE INDEX billing_job_runs_job ON billing_job_runs (job, started_at DESC);
COMMENT ON TABLE billing_job_runs IS
    'Ledger of job runs; a scheduled run that found nothing to do leaves no row, only billing_jobs.last_finished_at';

-- ── Release of parked events ───────────────────────────────────────────────────────────────────────────────────────

-- A user got a Stripe customer id, or a user came that a customer's evidence already named: what waited is due at once. SKIP LOCKED, because an event that is
-- being applied this moment must not make the platform's transaction wait (or deadlock); the applier looks again soon.
CREATE FUNCTION billing_release_parked_of_customer() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    customers text[] := array_remove(ARRAY[NEW.stripe_customer_id], NULL);
BEGIN
    IF TG_OP = 'INSERT' THEN
        customers := customers || ARRAY(
            SELECT stripe_customer_id FROM billing_customers WHERE user_id IS NULL AND metadata_user_id = NEW.id::text
            UNION ALL
            SELECT stripe_customer_id FROM billing_customers WHERE user_id IS NULL AND reference_user_id = NEW.id::text);
    END IF;
    IF cardinality(customers) > 0 THEN
        UPDATE stripe_events SET next_attempt_at = now()
        WHERE id IN (SELECT id FROM stripe_events
                     WHERE customer = ANY (customers) AND status = 'parked' AND reason = 'unknown_customer'
                     FOR UPDATE SKIP LOCKED);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION billing_release_parked_of_customer() IS 'Makes events parked for an unknown customer due';

CREATE TRIGGER billing_users_added AFTER INSERT ON users
    FOR EACH ROW EXECUTE FUNCTION billing_release_parked_of_customer();
CREATE TRIGGER billing_users_linked AFTER UPDATE OF stripe_customer_id ON users
    FOR EACH ROW WHEN (NEW.stripe_customer_id IS DISTINCT FROM OLD.stripe_customer_id)
    EXECUTE FUNCTION billing_release_parked_of_customer();

-- A rate was added: invoices that waited for one are due. Not narrowed to the currency: the applier finds out.
CREATE FUNCTION billing_release_parked_for_rate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE stripe_events SET next_attempt_at = now()
    WHERE id IN (SELECT id FROM stripe_events
                 WHERE status = 'parked' AND reason = 'missing_exchange_rate'
                 FOR UPDATE SKIP LOCKED);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION billing_release_parked_for_rate() IS 'Makes events parked for a missing exchange rate due';

CREATE TRIGGER billing_fx_rates_added AFTER INSERT OR UPDATE ON billing_fx_rates
    FOR EACH STATEMENT EXECUTE FUNCTION billing_release_parked_for_rate();

REVOKE EXECUTE ON FUNCTION billing_release_parked_of_customer(), billing_release_parked_for_rate() FROM PUBLIC;

-- Hosts with default grants open new tables to everybody they know.
DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
