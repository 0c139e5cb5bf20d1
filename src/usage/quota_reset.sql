-- name: ResetMonthlyQuotas
-- The platform's own entry point, for today (UTC).
SELECT reset_monthly_quotas()

-- name: ResetQuotasAsOf
-- What reset_monthly_quotas() does, for another day.
SELECT count(*) AS resets FROM billing_reset_quotas($1::date)

-- name: ResetsOfThisTransaction
-- Who was reset by the statement before, in this transaction.
SELECT r.user_id, u.email, r.period_start, r.previous_used, r.used, r.previous_reset_date, r.next_reset_date, r.months
FROM billing_quota_resets r JOIN users u ON u.id = r.user_id
WHERE r.reset_at = now() ORDER BY u.email

-- name: QuotasDue
-- Who would be reset on a day, without doing it.
SELECT d.user_id, u.email, d.period_start, d.previous_used, d.used, d.previous_reset_date, d.next_reset_date, d.months
FROM billing_quota_due($1::date) d JOIN users u ON u.id = d.user_id
ORDER BY u.email
