-- The applier asks after each batch for an event that the database refused and whose next attempt is due. It read all parked
-- events that are due to find one: with 700,000 events of unknown customers parked, half a second each time.
--
-- Locks: SHARE on stripe_events while the index is made, if it is small.
DO $$
BEGIN
    IF to_regclass('public.stripe_events_due_failed') IS NOT NULL THEN
        RETURN;
    END IF;
    IF pg_relation_size('public.stripe_events') < 256 * 1024 * 1024 THEN
        CREATE INDEX stripe_events_due_failed ON stripe_events (next_attempt_at)
        WHERE status = 'parked' AND reason = 'apply_failed';
    ELSE
        RAISE WARNING 'stripe_events has no index on refused events, and is too large to make one while others wait'
            USING HINT = 'Run: CREATE INDEX CONCURRENTLY stripe_events_due_failed ON public.stripe_events '
                         '(next_attempt_at) WHERE status = ''parked'' AND reason = ''apply_failed''';
    END IF;
END;
$$;
