-- What a platform does to users all day.
\set user random(1, :users)
SELECT plan_tier, monthly_runs_used FROM users WHERE id = md5('user' || :user::text)::uuid;
UPDATE users SET last_login_at = now() WHERE id = md5('user' || :user::text)::uuid;
