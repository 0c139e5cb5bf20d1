-- name: CountEventsOfObject
-- All that is stored of one object, and what of it waits. Index stripe_events_object.
SELECT count(*) AS events, count(*) FILTER (WHERE status IN ('received', 'parked', 'dead')) AS waiting
FROM stripe_events WHERE object_id = $1

-- name: ReadEventsAfter
-- One piece of an object's events, oldest first, from behind ($2, $3) on. Index stripe_events_object.
SELECT id, type, coalesce(object_type, '') AS object_type, created, payload
FROM stripe_events
WHERE object_id = $1 AND status <> 'ignored' AND created >= $2::timestamptz
  AND (created, id) > ($2::timestamptz, $3::text)
ORDER BY created, id LIMIT $4::int

-- name: NewestOfStatuses
-- Ids of an object's newest events with one of the statuses $2. Index stripe_events_object.
SELECT id FROM stripe_events
WHERE object_id = $1 AND status = ANY ($2::text[])
ORDER BY created DESC, id DESC LIMIT $3::int

-- name: FindEventsOfObject
-- Of the events $2 those that are of the object. Primary key.
SELECT id, type, status, object_id, customer, reason, detail, api_version, created, received_at, next_attempt_at,
       applied_at, attempts, livemode
FROM stripe_events WHERE object_id = $1 AND id = ANY ($2::text[])

-- name: ReadEventsBefore
-- One piece of an object's events without payloads, newest first, from before ($2, $3) on. Index stripe_events_object.
SELECT id, type, status, object_id, customer, reason, detail, api_version, created, received_at, next_attempt_at,
       applied_at, attempts, livemode
FROM stripe_events
WHERE object_id = $1 AND created <= $2::timestamptz AND (created, id) < ($2::timestamptz, $3::text)
ORDER BY created DESC, id DESC LIMIT $4::int

-- name: ReadLink
SELECT user_id, linked_by, linked_at FROM billing_customers WHERE stripe_customer_id = $1

-- name: ExplainSubscriptionRow
-- Here and below: every column of the one row with this id, whatever columns there are, as JSON shows them.
SELECT c.key AS name, c.value
FROM billing_subscriptions t CROSS JOIN LATERAL json_each_text(row_to_json(t)) WITH ORDINALITY AS c (key, value, n)
WHERE t.stripe_subscription_id = $1 ORDER BY c.n

-- name: ExplainInvoiceRow
SELECT c.key AS name, c.value
FROM billing_invoices t CROSS JOIN LATERAL json_each_text(row_to_json(t)) WITH ORDINALITY AS c (key, value, n)
WHERE t.stripe_invoice_id = $1 ORDER BY c.n

-- name: ExplainCustomerRow
SELECT c.key AS name, c.value
FROM billing_customers t CROSS JOIN LATERAL json_each_text(row_to_json(t)) WITH ORDINALITY AS c (key, value, n)
WHERE t.stripe_customer_id = $1 ORDER BY c.n

-- name: ExplainPriceRow
SELECT c.key AS name, c.value
FROM billing_prices t CROSS JOIN LATERAL json_each_text(row_to_json(t)) WITH ORDINALITY AS c (key, value, n)
WHERE t.price_id = $1 ORDER BY c.n

-- name: ExplainProductRow
SELECT c.key AS name, c.value
FROM billing_products t CROSS JOIN LATERAL json_each_text(row_to_json(t)) WITH ORDINALITY AS c (key, value, n)
WHERE t.product_id = $1 ORDER BY c.n

-- name: ExplainScheduleRow
SELECT c.key AS name, c.value
FROM billing_subscription_schedules t
CROSS JOIN LATERAL json_each_text(row_to_json(t)) WITH ORDINALITY AS c (key, value, n)
WHERE t.schedule_id = $1 ORDER BY c.n

-- name: ExplainPaymentRow
SELECT c.key AS name, c.value
FROM billing_payments t CROSS JOIN LATERAL json_each_text(row_to_json(t)) WITH ORDINALITY AS c (key, value, n)
WHERE t.stripe_object_id = $1 ORDER BY c.n

-- name: ExplainRefundRow
SELECT c.key AS name, c.value
FROM billing_refunds t CROSS JOIN LATERAL json_each_text(row_to_json(t)) WITH ORDINALITY AS c (key, value, n)
WHERE t.stripe_refund_id = $1 ORDER BY c.n

-- name: ExplainCreditNoteRow
SELECT c.key AS name, c.value
FROM billing_credit_notes t CROSS JOIN LATERAL json_each_text(row_to_json(t)) WITH ORDINALITY AS c (key, value, n)
WHERE t.stripe_credit_note_id = $1 ORDER BY c.n

-- name: ExplainDiscountRow
SELECT c.key AS name, c.value
FROM billing_discounts t CROSS JOIN LATERAL json_each_text(row_to_json(t)) WITH ORDINALITY AS c (key, value, n)
WHERE t.stripe_discount_id = $1 ORDER BY c.n

-- name: ExplainFeaturesRow
SELECT c.key AS name, c.value
FROM billing_customer_features t CROSS JOIN LATERAL json_each_text(row_to_json(t)) WITH ORDINALITY AS c (key, value, n)
WHERE t.stripe_customer_id = $1 ORDER BY c.n
