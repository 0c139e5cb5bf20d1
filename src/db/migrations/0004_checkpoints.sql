-- Where reading an object's events may begin. A row is a fold over all stored events of its object; an object that has
-- thousands of them would be read whole for each new one. For such an object this table names the few older events
-- that still matter (stripe/merge.h, EssentialEvents), so that the others need not be read. Only a cache: emptied at
-- any time, also while billsync runs, it is made anew.
CREATE TABLE billing_checkpoints (
    object_id text COLLATE "C" NOT NULL,
    -- Stripe's name of the kind of object: what a customer may use is kept under the customer's name, and is none.
    kind text NOT NULL,
    -- Which events matter depends on the code that folds them; rows of another build are not looked at.
    made_by text NOT NULL,
    -- Of the events stamped up to here only those in `kept` are read.
    horizon timestamptz NOT NULL,
    kept text[] COLLATE "C" NOT NULL,
    -- Events up to the horizon that were read for the checkpoint, though their own rows did not yet say so.
    awaited text[] COLLATE "C" NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_checkpoints_pkey PRIMARY KEY (object_id, kind)
);

COMMENT ON TABLE billing_checkpoints IS
    'Cache: the older events of an object that its row still depends on; may be emptied at any time';
COMMENT ON COLUMN billing_checkpoints.horizon IS 'Later events are all read, earlier ones only if they are in kept';
COMMENT ON COLUMN billing_checkpoints.awaited IS
    'Earlier events that were taken into account before they were applied: they are not late when they are';

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
