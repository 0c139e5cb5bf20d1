-- A run's life, in three transactions.
\set user random(1, :users)
\set run random(1, 4611686018427387903)
INSERT INTO agent_runs (id, agent_id, team_id, user_id, input, status) VALUES (md5(:run::text)::uuid, '00000000-0000-4000-8000-200000000001', '00000000-0000-4000-8000-100000000001', md5('user' || :user::text)::uuid, 'summarise this', 'queued');
UPDATE agent_runs SET status = 'running', started_at = now() WHERE id = md5(:run::text)::uuid;
UPDATE agent_runs SET status = 'completed', completed_at = now(), output = 'done', model_used = 'gpt-4o', tokens_prompt = 1000, tokens_completion = 200, tokens_total = 1200, cost_usd = 0.0125 WHERE id = md5(:run::text)::uuid;
