-- name: LockPayments
-- Payments that the invoices of this batch name, in order. Two batches that write invoices hold the cross-object lock
-- in shared mode both, and would not see each other's invoice naming the same payment. A key space of its own, taken
-- after all object keys: who waits here waits for somebody who needs no object key any more.
SELECT pg_advisory_xact_lock(hashtextextended(key, 7243392018)) FROM unnest($1::text[]) WITH ORDINALITY AS k (key, n)
ORDER BY n

-- name: FindTouchedInvoices
-- Invoices whose totals depend on the objects $1 as they are stored now, on the payments (charges, payment intents) $2,
-- or that are named in $3. Follows charge and payment intent to all that is known as the same payment. Indexes on both
-- columns of billing_payments, billing_refunds and billing_invoices.
WITH RECURSIVE payment (name) AS (
    SELECT DISTINCT n.name FROM (
        SELECT unnest($2::text[]) AS name
        UNION ALL
        SELECT unnest(ARRAY[l.stripe_payment_intent_id, l.stripe_charge_id]) FROM billing_payment_links l
        WHERE l.said_by = ANY ($1::text[])
    ) n WHERE n.name IS NOT NULL
    UNION
    SELECT other.name
    FROM payment p
    JOIN billing_payment_links l ON l.stripe_payment_intent_id = p.name OR l.stripe_charge_id = p.name
    CROSS JOIN LATERAL unnest(ARRAY[l.stripe_payment_intent_id, l.stripe_charge_id]) AS other (name)
    WHERE other.name IS NOT NULL
)
SELECT l.stripe_invoice_id
FROM payment p
JOIN billing_payment_links l ON l.stripe_payment_intent_id = p.name OR l.stripe_charge_id = p.name
WHERE l.stripe_invoice_id IS NOT NULL
UNION
SELECT c.stripe_invoice_id FROM billing_credit_notes c WHERE c.stripe_credit_note_id = ANY ($1::text[])
UNION
SELECT unnest($3::text[])

-- name: LockInvoices
-- Before any of them is written, in id order. Index of the unique key.
SELECT stripe_invoice_id FROM billing_invoices WHERE stripe_invoice_id = ANY ($1::text[])
ORDER BY stripe_invoice_id FOR NO KEY UPDATE

-- name: ReadInvoiceTotals
-- What refunds and credit notes come to on the invoices $1, from what each object says (a pure function of the stored
-- rows, whatever came first). Names that some object puts side by side are one payment, called by its smallest name; it
-- belongs to the smallest invoice that any object gives it. Refunded of one payment: what its refund objects say, or
-- what its charge says less the refunds that failed, whichever is known to be more. Amounts in another currency than
-- the invoice's are not counted. Credited: see 0005_payments.sql; a note of the snapshot's own second is in it already.
WITH RECURSIVE asked AS (
    SELECT stripe_invoice_id, coalesce(currency, 'usd') AS currency, credited_by_snapshot_minor,
           coalesce(credited_as_of, '-infinity') AS credited_as_of
    FROM billing_invoices WHERE stripe_invoice_id = ANY ($1::text[])
), named (invoice, name) AS (
    SELECT DISTINCT l.stripe_invoice_id, n.name
    FROM billing_payment_links l
    CROSS JOIN LATERAL unnest(ARRAY[l.stripe_payment_intent_id, l.stripe_charge_id]) AS n (name)
    WHERE l.stripe_invoice_id = ANY ($1::text[]) AND l.in_force AND n.name IS NOT NULL
), reached (start, name) AS (
    SELECT DISTINCT name, name FROM named
    UNION
    SELECT r.start, n.name
    FROM reached r
    JOIN billing_payment_links l ON l.stripe_payment_intent_id = r.name OR l.stripe_charge_id = r.name
    CROSS JOIN LATERAL unnest(ARRAY[l.stripe_payment_intent_id, l.stripe_charge_id]) AS n (name)
    WHERE n.name IS NOT NULL
), payment AS (
    SELECT start, min(name) AS payment FROM reached GROUP BY start
), member AS (
    SELECT DISTINCT p.payment, r.name FROM payment p JOIN reached r ON r.start = p.start
), home AS (
    SELECT m.payment, min(l.stripe_invoice_id) AS invoice
    FROM member m
    JOIN billing_payment_links l ON l.stripe_payment_intent_id = m.name OR l.stripe_charge_id = m.name
    WHERE l.stripe_invoice_id IS NOT NULL AND l.in_force
    GROUP BY m.payment
), refund AS (
    SELECT DISTINCT m.payment, r.stripe_refund_id, r.currency, r.amount_minor,
           coalesce(r.status IN ('failed', 'canceled'), false) AS failed
    FROM member m JOIN billing_refunds r ON r.stripe_payment_intent_id = m.name OR r.stripe_charge_id = m.name
), charge AS (
    SELECT DISTINCT m.payment, p.stripe_object_id, p.currency, p.amount_refunded_minor
    FROM member m JOIN billing_payments p ON p.stripe_charge_id = m.name AND p.kind = 'charge'
)
SELECT a.stripe_invoice_id, a.currency, refunded.minor::bigint AS refunded_minor, credited.minor::bigint AS credited_minor
FROM asked a
CROSS JOIN LATERAL (
    SELECT coalesce(sum(greatest(
               (SELECT coalesce(sum(r.amount_minor), 0) FROM refund r
                WHERE r.payment = h.payment AND NOT r.failed AND r.currency = a.currency),
               (SELECT coalesce(sum(c.amount_refunded_minor), 0) FROM charge c
                WHERE c.payment = h.payment AND c.currency = a.currency)
               - (SELECT coalesce(sum(r.amount_minor), 0) FROM refund r
                  WHERE r.payment = h.payment AND r.failed AND r.currency = a.currency), 0)), 0) AS minor
    FROM home h WHERE h.invoice = a.stripe_invoice_id
) refunded
CROSS JOIN LATERAL (
    SELECT CASE WHEN a.credited_by_snapshot_minor IS NOT NULL OR count(*) > 0
                THEN coalesce(a.credited_by_snapshot_minor, 0)
                     + coalesce(sum(n.amount_minor) FILTER (WHERE n.issued_at > a.credited_as_of
                                                              AND n.voided_at IS NULL), 0)
                     - coalesce(sum(n.amount_minor) FILTER (WHERE n.issued_at <= a.credited_as_of
                                                              AND n.voided_at > a.credited_as_of), 0) END AS minor
    FROM billing_credit_notes n WHERE n.stripe_invoice_id = a.stripe_invoice_id AND n.currency = a.currency
) credited

-- name: SetInvoiceTotals
-- Under the locks of LockInvoices; writes only rows that differ. $4 and $5 are decimals of the invoice's currency.
UPDATE billing_invoices b
SET amount_refunded_minor = t.refunded_minor, amount_credited_minor = t.credited_minor,
    amount_refunded_usd = round(t.refunded * coalesce(b.usd_per_unit, 1), 2),
    amount_credited_usd = round(t.credited * coalesce(b.usd_per_unit, 1), 2)
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::numeric[], $5::numeric[])
     AS t (id, refunded_minor, credited_minor, refunded, credited)
WHERE b.stripe_invoice_id = t.id
  AND (b.amount_refunded_minor, b.amount_credited_minor, b.amount_refunded_usd, b.amount_credited_usd)
      IS DISTINCT FROM (t.refunded_minor, t.credited_minor, round(t.refunded * coalesce(b.usd_per_unit, 1), 2),
                        round(t.credited * coalesce(b.usd_per_unit, 1), 2))
