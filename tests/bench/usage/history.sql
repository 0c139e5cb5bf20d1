-- Generated history for the bench of usage: :users users of whom few run most, :runs runs over the 12 months before this
-- one in the order they were created, 6 models, 3 % failed, 1 % cancelled, 1 % unpriced. As-found schema, so that the
-- platform's own triggers are all there are; they are off for the load.
SET client_min_messages = warning;
INSERT INTO users (id, email, created_at)
SELECT md5('user' || n)::uuid, 'u' || n || '@example.com', now() - interval '400 days'
FROM generate_series(1, :users) n;
INSERT INTO teams (id, name, slug, owner_id)
VALUES ('00000000-0000-4000-8000-100000000001', 't', 't', md5('user1')::uuid);
INSERT INTO agents (id, team_id, name, slug, spec_content, created_by)
VALUES ('00000000-0000-4000-8000-200000000001', '00000000-0000-4000-8000-100000000001', 'a', 'a', '#',
        md5('user1')::uuid);
-- The platform's triggers, references and indexes would take most of the time: the rows satisfy them, and indexes are made
-- at once afterwards.
SET session_replication_role = replica;
SET maintenance_work_mem = '512MB';
CREATE TEMP TABLE made_later AS
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index i
WHERE i.indrelid = 'agent_runs'::regclass AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid);
SELECT format('DROP INDEX %s', name) FROM made_later \gexec
INSERT INTO agent_runs (agent_id, team_id, user_id, input, output, status, created_at, started_at, completed_at,
                        model_used, tokens_prompt, tokens_completion, tokens_total, cost_usd)
SELECT '00000000-0000-4000-8000-200000000001', '00000000-0000-4000-8000-100000000001',
       md5('user' || (1 + floor(:users * power(random(), 3)))::int)::uuid,
       'summarise this', repeat('x', 60),
       (CASE WHEN dice < 0.03 THEN 'failed' WHEN dice < 0.04 THEN 'cancelled' ELSE 'completed' END)::run_status,
       at, at, at + interval '20 seconds',
       (ARRAY['gpt-4o', 'gpt-4o-mini', 'claude-3-5-sonnet', 'claude-3-haiku', 'llama3', 'sonar'])[1 + floor(6 * power(random(), 2))::int],
       1000, 200, 1200, CASE WHEN dice < 0.99 THEN round((0.05 * random())::numeric, 4) END
FROM (SELECT date_trunc('month', now()) - interval '1 year' + (n::numeric / :runs) * (date_trunc('month', now()) - (date_trunc('month', now()) - interval '1 year')) AS at,
             random() AS dice
      FROM generate_series(0, :runs - 1) n) runs;
SELECT definition FROM made_later \gexec
SET session_replication_role = origin;
