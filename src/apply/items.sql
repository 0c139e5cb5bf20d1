-- name: DeleteItems
-- Items of these subscriptions ($1) that are gone: not among ($2, $3). Under the subscriptions' advisory locks. By the
-- primary key.
DELETE FROM billing_subscription_items i
WHERE i.stripe_subscription_id = ANY ($1::text[])
  AND (i.stripe_subscription_id, i.item_id) NOT IN (SELECT t.subscription, t.item
                                                    FROM unnest($2::text[], $3::text[]) AS t (subscription, item))

-- name: UpsertItems
-- Under the subscriptions' advisory locks, after their rows; writes only rows that differ.
INSERT INTO billing_subscription_items AS i
    (stripe_subscription_id, item_id, user_id, price_id, product_id, quantity, currency, unit_amount,
     unit_amount_decimal, billing_interval, interval_count, metered, tiered, period_start, period_end, meaning,
     plan_tier)
SELECT t.stripe_subscription_id, t.item_id, t.user_id, t.price_id, t.product_id, t.quantity, t.currency,
       t.unit_amount, t.unit_amount_decimal, t.billing_interval, t.interval_count, t.metered, t.tiered,
       t.period_start, t.period_end, t.meaning, t.plan_tier
FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[],
            $9::numeric[], $10::text[], $11::bigint[], $12::boolean[], $13::boolean[], $14::timestamptz[],
            $15::timestamptz[], $16::text[], $17::plan_tier[])
     AS t (stripe_subscription_id, item_id, user_id, price_id, product_id, quantity, currency, unit_amount,
           unit_amount_decimal, billing_interval, interval_count, metered, tiered, period_start, period_end, meaning,
           plan_tier)
ORDER BY t.stripe_subscription_id, t.item_id
ON CONFLICT (stripe_subscription_id, item_id) DO UPDATE SET
    user_id = EXCLUDED.user_id, price_id = EXCLUDED.price_id, product_id = EXCLUDED.product_id,
    quantity = EXCLUDED.quantity, currency = EXCLUDED.currency, unit_amount = EXCLUDED.unit_amount,
    unit_amount_decimal = EXCLUDED.unit_amount_decimal, billing_interval = EXCLUDED.billing_interval,
    interval_count = EXCLUDED.interval_count, metered = EXCLUDED.metered, tiered = EXCLUDED.tiered,
    period_start = EXCLUDED.period_start, period_end = EXCLUDED.period_end, meaning = EXCLUDED.meaning,
    plan_tier = EXCLUDED.plan_tier
WHERE (i.user_id, i.price_id, i.product_id, i.quantity, i.currency, i.unit_amount, i.unit_amount_decimal,
       i.billing_interval, i.interval_count, i.metered, i.tiered, i.period_start, i.period_end, i.meaning, i.plan_tier)
   IS DISTINCT FROM
      (EXCLUDED.user_id, EXCLUDED.price_id, EXCLUDED.product_id, EXCLUDED.quantity, EXCLUDED.currency,
       EXCLUDED.unit_amount, EXCLUDED.unit_amount_decimal, EXCLUDED.billing_interval, EXCLUDED.interval_count,
       EXCLUDED.metered, EXCLUDED.tiered, EXCLUDED.period_start, EXCLUDED.period_end, EXCLUDED.meaning,
       EXCLUDED.plan_tier)
