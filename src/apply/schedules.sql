-- name: UpsertSchedules
-- Under the cross-object lock, held alone; writes only rows that differ and returns their ids.
INSERT INTO billing_subscription_schedules AS s
    (schedule_id, stripe_customer_id, stripe_subscription_id, status, current_phase_start, current_phase_end,
     end_behavior, phases, livemode, last_event_id, last_event_created, needs_refetch)
SELECT t.schedule_id, t.stripe_customer_id, t.stripe_subscription_id, t.status, t.current_phase_start,
       t.current_phase_end, t.end_behavior, t.phases::jsonb, t.livemode, t.last_event_id, t.last_event_created,
       t.needs_refetch
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[],
            $8::text[], $9::boolean[], $10::text[], $11::timestamptz[], $12::boolean[])
     AS t (schedule_id, stripe_customer_id, stripe_subscription_id, status, current_phase_start, current_phase_end,
           end_behavior, phases, livemode, last_event_id, last_event_created, needs_refetch)
ORDER BY t.schedule_id
ON CONFLICT (schedule_id) DO UPDATE SET
    stripe_customer_id = EXCLUDED.stripe_customer_id, stripe_subscription_id = EXCLUDED.stripe_subscription_id,
    status = EXCLUDED.status, current_phase_start = EXCLUDED.current_phase_start,
    current_phase_end = EXCLUDED.current_phase_end, end_behavior = EXCLUDED.end_behavior, phases = EXCLUDED.phases,
    livemode = EXCLUDED.livemode, last_event_id = EXCLUDED.last_event_id,
    last_event_created = EXCLUDED.last_event_created, needs_refetch = EXCLUDED.needs_refetch, updated_at = now()
WHERE (s.stripe_customer_id, s.stripe_subscription_id, s.status, s.current_phase_start, s.current_phase_end,
       s.end_behavior, s.phases, s.livemode, s.last_event_id, s.last_event_created, s.needs_refetch)
   IS DISTINCT FROM
      (EXCLUDED.stripe_customer_id, EXCLUDED.stripe_subscription_id, EXCLUDED.status, EXCLUDED.current_phase_start,
       EXCLUDED.current_phase_end, EXCLUDED.end_behavior, EXCLUDED.phases, EXCLUDED.livemode, EXCLUDED.last_event_id,
       EXCLUDED.last_event_created, EXCLUDED.needs_refetch)
RETURNING s.schedule_id

-- name: ReadSchedules
-- The schedules that may still change these subscriptions, a line for each price of each phase, in the order of time.
-- Rows from before 0013 have no quantities.
-- Index billing_subscription_schedules_subscription.
SELECT s.stripe_subscription_id, s.schedule_id, s.status, s.end_behavior, s.last_event_created, phase.n AS phase,
       (phase.body ->> 'start')::timestamptz AS phase_start, (phase.body ->> 'end')::timestamptz AS phase_end, price.id AS price,
       (phase.body -> 'quantities' ->> (price.n - 1)::int)::bigint AS quantity
FROM billing_subscription_schedules s
LEFT JOIN LATERAL jsonb_array_elements(s.phases) WITH ORDINALITY AS phase (body, n) ON true
LEFT JOIN LATERAL jsonb_array_elements_text(phase.body -> 'prices') WITH ORDINALITY AS price (id, n) ON true
WHERE s.stripe_subscription_id = ANY ($1::text[]) AND s.status IN ('not_started', 'active')
ORDER BY s.stripe_subscription_id, s.schedule_id, phase.n, price.n
