-- What the finance desk and the operators' console lacked: an action is on record before it is done, a logout counts for
-- every process, a month is closed by the job that closes months, and a running job says how far it is.
--
-- Safe on a live database: ACCESS EXCLUSIVE for a moment on billing_audit and billing_jobs, which hold a row for each thing
-- people did and for each job.

-- What takes long is recorded twice: when it begins, and how it ended. A row that has begun and is named by no other is
-- under way, or was cut off.
ALTER TABLE billing_audit
    ADD COLUMN begun_id bigint,
    DROP CONSTRAINT billing_audit_known_outcome,
    ADD CONSTRAINT billing_audit_known_outcome CHECK (outcome IN ('begun', 'done', 'refused', 'failed')),
    ADD CONSTRAINT billing_audit_begun_before CHECK (begun_id < id AND outcome <> 'begun' OR begun_id IS NULL);
COMMENT ON COLUMN billing_audit.begun_id IS 'Of the end of something that took long: the row that says it began';
CREATE UNIQUE INDEX billing_audit_ended ON billing_audit (begun_id) WHERE begun_id IS NOT NULL;

-- Sessions of the console that somebody ended before their time. A session carries its own end and signature, so only
-- these need a row, until they would be over anyway.
CREATE TABLE billing_ended_sessions (
    session text CONSTRAINT billing_ended_sessions_pkey PRIMARY KEY,
    ends_at timestamptz NOT NULL
);
COMMENT ON TABLE billing_ended_sessions IS 'Console sessions that were logged out before they were over';
COMMENT ON COLUMN billing_ended_sessions.session IS 'Names the session; nobody can use one without its signature';

-- Months that somebody asked to have closed, over HTTP: the job close does it. The newest request of a month.
CREATE TABLE billing_close_requests (
    period_start date CONSTRAINT billing_close_requests_pkey PRIMARY KEY,
    audit_id bigint NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    outcome text,
    detail text,
    CONSTRAINT billing_close_requests_known_outcome CHECK (outcome IN ('done', 'refused', 'failed')),
    CONSTRAINT billing_close_requests_told CHECK ((finished_at IS NULL) = (outcome IS NULL))
);
COMMENT ON TABLE billing_close_requests IS 'Who asked for a month to be closed, and what came of it';
COMMENT ON COLUMN billing_close_requests.audit_id IS 'The row of billing_audit with who asked, and from where';

-- How far a running job is; NULL when it does not run or has told nothing yet.
ALTER TABLE billing_jobs
    ADD COLUMN progress_what text,
    ADD COLUMN progress_done bigint,
    ADD COLUMN progress_total bigint,
    ADD COLUMN progress_ends_at timestamptz;
COMMENT ON COLUMN billing_jobs.progress_what IS 'What is counted, or what the job is doing';
COMMENT ON COLUMN billing_jobs.progress_total IS '0: not known';
COMMENT ON COLUMN billing_jobs.progress_ends_at IS 'When what is counted will be done at the present pace';

DO $$ BEGIN PERFORM billing_revoke_outsiders(); END; $$;
