-- name: UpsertPayments
-- Under the objects' advisory locks, in key order; writes only rows that differ. Primary key.
INSERT INTO billing_payments AS b
    (stripe_object_id, kind, stripe_customer_id, stripe_payment_intent_id, stripe_charge_id, stripe_invoice_id,
     currency, amount_minor, amount_refunded_minor, status, paid_at, issued_at, livemode, needs_refetch,
     last_event_id, last_event_created)
SELECT t.stripe_object_id, t.kind, t.stripe_customer_id, t.stripe_payment_intent_id, t.stripe_charge_id,
       t.stripe_invoice_id, t.currency, t.amount_minor, t.amount_refunded_minor, t.status, t.paid_at, t.issued_at,
       t.livemode, t.needs_refetch, t.last_event_id, t.last_event_created
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
            $9::bigint[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::boolean[], $14::boolean[],
            $15::text[], $16::timestamptz[])
     AS t (stripe_object_id, kind, stripe_customer_id, stripe_payment_intent_id, stripe_charge_id, stripe_invoice_id,
           currency, amount_minor, amount_refunded_minor, status, paid_at, issued_at, livemode, needs_refetch,
           last_event_id, last_event_created)
ORDER BY t.stripe_object_id
ON CONFLICT (stripe_object_id) DO UPDATE SET
    kind = EXCLUDED.kind, stripe_customer_id = EXCLUDED.stripe_customer_id,
    stripe_payment_intent_id = EXCLUDED.stripe_payment_intent_id, stripe_charge_id = EXCLUDED.stripe_charge_id,
    stripe_invoice_id = EXCLUDED.stripe_invoice_id, currency = EXCLUDED.currency,
    amount_minor = EXCLUDED.amount_minor, amount_refunded_minor = EXCLUDED.amount_refunded_minor,
    status = EXCLUDED.status, paid_at = EXCLUDED.paid_at, issued_at = EXCLUDED.issued_at,
    livemode = EXCLUDED.livemode, needs_refetch = EXCLUDED.needs_refetch, last_event_id = EXCLUDED.last_event_id,
    last_event_created = EXCLUDED.last_event_created, updated_at = now()
WHERE (b.kind, b.stripe_customer_id, b.stripe_payment_intent_id, b.stripe_charge_id, b.stripe_invoice_id, b.currency,
       b.amount_minor, b.amount_refunded_minor, b.status, b.paid_at, b.issued_at, b.livemode, b.needs_refetch,
       b.last_event_id, b.last_event_created)
   IS DISTINCT FROM
      (EXCLUDED.kind, EXCLUDED.stripe_customer_id, EXCLUDED.stripe_payment_intent_id, EXCLUDED.stripe_charge_id,
       EXCLUDED.stripe_invoice_id, EXCLUDED.currency, EXCLUDED.amount_minor, EXCLUDED.amount_refunded_minor,
       EXCLUDED.status, EXCLUDED.paid_at, EXCLUDED.issued_at, EXCLUDED.livemode, EXCLUDED.needs_refetch,
       EXCLUDED.last_event_id, EXCLUDED.last_event_created)

-- name: UpsertRefunds
-- As UpsertPayments.
INSERT INTO billing_refunds AS b
    (stripe_refund_id, stripe_customer_id, stripe_payment_intent_id, stripe_charge_id, currency, amount_minor, status,
     reason, issued_at, livemode, needs_refetch, last_event_id, last_event_created)
SELECT t.stripe_refund_id, t.stripe_customer_id, t.stripe_payment_intent_id, t.stripe_charge_id, t.currency,
       t.amount_minor, t.status, t.reason, t.issued_at, t.livemode, t.needs_refetch, t.last_event_id,
       t.last_event_created
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[],
            $9::timestamptz[], $10::boolean[], $11::boolean[], $12::text[], $13::timestamptz[])
     AS t (stripe_refund_id, stripe_customer_id, stripe_payment_intent_id, stripe_charge_id, currency, amount_minor,
           status, reason, issued_at, livemode, needs_refetch, last_event_id, last_event_created)
ORDER BY t.stripe_refund_id
ON CONFLICT (stripe_refund_id) DO UPDATE SET
    stripe_customer_id = EXCLUDED.stripe_customer_id, stripe_payment_intent_id = EXCLUDED.stripe_payment_intent_id,
    stripe_charge_id = EXCLUDED.stripe_charge_id, currency = EXCLUDED.currency, amount_minor = EXCLUDED.amount_minor,
    status = EXCLUDED.status, reason = EXCLUDED.reason, issued_at = EXCLUDED.issued_at, livemode = EXCLUDED.livemode,
    needs_refetch = EXCLUDED.needs_refetch, last_event_id = EXCLUDED.last_event_id,
    last_event_created = EXCLUDED.last_event_created, updated_at = now()
WHERE (b.stripe_customer_id, b.stripe_payment_intent_id, b.stripe_charge_id, b.currency, b.amount_minor, b.status,
       b.reason, b.issued_at, b.livemode, b.needs_refetch, b.last_event_id, b.last_event_created)
   IS DISTINCT FROM
      (EXCLUDED.stripe_customer_id, EXCLUDED.stripe_payment_intent_id, EXCLUDED.stripe_charge_id, EXCLUDED.currency,
       EXCLUDED.amount_minor, EXCLUDED.status, EXCLUDED.reason, EXCLUDED.issued_at, EXCLUDED.livemode,
       EXCLUDED.needs_refetch, EXCLUDED.last_event_id, EXCLUDED.last_event_created)

-- name: UpsertCreditNotes
-- As UpsertPayments.
INSERT INTO billing_credit_notes AS b
    (stripe_credit_note_id, stripe_invoice_id, stripe_customer_id, number, type, status, reason, currency,
     amount_minor, pre_payment_minor, post_payment_minor, issued_at, voided_at, livemode, needs_refetch,
     last_event_id, last_event_created)
SELECT t.stripe_credit_note_id, t.stripe_invoice_id, t.stripe_customer_id, t.number, t.type, t.status, t.reason,
       t.currency, t.amount_minor, t.pre_payment_minor, t.post_payment_minor, t.issued_at, t.voided_at, t.livemode,
       t.needs_refetch, t.last_event_id, t.last_event_created
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::bigint[], $10::bigint[], $11::bigint[], $12::timestamptz[], $13::timestamptz[], $14::boolean[],
            $15::boolean[], $16::text[], $17::timestamptz[])
     AS t (stripe_credit_note_id, stripe_invoice_id, stripe_customer_id, number, type, status, reason, currency,
           amount_minor, pre_payment_minor, post_payment_minor, issued_at, voided_at, livemode, needs_refetch,
           last_event_id, last_event_created)
ORDER BY t.stripe_credit_note_id
ON CONFLICT (stripe_credit_note_id) DO UPDATE SET
    stripe_invoice_id = EXCLUDED.stripe_invoice_id, stripe_customer_id = EXCLUDED.stripe_customer_id,
    number = EXCLUDED.number, type = EXCLUDED.type, status = EXCLUDED.status, reason = EXCLUDED.reason,
    currency = EXCLUDED.currency, amount_minor = EXCLUDED.amount_minor,
    pre_payment_minor = EXCLUDED.pre_payment_minor, post_payment_minor = EXCLUDED.post_payment_minor,
    issued_at = EXCLUDED.issued_at, voided_at = EXCLUDED.voided_at, livemode = EXCLUDED.livemode,
    needs_refetch = EXCLUDED.needs_refetch, last_event_id = EXCLUDED.last_event_id,
    last_event_created = EXCLUDED.last_event_created, updated_at = now()
WHERE (b.stripe_invoice_id, b.stripe_customer_id, b.number, b.type, b.status, b.reason, b.currency, b.amount_minor,
       b.pre_payment_minor, b.post_payment_minor, b.issued_at, b.voided_at, b.livemode, b.needs_refetch,
       b.last_event_id, b.last_event_created)
   IS DISTINCT FROM
      (EXCLUDED.stripe_invoice_id, EXCLUDED.stripe_customer_id, EXCLUDED.number, EXCLUDED.type, EXCLUDED.status,
       EXCLUDED.reason, EXCLUDED.currency, EXCLUDED.amount_minor, EXCLUDED.pre_payment_minor,
       EXCLUDED.post_payment_minor, EXCLUDED.issued_at, EXCLUDED.voided_at, EXCLUDED.livemode, EXCLUDED.needs_refetch,
       EXCLUDED.last_event_id, EXCLUDED.last_event_created)

-- name: UpsertDiscounts
-- As UpsertPayments. The object does not say its mode; the events about it do.
INSERT INTO billing_discounts AS b
    (stripe_discount_id, stripe_customer_id, stripe_subscription_id, coupon, promotion_code, percent_off,
     amount_off_minor, currency, starts_at, ends_at, deleted, needs_refetch, last_event_id, last_event_created)
SELECT t.stripe_discount_id, t.stripe_customer_id, t.stripe_subscription_id, t.coupon, t.promotion_code,
       t.percent_off, t.amount_off_minor, t.currency, t.starts_at, t.ends_at, t.deleted, t.needs_refetch,
       t.last_event_id, t.last_event_created
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::bigint[], $8::text[],
            $9::timestamptz[], $10::timestamptz[], $11::boolean[], $12::boolean[], $13::text[], $14::timestamptz[])
     AS t (stripe_discount_id, stripe_customer_id, stripe_subscription_id, coupon, promotion_code, percent_off,
           amount_off_minor, currency, starts_at, ends_at, deleted, needs_refetch, last_event_id, last_event_created)
ORDER BY t.stripe_discount_id
ON CONFLICT (stripe_discount_id) DO UPDATE SET
    stripe_customer_id = EXCLUDED.stripe_customer_id, stripe_subscription_id = EXCLUDED.stripe_subscription_id,
    coupon = EXCLUDED.coupon, promotion_code = EXCLUDED.promotion_code, percent_off = EXCLUDED.percent_off,
    amount_off_minor = EXCLUDED.amount_off_minor, currency = EXCLUDED.currency, starts_at = EXCLUDED.starts_at,
    ends_at = EXCLUDED.ends_at, deleted = EXCLUDED.deleted, needs_refetch = EXCLUDED.needs_refetch,
    last_event_id = EXCLUDED.last_event_id, last_event_created = EXCLUDED.last_event_created, updated_at = now()
WHERE (b.stripe_customer_id, b.stripe_subscription_id, b.coupon, b.promotion_code, b.percent_off, b.amount_off_minor,
       b.currency, b.starts_at, b.ends_at, b.deleted, b.needs_refetch, b.last_event_id, b.last_event_created)
   IS DISTINCT FROM
      (EXCLUDED.stripe_customer_id, EXCLUDED.stripe_subscription_id, EXCLUDED.coupon, EXCLUDED.promotion_code,
       EXCLUDED.percent_off, EXCLUDED.amount_off_minor, EXCLUDED.currency, EXCLUDED.starts_at, EXCLUDED.ends_at,
       EXCLUDED.deleted, EXCLUDED.needs_refetch, EXCLUDED.last_event_id, EXCLUDED.last_event_created)

-- name: UpsertFeatures
-- As UpsertPayments. The keys come as array literals: unnest would take an array of arrays apart.
INSERT INTO billing_customer_features AS b
    (stripe_customer_id, lookup_keys, truncated, livemode, needs_refetch, last_event_id, last_event_created)
SELECT t.stripe_customer_id, t.lookup_keys::text[], t.truncated, t.livemode, t.needs_refetch, t.last_event_id,
       t.last_event_created
FROM unnest($1::text[], $2::text[], $3::boolean[], $4::boolean[], $5::boolean[], $6::text[], $7::timestamptz[])
     AS t (stripe_customer_id, lookup_keys, truncated, livemode, needs_refetch, last_event_id, last_event_created)
ORDER BY t.stripe_customer_id
ON CONFLICT (stripe_customer_id) DO UPDATE SET
    lookup_keys = EXCLUDED.lookup_keys, truncated = EXCLUDED.truncated, livemode = EXCLUDED.livemode,
    needs_refetch = EXCLUDED.needs_refetch, last_event_id = EXCLUDED.last_event_id,
    last_event_created = EXCLUDED.last_event_created, updated_at = now()
WHERE (b.lookup_keys, b.truncated, b.livemode, b.needs_refetch, b.last_event_id, b.last_event_created)
   IS DISTINCT FROM
      (EXCLUDED.lookup_keys, EXCLUDED.truncated, EXCLUDED.livemode, EXCLUDED.needs_refetch, EXCLUDED.last_event_id,
       EXCLUDED.last_event_created)
