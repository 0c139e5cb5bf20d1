-- name: EnsureJob
INSERT INTO billing_jobs (job) VALUES ($1) ON CONFLICT (job) DO NOTHING

-- name: ClaimJob
-- Takes the lease if the job is due (or $3 forces it) and nobody holds it. Returns what the last holder left: a lease
-- that ran out means it died. The database's clock decides, so machines need not agree. Locks the job's row.
WITH free AS (
    SELECT job, lease_owner, last_started_at FROM billing_jobs
    WHERE job = $1 AND (next_due_at <= now() OR $3::boolean) AND (lease_until IS NULL OR lease_until < now())
    FOR UPDATE SKIP LOCKED
)
UPDATE billing_jobs j
SET lease_owner = $2, lease_until = now() + interval '30 seconds', last_started_at = now(), progress_what = NULL,
    progress_done = NULL, progress_total = NULL, progress_ends_at = NULL
FROM free WHERE j.job = free.job
RETURNING free.lease_owner AS abandoned_by, free.last_started_at AS abandoned_start, j.last_started_at AS started_at

-- name: ExtendLease
-- Heartbeat of a running job, with what it does ($3), how much of it is done ($4) of how much ($5), and how many
-- milliseconds are left ($6). No row: the lease was lost.
UPDATE billing_jobs
SET lease_until = now() + interval '30 seconds', progress_what = $3::text, progress_done = $4::bigint,
    progress_total = $5::bigint, progress_ends_at = now() + $6::bigint * interval '1 millisecond'
WHERE job = $1 AND lease_owner = $2

-- name: FinishJob
-- Gives the lease back and sets the next due moment: $3 milliseconds on, or twice the time the run took if that is longer, so
-- that a job on a large database leaves it two thirds of its time. A run that was asked for after this one began is due
-- still.
UPDATE billing_jobs
SET lease_owner = NULL, lease_until = NULL, last_finished_at = now(),
    next_due_at = CASE WHEN next_due_at > last_started_at THEN next_due_at
                       ELSE now() + greatest($3::bigint * interval '1 millisecond',
                                             2 * (clock_timestamp() - last_started_at)) END,
    last_rows = $4::bigint, last_error = $5::text,
    last_ok_at = CASE WHEN $5::text IS NULL THEN now() ELSE last_ok_at END,
    progress_what = NULL, progress_done = NULL, progress_total = NULL, progress_ends_at = NULL
WHERE job = $1 AND lease_owner = $2

-- name: RecordJobRun
INSERT INTO billing_job_runs (job, owner, trigger, started_at, finished_at, status, rows, detail, error)
VALUES ($1, $2, $3, $4::timestamptz, now(), $5, $6::bigint, $7, $8)

-- name: RequestRun
-- Makes a job due now; the next scheduler that looks runs it.
UPDATE billing_jobs SET next_due_at = now() WHERE job = $1

-- name: ListJobs
SELECT j.job, j.next_due_at, j.lease_owner, coalesce(j.lease_until > now(), false) AS running, j.last_started_at,
       j.last_finished_at, j.last_ok_at, j.last_rows, j.last_error,
       extract(epoch FROM j.last_finished_at - j.last_started_at)::numeric(12, 3)::text AS last_seconds,
       j.progress_what, coalesce(j.progress_done, 0) AS progress_done, coalesce(j.progress_total, 0) AS progress_total,
       greatest(extract(epoch FROM j.progress_ends_at - now()), 0)::bigint AS seconds_left
FROM billing_jobs j ORDER BY j.job
