-- name: LockPayments
-- Payments that the invoices of this batch name, in order. Two batches that write invoices hold the cross-object lock
-- in shared mode both, and would not see each other's invoice naming the same payment. A key space of its own, taken
-- after all object keys and users: who waits here waits for somebody who needs none of them any more.
SELECT pg_advisory_xact_lock(hashtextextended(key, 7243392018)) FROM unnest($1::text[]) WITH ORDINALITY AS k (key, n)
ORDER BY n

-- name: ReadPaymentFacts
-- What each object says of payments, a line each: names of one payment side by side (a charge and its payment intent),
-- the invoice it paid, and what was refunded. Of the payments (charges, payment intents) $1, said by the objects $2, or
-- of the invoices $3. Every condition has an index of its own, which PostgreSQL combines.
SELECT stripe_object_id AS said_by, kind, stripe_payment_intent_id, stripe_charge_id, stripe_invoice_id, currency,
       coalesce(amount_refunded_minor, 0) AS refunded_minor, coalesce(status, '') AS status, last_event_created AS as_of
FROM billing_payments
WHERE stripe_payment_intent_id = ANY ($1::text[]) OR stripe_charge_id = ANY ($1::text[])
   OR stripe_object_id = ANY ($2::text[]) OR stripe_invoice_id = ANY ($3::text[])
UNION ALL
SELECT stripe_refund_id, 'refund', stripe_payment_intent_id, stripe_charge_id, NULL, currency, amount_minor,
       coalesce(status, ''), last_event_created
FROM billing_refunds
WHERE stripe_payment_intent_id = ANY ($1::text[]) OR stripe_charge_id = ANY ($1::text[])
   OR stripe_refund_id = ANY ($2::text[])
UNION ALL
SELECT stripe_invoice_id, 'invoice', stripe_payment_intent_id, stripe_charge_id, stripe_invoice_id, NULL, 0,
       coalesce(status, ''), last_event_created
FROM billing_invoices
WHERE stripe_payment_intent_id = ANY ($1::text[]) OR stripe_charge_id = ANY ($1::text[])
   OR stripe_invoice_id = ANY ($2::text[] || $3::text[])

-- name: FindCreditedInvoices
-- The invoices of the credit notes $1 as they are stored. Primary key.
SELECT stripe_invoice_id FROM billing_credit_notes WHERE stripe_credit_note_id = ANY ($1::text[])

-- name: LockInvoices
-- Before any of them is written, in id order. Index of the unique key.
SELECT stripe_invoice_id FROM billing_invoices WHERE stripe_invoice_id = ANY ($1::text[])
ORDER BY stripe_invoice_id FOR NO KEY UPDATE

-- name: ReadInvoiceCredits
-- The invoices $1 with their currency (rows from before billsync have none: US dollars) and what credit notes come to:
-- what the invoice itself said at its moment, plus the notes issued and less those voided since. A note of that very
-- second is in it already, and of the next: Stripe may stamp two neighbours of a burst the wrong way round. A note that
-- was really issued (or voided) a second later is followed by an invoice.updated of its own, which says the sum. NULL
-- when neither the invoice nor a note says anything. Indexes: the unique key, billing_credit_notes_invoice.
SELECT b.stripe_invoice_id, coalesce(b.currency, 'usd') AS currency, credited.minor::bigint AS credited_minor
FROM billing_invoices b
CROSS JOIN LATERAL (
    SELECT CASE WHEN b.credited_by_snapshot_minor IS NOT NULL OR count(*) > 0
                THEN coalesce(b.credited_by_snapshot_minor, 0)
                     + coalesce(sum(n.amount_minor) FILTER (
                           WHERE n.issued_at > said.at AND n.voided_at IS NULL), 0)
                     - coalesce(sum(n.amount_minor) FILTER (
                           WHERE n.issued_at <= said.at AND n.voided_at > said.at), 0) END AS minor
    FROM billing_credit_notes n
    CROSS JOIN (SELECT coalesce(b.credited_as_of + interval '1 second', '-infinity') AS at) said
    WHERE n.stripe_invoice_id = b.stripe_invoice_id AND n.currency = coalesce(b.currency, 'usd')
) credited
WHERE b.stripe_invoice_id = ANY ($1::text[])

-- name: SetInvoiceTotals
-- Under the locks of LockInvoices; writes only rows that differ. $4 and $5 are decimals of the invoice's currency. A row
-- that was written before 0005 keeps its credited amounts until it is made anew: what the invoice itself said of credit
-- notes that were never stored is in them and nowhere else.
UPDATE billing_invoices b
SET amount_refunded_minor = t.refunded_minor, amount_credited_minor = n.credited_minor,
    amount_refunded_usd = n.refunded_usd, amount_credited_usd = n.credited_usd
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::numeric[], $5::numeric[])
     AS t (id, refunded_minor, credited_minor, refunded, credited)
JOIN billing_invoices old ON old.stripe_invoice_id = t.id
CROSS JOIN LATERAL (SELECT old.credited_as_of IS NULL AND old.last_event_id IS NOT NULL AS outdated) AS former
CROSS JOIN LATERAL (
    SELECT round(t.refunded * coalesce(old.usd_per_unit, 1), 2) AS refunded_usd,
           CASE WHEN former.outdated THEN old.amount_credited_minor ELSE t.credited_minor END AS credited_minor,
           CASE WHEN former.outdated THEN old.amount_credited_usd
                ELSE round(t.credited * coalesce(old.usd_per_unit, 1), 2) END AS credited_usd) AS n
WHERE b.stripe_invoice_id = old.stripe_invoice_id
  AND (b.amount_refunded_minor, b.amount_credited_minor, b.amount_refunded_usd, b.amount_credited_usd)
      IS DISTINCT FROM (t.refunded_minor, n.credited_minor, n.refunded_usd, n.credited_usd)
