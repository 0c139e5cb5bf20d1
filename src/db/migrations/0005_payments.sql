-- Money beside the invoice: payments, refunds, credit notes and discounts as Stripe's own objects tell them, the
-- features a customer is entitled to, and what of them an invoice's refunded and credited amounts are computed from.
--
-- Rows of these tables are written whether or not anybody knows the customer: a refund may be heard of long before the
-- invoice it belongs to. Amounts are Stripe's minor units of `currency`.

-- Which customers are the user's own, for the policies below. A definer's function, because a platform user may not
-- read billing_customers. Nobody but billsync's roles may call it until the platform's owner says so.
CREATE FUNCTION billing_own_customers() RETURNS text[]
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(array_agg(stripe_customer_id), '{}') FROM billing_customers
    WHERE user_id = nullif(current_setting('app.current_user_id', true), '')::uuid
$$;
COMMENT ON FUNCTION billing_own_customers() IS
    'Stripe customers of app.current_user_id. To show users their own payments: GRANT EXECUTE on it, and SELECT on the tables';

-- ── Payments ───────────────────────────────────────────────────────────────────────────────────────────────────────

-- Until 2025-02-24.acacia charge, payment intent and invoice name each other; from 2025-03-31.basil only the invoice
-- payment names the invoice. So each object's row keeps what that object says, and what they say together is worked out
-- when an invoice's amounts are computed: an order of arrival cannot matter then.
CREATE TABLE billing_payments (
    stripe_object_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    stripe_customer_id text COLLATE "C",
    stripe_payment_intent_id text COLLATE "C",
    stripe_charge_id text COLLATE "C",
    stripe_invoice_id text COLLATE "C",
    currency text,
    amount_minor bigint,
    amount_refunded_minor bigint,
    status text,
    paid_at timestamptz,
    issued_at timestamptz,
    livemode boolean NOT NULL,
    needs_refetch boolean NOT NULL,
    last_event_id text COLLATE "C" NOT NULL,
    last_event_created timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_payments_pkey PRIMARY KEY (stripe_object_id),
    CONSTRAINT billing_payments_known_kind CHECK (kind IN ('charge', 'payment_intent', 'invoice_payment')),
    CONSTRAINT billing_payments_charge_names_itself CHECK (kind <> 'charge' OR stripe_charge_id = stripe_object_id),
    CONSTRAINT billing_payments_intent_names_itself
        CHECK (kind <> 'payment_intent' OR stripe_payment_intent_id = stripe_object_id)
);
CREATE INDEX billing_payments_intent ON billing_payments (stripe_payment_intent_id);
CREATE INDEX billing_payments_charge ON billing_payments (stripe_charge_id);
CREATE INDEX billing_payments_invoice ON billing_payments (stripe_invoice_id);
CREATE INDEX billing_payments_customer ON billing_payments (stripe_customer_id);
COMMENT ON TABLE billing_payments IS
    'Charges, payment intents and invoice payments: what each says of the payment it is part of. Without invoice: a one-off payment';
COMMENT ON COLUMN billing_payments.stripe_invoice_id IS 'The invoice this object names; payloads from basil on leave it to the invoice payment';
COMMENT ON COLUMN billing_payments.amount_refunded_minor IS 'Of a charge: what Stripe counts as refunded, by its newest snapshot';
COMMENT ON COLUMN billing_payments.issued_at IS 'When Stripe created the object';

-- ── Refunds ────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE billing_refunds (
    stripe_refund_id text COLLATE "C" NOT NULL,
    stripe_customer_id text COLLATE "C",
    stripe_payment_intent_id text COLLATE "C",
    stripe_charge_id text COLLATE "C",
    currency text NOT NULL,
    amount_minor bigint NOT NULL,
    status text,
    reason text,
    issued_at timestamptz,
    livemode boolean NOT NULL,
    needs_refetch boolean NOT NULL,
    last_event_id text COLLATE "C" NOT NULL,
    last_event_created timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_refunds_pkey PRIMARY KEY (stripe_refund_id)
);
CREATE INDEX billing_refunds_intent ON billing_refunds (stripe_payment_intent_id);
CREATE INDEX billing_refunds_charge ON billing_refunds (stripe_charge_id);
COMMENT ON TABLE billing_refunds IS 'Refunds as Stripe''s refund objects tell them; failed and canceled ones gave the money back';
COMMENT ON COLUMN billing_refunds.stripe_customer_id IS 'Named by refunds since 2026-07-29.dahlia; before, the payment tells';

-- ── Credit notes ───────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE billing_credit_notes (
    stripe_credit_note_id text COLLATE "C" NOT NULL,
    stripe_invoice_id text COLLATE "C" NOT NULL,
    stripe_customer_id text COLLATE "C",
    number text,
    type text,
    status text,
    reason text,
    currency text NOT NULL,
    amount_minor bigint NOT NULL,
    pre_payment_minor bigint,
    post_payment_minor bigint,
    issued_at timestamptz NOT NULL,
    voided_at timestamptz,
    livemode boolean NOT NULL,
    needs_refetch boolean NOT NULL,
    last_event_id text COLLATE "C" NOT NULL,
    last_event_created timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_credit_notes_pkey PRIMARY KEY (stripe_credit_note_id),
    CONSTRAINT billing_credit_notes_void_has_time CHECK (status <> 'void' OR voided_at IS NOT NULL)
);
CREATE INDEX billing_credit_notes_invoice ON billing_credit_notes (stripe_invoice_id);
CREATE INDEX billing_credit_notes_customer ON billing_credit_notes (stripe_customer_id);
COMMENT ON TABLE billing_credit_notes IS 'Credit notes: what was taken back of an invoice, before or after it was paid';
COMMENT ON COLUMN billing_credit_notes.amount_minor IS 'Including tax';

-- ── Discounts ──────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE billing_discounts (
    stripe_discount_id text COLLATE "C" NOT NULL,
    stripe_customer_id text COLLATE "C",
    stripe_subscription_id text COLLATE "C",
    coupon text,
    promotion_code text,
    percent_off numeric,
    amount_off_minor bigint,
    currency text,
    starts_at timestamptz,
    ends_at timestamptz,
    deleted boolean NOT NULL,
    needs_refetch boolean NOT NULL,
    last_event_id text COLLATE "C" NOT NULL,
    last_event_created timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_discounts_pkey PRIMARY KEY (stripe_discount_id)
);
CREATE INDEX billing_discounts_customer ON billing_discounts (stripe_customer_id);
COMMENT ON TABLE billing_discounts IS 'Coupons in force on customers and subscriptions; what an invoice was reduced by is in its total';
COMMENT ON COLUMN billing_discounts.percent_off IS 'NULL with amount_off_minor where Stripe names the coupon only by its id';

-- ── Features ───────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE billing_customer_features (
    stripe_customer_id text COLLATE "C" NOT NULL,
    lookup_keys text[] NOT NULL,
    truncated boolean NOT NULL,
    livemode boolean NOT NULL,
    needs_refetch boolean NOT NULL,
    last_event_id text COLLATE "C" NOT NULL,
    last_event_created timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_customer_features_pkey PRIMARY KEY (stripe_customer_id)
);
COMMENT ON TABLE billing_customer_features IS
    'Features a customer is entitled to by Stripe''s active entitlements; tiers follow them where a plan names features';
COMMENT ON COLUMN billing_customer_features.lookup_keys IS
    'Sorted. Where Stripe listed a part only (truncated), with those of the last whole list: what is not shown is not gone';

-- ── Row-level security: as on the other billing tables, a user sees the own rows and writes none ───────────────────

ALTER TABLE billing_payments ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_refunds ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_credit_notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_discounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_customer_features ENABLE ROW LEVEL SECURITY;
CREATE POLICY billing_payments_own_rows ON billing_payments FOR SELECT
    USING (stripe_customer_id = ANY ((SELECT billing_own_customers())::text[]));
CREATE POLICY billing_credit_notes_own_rows ON billing_credit_notes FOR SELECT
    USING (stripe_customer_id = ANY ((SELECT billing_own_customers())::text[]));
CREATE POLICY billing_discounts_own_rows ON billing_discounts FOR SELECT
    USING (stripe_customer_id = ANY ((SELECT billing_own_customers())::text[]));
CREATE POLICY billing_customer_features_own_rows ON billing_customer_features FOR SELECT
    USING (stripe_customer_id = ANY ((SELECT billing_own_customers())::text[]));
-- Most refunds name no customer; those of the user's own payments (which the policy above shows) are the user's.
CREATE POLICY billing_refunds_own_rows ON billing_refunds FOR SELECT
    USING (stripe_customer_id = ANY ((SELECT billing_own_customers())::text[])
           OR stripe_payment_intent_id IN (SELECT p.stripe_payment_intent_id FROM billing_payments p)
           OR stripe_charge_id IN (SELECT p.stripe_charge_id FROM billing_payments p));

-- ── Invoices: what their refunded and credited amounts are computed from ───────────────────────────────────────────

ALTER TABLE billing_invoices
    ADD COLUMN stripe_payment_intent_id text COLLATE "C",
    ADD COLUMN stripe_charge_id text COLLATE "C",
    ADD COLUMN credited_by_snapshot_minor bigint,
    ADD COLUMN credited_as_of timestamptz;
CREATE INDEX billing_invoices_intent ON billing_invoices (stripe_payment_intent_id)
    WHERE stripe_payment_intent_id IS NOT NULL;
CREATE INDEX billing_invoices_charge ON billing_invoices (stripe_charge_id) WHERE stripe_charge_id IS NOT NULL;
COMMENT ON COLUMN billing_invoices.amount_refunded_minor IS
    'Refunds of the payments of this invoice, as far as their objects are known; NULL for rows from before billsync';
COMMENT ON COLUMN billing_invoices.amount_credited_minor IS
    'Credit notes: credited_by_snapshot_minor, plus those issued and less those voided after credited_as_of';
COMMENT ON COLUMN billing_invoices.credited_by_snapshot_minor IS
    'What the invoice itself said of its credit notes at credited_as_of';
COMMENT ON COLUMN billing_invoices.stripe_payment_intent_id IS
    'The payment the invoice names; only payloads before 2025-03-31.basil do';

-- ── Evidence of whose customer is whose ────────────────────────────────────────────────────────────────────────────

-- Everything that named a user for a customer that is not linked yet, each name once with the oldest event that said
-- so: among equals the oldest that names an existing user links, however the events arrived. Takes the place of
-- billing_customers.metadata_user_id and reference_user_id, which remembered one each; they stay for the release before.
CREATE TABLE billing_customer_evidence (
    stripe_customer_id text COLLATE "C" NOT NULL,
    source text NOT NULL,
    named_user text COLLATE "C" NOT NULL,
    event_created timestamptz NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    CONSTRAINT billing_customer_evidence_pkey PRIMARY KEY (stripe_customer_id, source, named_user),
    CONSTRAINT billing_customer_evidence_known_source CHECK (source IN ('metadata', 'checkout_reference'))
);
CREATE INDEX billing_customer_evidence_user ON billing_customer_evidence (named_user);
COMMENT ON TABLE billing_customer_evidence IS 'What named a user for a customer before it was linked, and the oldest event that did';

-- What is remembered so far. The event is not; any event that says the same replaces it, being older.
INSERT INTO billing_customer_evidence (stripe_customer_id, source, named_user, event_created, event_id)
SELECT c.stripe_customer_id, e.source, e.named_user, c.updated_at, 'billing_customers'
FROM billing_customers c
CROSS JOIN LATERAL (VALUES ('metadata', c.metadata_user_id), ('checkout_reference', c.reference_user_id))
    AS e (source, named_user)
WHERE c.user_id IS NULL AND e.named_user IS NOT NULL;

-- As in 0003, and with all the evidence: a user came that some of it already named.
CREATE OR REPLACE FUNCTION billing_release_parked_of_customer() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    customers text[] := array_remove(ARRAY[NEW.stripe_customer_id], NULL);
BEGIN
    IF TG_OP = 'INSERT' THEN
        customers := customers || ARRAY(
            SELECT stripe_customer_id FROM billing_customers WHERE user_id IS NULL AND metadata_user_id = NEW.id::text
            UNION ALL
            SELECT stripe_customer_id FROM billing_customers WHERE user_id IS NULL AND reference_user_id = NEW.id::text
            UNION ALL
            SELECT e.stripe_customer_id FROM billing_customer_evidence e WHERE e.named_user = NEW.id::text);
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

-- Hosts with default grants open new tables to everybody they know.
DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
