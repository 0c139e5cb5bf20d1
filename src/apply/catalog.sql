-- name: ChangedPrices
-- Of the rows to be written (UpsertPrices), those that may mean something else than what is stored. The time counts as
-- well: it says whether the catalog or a subscription's snapshot spoke last. By the primary key.
SELECT t.price_id AS id
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::numeric[], $7::text[], $8::bigint[],
            $9::boolean[], $10::boolean[], $11::text[], $12::text[], $13::text[], $14::boolean[], $15::boolean[],
            $16::boolean[], $17::text[], $18::timestamptz[], $19::boolean[])
     AS t (price_id, product_id, nickname, currency, unit_amount, unit_amount_decimal, billing_interval,
           interval_count, metered, tiered, lookup_key, past_lookup_keys, plan_tier, active, deleted, livemode,
           last_event_id, last_event_created, needs_refetch)
LEFT JOIN billing_prices old ON old.price_id = t.price_id
WHERE (old.product_id, old.lookup_key, old.past_lookup_keys, old.plan_tier, old.last_event_created)
   IS DISTINCT FROM
      (t.product_id, t.lookup_key, t.past_lookup_keys::text[], t.plan_tier, t.last_event_created)

-- name: UpsertPrices
-- Under the cross-object lock, held alone; writes only rows that differ.
INSERT INTO billing_prices AS p
    (price_id, product_id, nickname, currency, unit_amount, unit_amount_decimal, billing_interval, interval_count,
     metered, tiered, lookup_key, past_lookup_keys, plan_tier, active, deleted, livemode, last_event_id,
     last_event_created, needs_refetch)
SELECT t.price_id, t.product_id, t.nickname, t.currency, t.unit_amount, t.unit_amount_decimal, t.billing_interval,
       t.interval_count, t.metered, t.tiered, t.lookup_key, t.past_lookup_keys::text[], t.plan_tier, t.active,
       t.deleted, t.livemode, t.last_event_id, t.last_event_created, t.needs_refetch
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::numeric[], $7::text[], $8::bigint[],
            $9::boolean[], $10::boolean[], $11::text[], $12::text[], $13::text[], $14::boolean[], $15::boolean[],
            $16::boolean[], $17::text[], $18::timestamptz[], $19::boolean[])
     AS t (price_id, product_id, nickname, currency, unit_amount, unit_amount_decimal, billing_interval,
           interval_count, metered, tiered, lookup_key, past_lookup_keys, plan_tier, active, deleted, livemode,
           last_event_id, last_event_created, needs_refetch)
ORDER BY t.price_id
ON CONFLICT (price_id) DO UPDATE SET
    product_id = EXCLUDED.product_id, nickname = EXCLUDED.nickname, currency = EXCLUDED.currency,
    unit_amount = EXCLUDED.unit_amount, unit_amount_decimal = EXCLUDED.unit_amount_decimal,
    billing_interval = EXCLUDED.billing_interval, interval_count = EXCLUDED.interval_count,
    metered = EXCLUDED.metered, tiered = EXCLUDED.tiered, lookup_key = EXCLUDED.lookup_key,
    past_lookup_keys = EXCLUDED.past_lookup_keys, plan_tier = EXCLUDED.plan_tier, active = EXCLUDED.active,
    deleted = EXCLUDED.deleted, livemode = EXCLUDED.livemode, last_event_id = EXCLUDED.last_event_id,
    last_event_created = EXCLUDED.last_event_created, needs_refetch = EXCLUDED.needs_refetch, updated_at = now()
WHERE (p.product_id, p.nickname, p.currency, p.unit_amount, p.unit_amount_decimal, p.billing_interval,
       p.interval_count, p.metered, p.tiered, p.lookup_key, p.past_lookup_keys, p.plan_tier, p.active, p.deleted,
       p.livemode, p.last_event_id, p.last_event_created, p.needs_refetch)
   IS DISTINCT FROM
      (EXCLUDED.product_id, EXCLUDED.nickname, EXCLUDED.currency, EXCLUDED.unit_amount, EXCLUDED.unit_amount_decimal,
       EXCLUDED.billing_interval, EXCLUDED.interval_count, EXCLUDED.metered, EXCLUDED.tiered, EXCLUDED.lookup_key,
       EXCLUDED.past_lookup_keys, EXCLUDED.plan_tier, EXCLUDED.active, EXCLUDED.deleted, EXCLUDED.livemode,
       EXCLUDED.last_event_id, EXCLUDED.last_event_created, EXCLUDED.needs_refetch)

-- name: ChangedProducts
-- As ChangedPrices. The metadata alone has a meaning.
SELECT t.product_id AS id
FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::boolean[], $6::boolean[], $7::text[],
            $8::timestamptz[], $9::boolean[])
     AS t (product_id, name, plan_tier, active, deleted, livemode, last_event_id, last_event_created, needs_refetch)
LEFT JOIN billing_products old ON old.product_id = t.product_id
WHERE old.plan_tier IS DISTINCT FROM t.plan_tier

-- name: UpsertProducts
-- As UpsertPrices.
INSERT INTO billing_products AS p
    (product_id, name, plan_tier, active, deleted, livemode, last_event_id, last_event_created, needs_refetch)
SELECT t.product_id, t.name, t.plan_tier, t.active, t.deleted, t.livemode, t.last_event_id, t.last_event_created,
       t.needs_refetch
FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::boolean[], $6::boolean[], $7::text[],
            $8::timestamptz[], $9::boolean[])
     AS t (product_id, name, plan_tier, active, deleted, livemode, last_event_id, last_event_created, needs_refetch)
ORDER BY t.product_id
ON CONFLICT (product_id) DO UPDATE SET
    name = EXCLUDED.name, plan_tier = EXCLUDED.plan_tier, active = EXCLUDED.active, deleted = EXCLUDED.deleted,
    livemode = EXCLUDED.livemode, last_event_id = EXCLUDED.last_event_id,
    last_event_created = EXCLUDED.last_event_created, needs_refetch = EXCLUDED.needs_refetch, updated_at = now()
WHERE (p.name, p.plan_tier, p.active, p.deleted, p.livemode, p.last_event_id, p.last_event_created, p.needs_refetch)
   IS DISTINCT FROM
      (EXCLUDED.name, EXCLUDED.plan_tier, EXCLUDED.active, EXCLUDED.deleted, EXCLUDED.livemode,
       EXCLUDED.last_event_id, EXCLUDED.last_event_created, EXCLUDED.needs_refetch)

-- name: ReadPrices
-- What the catalog knows of prices, a line for each past lookup key, newest first; a price without any has one line. By
-- the primary key.
SELECT p.price_id, p.product_id, p.lookup_key, p.plan_tier, p.last_event_created, past.key AS past_lookup_key
FROM billing_prices p LEFT JOIN LATERAL unnest(p.past_lookup_keys) WITH ORDINALITY AS past (key, n) ON true
WHERE p.price_id = ANY ($1::text[])
ORDER BY p.price_id, past.n

-- name: ReadProductTiers
-- plan_tier in the metadata of products. By the primary key.
SELECT product_id, plan_tier FROM billing_products WHERE product_id = ANY ($1::text[]) AND plan_tier IS NOT NULL
