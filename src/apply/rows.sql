-- name: FindRates
-- The last rate not after a day, for each (currency, day) asked for.
SELECT t.currency, t.day::text AS day,
       (SELECT r.usd_per_unit::text FROM billing_fx_rates r
        WHERE r.currency = t.currency AND r.valid_from <= t.day ORDER BY r.valid_from DESC LIMIT 1) AS rate
FROM unnest($1::text[], $2::date[]) AS t (currency, day)

-- name: ReadInvoicesPaid
-- Of the invoices $1 those that are known, and whether each is paid. Under the lock of their customer's key, which whoever
-- writes one of them holds. Index of the unique key.
SELECT stripe_invoice_id, coalesce(status = 'paid', false) AS is_paid, finalized_at
FROM billing_invoices WHERE stripe_invoice_id = ANY ($1::text[])

-- name: FindHoldsOnInvoices
-- The subscriptions whose held tier was decided by what was known of one of the invoices $1. Index
-- billing_subscriptions_hold_invoices, which has hardly a row.
SELECT stripe_subscription_id FROM billing_subscriptions
WHERE hold_invoices && $1::text[] ORDER BY stripe_subscription_id

-- name: UpsertSubscriptions
-- Under the objects' advisory locks; writes only rows that differ. Amounts come as decimals of their currency.
INSERT INTO billing_subscriptions AS b
    (user_id, stripe_subscription_id, stripe_customer_id, stripe_price_id, plan_tier, status, current_period_start,
     current_period_end, cancel_at_period_end, canceled_at, cancel_at, ended_at, started_at, trial_end,
     past_due_since, pause_collection, scheduled_change_at, scheduled_price_id, scheduled_plan_tier,
     scheduled_quantity, held_plan_tier, held_until, hold_invoices, billing_cycle_anchor, billing_day, billing_interval,
     items_truncated, catalog_ids, currency, amount_minor, amount_usd, livemode, last_event_id, last_event_created,
     needs_refetch)
SELECT t.user_id, t.stripe_subscription_id, t.stripe_customer_id, t.stripe_price_id, t.plan_tier, t.status,
       t.current_period_start, t.current_period_end, t.cancel_at_period_end, t.canceled_at, t.cancel_at, t.ended_at,
       t.started_at, t.trial_end, t.past_due_since, t.pause_collection, t.scheduled_change_at, t.scheduled_price_id,
       t.scheduled_plan_tier, t.scheduled_quantity, t.held_plan_tier, t.held_until, t.hold_invoices::text[],
       t.billing_cycle_anchor, t.billing_day, t.billing_interval, t.items_truncated, t.catalog_ids::text[],
       t.currency, t.amount_minor, round(t.amount * t.usd_per_unit, 2), t.livemode, t.last_event_id, t.last_event_created, t.needs_refetch
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::plan_tier[], $6::text[], $7::timestamptz[],
            $8::timestamptz[], $9::boolean[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[],
            $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $16::text[], $17::timestamptz[], $18::text[],
            $19::plan_tier[], $20::bigint[], $21::plan_tier[], $22::timestamptz[], $23::text[], $24::timestamptz[],
            $25::smallint[], $26::text[], $27::boolean[], $28::text[], $29::text[], $30::bigint[], $31::numeric[],
            $32::numeric[], $33::boolean[], $34::text[], $35::timestamptz[], $36::boolean[])
     AS t (user_id, stripe_subscription_id, stripe_customer_id, stripe_price_id, plan_tier, status,
           current_period_start, current_period_end, cancel_at_period_end, canceled_at, cancel_at, ended_at,
           started_at, trial_end, past_due_since, pause_collection, scheduled_change_at, scheduled_price_id,
           scheduled_plan_tier, scheduled_quantity, held_plan_tier, held_until, hold_invoices, billing_cycle_anchor,
           billing_day, billing_interval, items_truncated, catalog_ids, currency, amount_minor, amount, usd_per_unit,
           livemode, last_event_id, last_event_created, needs_refetch)
ORDER BY t.stripe_subscription_id
ON CONFLICT (stripe_subscription_id) DO UPDATE SET
    user_id = EXCLUDED.user_id, stripe_customer_id = EXCLUDED.stripe_customer_id,
    stripe_price_id = EXCLUDED.stripe_price_id, plan_tier = EXCLUDED.plan_tier, status = EXCLUDED.status,
    current_period_start = EXCLUDED.current_period_start, current_period_end = EXCLUDED.current_period_end,
    cancel_at_period_end = EXCLUDED.cancel_at_period_end, canceled_at = EXCLUDED.canceled_at,
    cancel_at = EXCLUDED.cancel_at, ended_at = EXCLUDED.ended_at, started_at = EXCLUDED.started_at,
    trial_end = EXCLUDED.trial_end, past_due_since = EXCLUDED.past_due_since,
    pause_collection = EXCLUDED.pause_collection, scheduled_change_at = EXCLUDED.scheduled_change_at,
    scheduled_price_id = EXCLUDED.scheduled_price_id, scheduled_plan_tier = EXCLUDED.scheduled_plan_tier,
    scheduled_quantity = EXCLUDED.scheduled_quantity, held_plan_tier = EXCLUDED.held_plan_tier,
    held_until = EXCLUDED.held_until, hold_invoices = EXCLUDED.hold_invoices,
    billing_cycle_anchor = EXCLUDED.billing_cycle_anchor, billing_day = EXCLUDED.billing_day, billing_interval = EXCLUDED.billing_interval,
    items_truncated = EXCLUDED.items_truncated, catalog_ids = EXCLUDED.catalog_ids, currency = EXCLUDED.currency,
    amount_minor = EXCLUDED.amount_minor, amount_usd = EXCLUDED.amount_usd, livemode = EXCLUDED.livemode,
    last_event_id = EXCLUDED.last_event_id, last_event_created = EXCLUDED.last_event_created,
    needs_refetch = EXCLUDED.needs_refetch
WHERE (b.user_id, b.stripe_customer_id, b.stripe_price_id, b.plan_tier, b.status, b.current_period_start,
       b.current_period_end, b.cancel_at_period_end, b.canceled_at, b.cancel_at, b.ended_at, b.started_at,
       b.trial_end, b.past_due_since, b.pause_collection, b.scheduled_change_at, b.scheduled_price_id,
       b.scheduled_plan_tier, b.scheduled_quantity, b.held_plan_tier, b.held_until, b.hold_invoices,
       b.billing_cycle_anchor, b.billing_day, b.billing_interval,
       b.items_truncated, b.catalog_ids, b.currency, b.amount_minor, b.amount_usd, b.livemode, b.last_event_id,
       b.last_event_created, b.needs_refetch)
   IS DISTINCT FROM
      (EXCLUDED.user_id, EXCLUDED.stripe_customer_id, EXCLUDED.stripe_price_id, EXCLUDED.plan_tier, EXCLUDED.status,
       EXCLUDED.current_period_start, EXCLUDED.current_period_end, EXCLUDED.cancel_at_period_end,
       EXCLUDED.canceled_at, EXCLUDED.cancel_at, EXCLUDED.ended_at, EXCLUDED.started_at, EXCLUDED.trial_end,
       EXCLUDED.past_due_since, EXCLUDED.pause_collection, EXCLUDED.scheduled_change_at, EXCLUDED.scheduled_price_id,
       EXCLUDED.scheduled_plan_tier, EXCLUDED.scheduled_quantity, EXCLUDED.held_plan_tier, EXCLUDED.held_until,
       EXCLUDED.hold_invoices, EXCLUDED.billing_cycle_anchor, EXCLUDED.billing_day, EXCLUDED.billing_interval, EXCLUDED.items_truncated, EXCLUDED.catalog_ids, EXCLUDED.currency,
       EXCLUDED.amount_minor, EXCLUDED.amount_usd, EXCLUDED.livemode, EXCLUDED.last_event_id,
       EXCLUDED.last_event_created, EXCLUDED.needs_refetch)

-- name: UpsertInvoices
-- As UpsertSubscriptions, and returns the ids of the rows it wrote. The _usd amounts are decimals of the currency times
-- its rate (1 for US dollars). What was refunded and credited is computed afterwards, see invoice_totals.sql.
INSERT INTO billing_invoices AS b
    (user_id, stripe_invoice_id, stripe_customer_id, stripe_subscription_id, stripe_invoice_url, number,
     billing_reason, status, paid, currency, amount_minor, amount_paid_minor, amount_remaining_minor,
     credited_by_snapshot_minor, credited_as_of, stripe_payment_intent_id, stripe_charge_id, amount_usd,
     amount_paid_usd, usd_per_unit, due_date, issued_at, finalized_at, paid_at, voided_at, marked_uncollectible_at,
     attempt_count, next_payment_attempt, deleted, livemode, last_event_id, last_event_created, needs_refetch)
SELECT t.user_id, t.stripe_invoice_id, t.stripe_customer_id, t.stripe_subscription_id, t.stripe_invoice_url, t.number,
       t.billing_reason, t.status, t.status = 'paid', t.currency, t.amount_minor, t.amount_paid_minor,
       t.amount_remaining_minor, t.credited_by_snapshot_minor, t.credited_as_of, t.stripe_payment_intent_id,
       t.stripe_charge_id, round(t.total * coalesce(t.usd_per_unit, 1), 2),
       round(t.paid * coalesce(t.usd_per_unit, 1), 2), t.usd_per_unit, (t.due_at AT TIME ZONE 'UTC')::date,
       t.issued_at, t.finalized_at, t.paid_at, t.voided_at, t.marked_uncollectible_at, t.attempt_count,
       t.next_payment_attempt, t.deleted, t.livemode, t.last_event_id, t.last_event_created, t.needs_refetch
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::timestamptz[], $15::text[],
            $16::text[], $17::numeric[], $18::numeric[], $19::numeric[], $20::timestamptz[], $21::timestamptz[],
            $22::timestamptz[], $23::timestamptz[], $24::timestamptz[], $25::timestamptz[], $26::int[],
            $27::timestamptz[], $28::boolean[], $29::boolean[], $30::text[], $31::timestamptz[], $32::boolean[])
     AS t (user_id, stripe_invoice_id, stripe_customer_id, stripe_subscription_id, stripe_invoice_url, number,
           billing_reason, status, currency, amount_minor, amount_paid_minor, amount_remaining_minor,
           credited_by_snapshot_minor, credited_as_of, stripe_payment_intent_id, stripe_charge_id, total, paid,
           usd_per_unit, due_at, issued_at, finalized_at, paid_at, voided_at, marked_uncollectible_at, attempt_count,
           next_payment_attempt, deleted, livemode, last_event_id, last_event_created, needs_refetch)
ORDER BY t.stripe_invoice_id
ON CONFLICT (stripe_invoice_id) DO UPDATE SET
    user_id = EXCLUDED.user_id, stripe_customer_id = EXCLUDED.stripe_customer_id,
    stripe_subscription_id = EXCLUDED.stripe_subscription_id, stripe_invoice_url = EXCLUDED.stripe_invoice_url,
    number = EXCLUDED.number, billing_reason = EXCLUDED.billing_reason, status = EXCLUDED.status,
    paid = EXCLUDED.paid, currency = EXCLUDED.currency, amount_minor = EXCLUDED.amount_minor,
    amount_paid_minor = EXCLUDED.amount_paid_minor, amount_remaining_minor = EXCLUDED.amount_remaining_minor,
    credited_by_snapshot_minor = EXCLUDED.credited_by_snapshot_minor, credited_as_of = EXCLUDED.credited_as_of,
    stripe_payment_intent_id = EXCLUDED.stripe_payment_intent_id, stripe_charge_id = EXCLUDED.stripe_charge_id,
    amount_usd = EXCLUDED.amount_usd, amount_paid_usd = EXCLUDED.amount_paid_usd,
    usd_per_unit = EXCLUDED.usd_per_unit, due_date = EXCLUDED.due_date, issued_at = EXCLUDED.issued_at,
    finalized_at = EXCLUDED.finalized_at, paid_at = EXCLUDED.paid_at, voided_at = EXCLUDED.voided_at,
    marked_uncollectible_at = EXCLUDED.marked_uncollectible_at, attempt_count = EXCLUDED.attempt_count,
    next_payment_attempt = EXCLUDED.next_payment_attempt, deleted = EXCLUDED.deleted, livemode = EXCLUDED.livemode,
    last_event_id = EXCLUDED.last_event_id, last_event_created = EXCLUDED.last_event_created,
    needs_refetch = EXCLUDED.needs_refetch
WHERE (b.user_id, b.stripe_customer_id, b.stripe_subscription_id, b.stripe_invoice_url, b.number, b.billing_reason,
       b.status, b.currency, b.amount_minor, b.amount_paid_minor, b.amount_remaining_minor,
       b.credited_by_snapshot_minor, b.credited_as_of, b.stripe_payment_intent_id, b.stripe_charge_id, b.amount_usd,
       b.amount_paid_usd, b.usd_per_unit, b.due_date, b.issued_at, b.finalized_at, b.paid_at, b.voided_at,
       b.marked_uncollectible_at, b.attempt_count, b.next_payment_attempt, b.deleted, b.livemode, b.last_event_id,
       b.last_event_created, b.needs_refetch)
   IS DISTINCT FROM
      (EXCLUDED.user_id, EXCLUDED.stripe_customer_id, EXCLUDED.stripe_subscription_id, EXCLUDED.stripe_invoice_url,
       EXCLUDED.number, EXCLUDED.billing_reason, EXCLUDED.status, EXCLUDED.currency, EXCLUDED.amount_minor,
       EXCLUDED.amount_paid_minor, EXCLUDED.amount_remaining_minor, EXCLUDED.credited_by_snapshot_minor,
       EXCLUDED.credited_as_of, EXCLUDED.stripe_payment_intent_id, EXCLUDED.stripe_charge_id, EXCLUDED.amount_usd,
       EXCLUDED.amount_paid_usd, EXCLUDED.usd_per_unit, EXCLUDED.due_date, EXCLUDED.issued_at, EXCLUDED.finalized_at,
       EXCLUDED.paid_at, EXCLUDED.voided_at, EXCLUDED.marked_uncollectible_at, EXCLUDED.attempt_count,
       EXCLUDED.next_payment_attempt, EXCLUDED.deleted, EXCLUDED.livemode, EXCLUDED.last_event_id,
       EXCLUDED.last_event_created, EXCLUDED.needs_refetch)
RETURNING b.stripe_invoice_id
