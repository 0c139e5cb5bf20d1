-- Stripe's catalog (prices, products), the items and schedules of subscriptions, and what of them decides an
-- entitlement over time. Only new tables, new columns without a default that would be written, and indexes on
-- billing_subscriptions, a table of one row a subscription.
--
-- Locks: ACCESS EXCLUSIVE on billing_subscriptions for the columns, SHARE for its indexes, both for as long as reading
-- that table once takes; nothing on users or agent_runs.

-- ── Catalog ────────────────────────────────────────────────────────────────────────────────────────────────────────

-- A deleted price or product keeps its row: those who bought it keep what it means.
CREATE TABLE billing_prices (
    price_id text COLLATE "C" CONSTRAINT billing_prices_pkey PRIMARY KEY,
    product_id text COLLATE "C",
    nickname text,
    currency text,
    unit_amount bigint,
    unit_amount_decimal numeric,
    billing_interval text,
    interval_count bigint,
    metered boolean NOT NULL,
    tiered boolean NOT NULL,
    lookup_key text,
    past_lookup_keys text[] NOT NULL,
    plan_tier text,
    active boolean NOT NULL,
    deleted boolean NOT NULL,
    livemode boolean NOT NULL,
    last_event_id text COLLATE "C" NOT NULL,
    last_event_created timestamptz NOT NULL,
    needs_refetch boolean NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE billing_prices IS 'Prices of Stripe''s catalog as their own events show them';
COMMENT ON COLUMN billing_prices.unit_amount IS
    'Stripe''s minor units of currency; NULL when the price is tiered or has a fraction of a minor unit';
COMMENT ON COLUMN billing_prices.past_lookup_keys IS
    'Lookup keys the price once had and has no more, the newest first: who bought it then keeps the tier';
COMMENT ON COLUMN billing_prices.plan_tier IS 'metadata.plan_tier as Stripe has it, whether it is a tier or not';

CREATE TABLE billing_products (
    product_id text COLLATE "C" CONSTRAINT billing_products_pkey PRIMARY KEY,
    name text,
    plan_tier text,
    active boolean NOT NULL,
    deleted boolean NOT NULL,
    livemode boolean NOT NULL,
    last_event_id text COLLATE "C" NOT NULL,
    last_event_created timestamptz NOT NULL,
    needs_refetch boolean NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE billing_products IS 'Products of Stripe''s catalog as their own events show them';
COMMENT ON COLUMN billing_products.plan_tier IS 'metadata.plan_tier as Stripe has it, whether it is a tier or not';

-- ── Items ──────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE billing_subscription_items (
    stripe_subscription_id text NOT NULL CONSTRAINT billing_subscription_items_subscription_fkey
        REFERENCES billing_subscriptions (stripe_subscription_id) ON DELETE CASCADE,
    item_id text COLLATE "C" NOT NULL,
    user_id uuid NOT NULL,
    price_id text COLLATE "C" NOT NULL,
    product_id text COLLATE "C",
    quantity bigint,
    currency text,
    unit_amount bigint,
    unit_amount_decimal numeric,
    billing_interval text,
    interval_count bigint NOT NULL,
    metered boolean NOT NULL,
    tiered boolean NOT NULL,
    period_start timestamptz,
    period_end timestamptz,
    meaning text NOT NULL,
    plan_tier plan_tier,
    CONSTRAINT billing_subscription_items_pkey PRIMARY KEY (stripe_subscription_id, item_id),
    CONSTRAINT billing_subscription_items_known_meaning CHECK (meaning IN ('tier', 'add_on', 'unknown')),
    CONSTRAINT billing_subscription_items_tier_given CHECK ((meaning = 'tier') = (plan_tier IS NOT NULL))
);
CREATE INDEX billing_subscription_items_price ON billing_subscription_items (price_id);
COMMENT ON TABLE billing_subscription_items IS 'What each subscription consists of: the items of its row''s snapshot';
COMMENT ON COLUMN billing_subscription_items.item_id IS
    'si_…; empty for the one item that is read from the top-level plan of very old payloads';
COMMENT ON COLUMN billing_subscription_items.quantity IS 'NULL for metered prices';
COMMENT ON COLUMN billing_subscription_items.meaning IS
    'tier: the price buys plan_tier; add_on: it buys no tier; unknown: no plan maps it';

-- A platform user sees the own rows, as in billing_subscriptions.
ALTER TABLE billing_subscription_items ENABLE ROW LEVEL SECURITY;
CREATE POLICY billing_subscription_items_own_rows ON billing_subscription_items FOR SELECT
    USING (user_id = (SELECT nullif(current_setting('app.current_user_id', true), '')::uuid));

-- ── Schedules ──────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE billing_subscription_schedules (
    schedule_id text COLLATE "C" CONSTRAINT billing_subscription_schedules_pkey PRIMARY KEY,
    stripe_customer_id text COLLATE "C",
    stripe_subscription_id text COLLATE "C",
    status text NOT NULL,
    current_phase_start timestamptz,
    current_phase_end timestamptz,
    end_behavior text,
    phases jsonb NOT NULL,
    livemode boolean NOT NULL,
    last_event_id text COLLATE "C" NOT NULL,
    last_event_created timestamptz NOT NULL,
    needs_refetch boolean NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_subscription_schedules_phases_listed CHECK (jsonb_typeof(phases) = 'array')
);
CREATE INDEX billing_subscription_schedules_subscription
    ON billing_subscription_schedules (stripe_subscription_id) WHERE status IN ('not_started', 'active');
-- As on the other tables that know their customer.
ALTER TABLE billing_subscription_schedules ENABLE ROW LEVEL SECURITY;
CREATE POLICY billing_subscription_schedules_own_rows ON billing_subscription_schedules FOR SELECT
    USING (stripe_customer_id = ANY ((SELECT billing_own_customers())::text[]));
COMMENT ON TABLE billing_subscription_schedules IS
    'Subscription schedules: the only place where Stripe says what a subscription will become';
COMMENT ON COLUMN billing_subscription_schedules.stripe_subscription_id IS
    'The subscription it is, or was, attached to; NULL before it starts';
COMMENT ON COLUMN billing_subscription_schedules.phases IS
    '[{"start": …, "end": …, "prices": ["price_…"]}] in the order of time; our own rendering, made from the payload';

-- ── Subscriptions: additive columns ────────────────────────────────────────────────────────────────────────────────

ALTER TABLE billing_subscriptions
    ADD COLUMN scheduled_change_at timestamptz,
    ADD COLUMN scheduled_price_id text COLLATE "C",
    ADD COLUMN scheduled_plan_tier plan_tier,
    ADD COLUMN held_plan_tier plan_tier,
    ADD COLUMN held_until timestamptz,
    ADD COLUMN billing_cycle_anchor timestamptz,
    ADD COLUMN billing_interval text,
    ADD COLUMN items_truncated boolean NOT NULL DEFAULT false,
    ADD COLUMN catalog_ids text[],
    ADD CONSTRAINT billing_subscriptions_schedule_whole CHECK (
        scheduled_change_at IS NOT NULL OR (scheduled_price_id IS NULL AND scheduled_plan_tier IS NULL)),
    ADD CONSTRAINT billing_subscriptions_hold_whole CHECK ((held_plan_tier IS NULL) = (held_until IS NULL));
COMMENT ON COLUMN billing_subscriptions.scheduled_change_at IS
    'When its schedule will change the price, or end the subscription; NULL when no such change is planned';
COMMENT ON COLUMN billing_subscriptions.scheduled_price_id IS
    'The price that will decide the tier from scheduled_change_at on; NULL when the subscription will end then';
COMMENT ON COLUMN billing_subscriptions.scheduled_plan_tier IS
    'The tier it will buy, free when it will end; NULL while no plan maps the price';
COMMENT ON COLUMN billing_subscriptions.held_plan_tier IS
    'A higher tier that was paid for a period that still runs: it is kept until held_until';
COMMENT ON COLUMN billing_subscriptions.billing_interval IS 'day, week, month or year: of the price that decides the tier';
COMMENT ON COLUMN billing_subscriptions.items_truncated IS
    'Stripe has more items than its events have listed: amount_minor cannot be known';
COMMENT ON COLUMN billing_subscriptions.catalog_ids IS
    'Every price and product any of its snapshots has shown: when one changes its meaning, the row is made anew';
COMMENT ON COLUMN billing_subscriptions.amount_minor IS
    'Price of one period in Stripe''s minor units of currency, without what is metered, discounts and taxes. NULL when a '
    'tiered or multi-currency price leaves it open, items are billed in different intervals, or items are missing';

-- What a catalog event is about, for the subscriptions to look at again.
CREATE INDEX billing_subscriptions_catalog ON billing_subscriptions USING gin (catalog_ids);

-- What time alone may change, for the sweep: it reads who is due and nobody else.
CREATE INDEX billing_subscriptions_grace ON billing_subscriptions (past_due_since) WHERE status = 'past_due';
CREATE INDEX billing_subscriptions_silence ON billing_subscriptions (current_period_end)
    WHERE status IN ('active', 'trialing');
CREATE INDEX billing_subscriptions_cancel_at ON billing_subscriptions (cancel_at)
    WHERE status IN ('active', 'trialing') AND cancel_at IS NOT NULL;
CREATE INDEX billing_subscriptions_held ON billing_subscriptions (held_until) WHERE held_until IS NOT NULL;

-- ── Subscriptions to look at again ─────────────────────────────────────────────────────────────────────────────────

-- A price, a product or the plan map has changed what prices mean. The applier works requests off in pieces, so that one
-- that concerns all subscriptions holds nobody up and survives a restart.
CREATE TABLE billing_reviews (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT billing_reviews_pkey PRIMARY KEY,
    catalog_ids text[],
    requested_at timestamptz NOT NULL DEFAULT now(),
    events_after text COLLATE "C" DEFAULT '',
    subscriptions_after text DEFAULT '',
    features_after text COLLATE "C" DEFAULT '',
    CONSTRAINT billing_reviews_features_with_all CHECK (catalog_ids IS NULL OR features_after IS NULL)
);
COMMENT ON TABLE billing_reviews IS
    'Requests to look again at subscriptions and at events parked for an unmapped price; gone when done';
COMMENT ON COLUMN billing_reviews.catalog_ids IS 'Subscriptions with one of these prices or products; NULL: all';
COMMENT ON COLUMN billing_reviews.events_after IS 'Parked events up to this id have been made due; NULL: all';
COMMENT ON COLUMN billing_reviews.subscriptions_after IS 'Subscriptions up to this id have been made due; NULL: all';
COMMENT ON COLUMN billing_reviews.features_after IS
    'Features of customers up to this one have been made due; NULL: all, or not asked for';

-- ── Quota overrides ────────────────────────────────────────────────────────────────────────────────────────────────

-- A row that expires stays; this says that its end was seen to, so that it is not seen to again and again.
ALTER TABLE billing_quota_overrides ADD COLUMN lapsed_at timestamptz;
COMMENT ON COLUMN billing_quota_overrides.lapsed_at IS 'When the sweep acted on its expiry; set by billsync';
CREATE INDEX billing_quota_overrides_to_lapse ON billing_quota_overrides (expires_at)
    WHERE expires_at IS NOT NULL AND (lapsed_at IS NULL OR lapsed_at < expires_at);

-- Whose override was given, changed or taken away. A deleted row leaves no other trace, and the quota it gave would stay
-- for ever. Append-only for whoever edits overrides, so that nobody waits for the sweep.
CREATE TABLE billing_override_changes (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT billing_override_changes_pkey PRIMARY KEY,
    user_id uuid NOT NULL
);
COMMENT ON TABLE billing_override_changes IS 'Users whose quota override has changed since the last entitlement sweep';

CREATE FUNCTION billing_note_override_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO billing_override_changes (user_id)
    SELECT DISTINCT t.user_id
    FROM (VALUES (CASE WHEN TG_OP <> 'INSERT' THEN OLD.user_id END),
                 (CASE WHEN TG_OP <> 'DELETE' THEN NEW.user_id END)) AS t (user_id)
    WHERE t.user_id IS NOT NULL;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION billing_note_override_change() IS 'Tells the entitlement sweep whose quota override has changed';

CREATE TRIGGER billing_quota_overrides_given AFTER INSERT OR DELETE ON billing_quota_overrides
    FOR EACH ROW EXECUTE FUNCTION billing_note_override_change();
-- Not for lapsed_at, which the sweep itself writes.
CREATE TRIGGER billing_quota_overrides_changed AFTER UPDATE OF user_id, monthly_runs_quota, expires_at
    ON billing_quota_overrides FOR EACH ROW EXECUTE FUNCTION billing_note_override_change();
REVOKE EXECUTE ON FUNCTION billing_note_override_change() FROM PUBLIC;

-- Overrides of before: those in force are looked at once; the end of those whose quota the user has no more was seen to.
INSERT INTO billing_override_changes (user_id)
SELECT user_id FROM billing_quota_overrides WHERE expires_at IS NULL OR expires_at > now();
UPDATE billing_quota_overrides o SET lapsed_at = now()
FROM users u
WHERE u.id = o.user_id AND o.expires_at <= now() AND u.monthly_runs_quota IS DISTINCT FROM o.monthly_runs_quota;

-- Rows of before lack the new columns; each is made anew from its events.
INSERT INTO billing_reviews (features_after) SELECT NULL WHERE EXISTS (SELECT FROM billing_subscriptions);

-- Hosts with default grants open new tables to everybody they know.
DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
