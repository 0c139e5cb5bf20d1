-- Rows in every table of fixtures/platform/as-found.sql, odd ones among them: what a migration must not touch.
INSERT INTO users (id, email, full_name, plan_tier, stripe_customer_id, monthly_runs_quota, monthly_runs_used,
                   quota_reset_date, created_at, updated_at)
VALUES ('00000000-0000-4000-8000-000000000001', 'owner@example.com', 'Ola Owner', 'pro', 'cus_old', 1000, 7,
        '2024-02-29', '2023-01-31 10:00+00', '2023-02-01 00:00+00'),
       ('00000000-0000-4000-8000-000000000002', 'nobody@example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO teams (id, name, slug, owner_id)
VALUES ('00000000-0000-4000-8000-000000000101', 'Old Team', 'old-team', '00000000-0000-4000-8000-000000000001');
INSERT INTO team_members (team_id, user_id, role)
VALUES ('00000000-0000-4000-8000-000000000101', '00000000-0000-4000-8000-000000000001', 'owner');
INSERT INTO api_keys (user_id, team_id, name, key_hash, key_prefix)
VALUES ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000101', 'Key', 'hash', 'prefix');
INSERT INTO agents (id, team_id, name, slug, spec_content, created_by)
VALUES ('00000000-0000-4000-8000-000000000201', '00000000-0000-4000-8000-000000000101', 'Agent', 'agent', '# Agent',
        '00000000-0000-4000-8000-000000000001');
INSERT INTO agent_versions (agent_id, version, spec_content, changed_by)
VALUES ('00000000-0000-4000-8000-000000000201', 1, '# Agent', '00000000-0000-4000-8000-000000000001');
INSERT INTO agent_runs (id, agent_id, user_id, team_id, input, status, completed_at, tokens_prompt, cost_usd)
VALUES ('10000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000201',
        '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000101', 'one', 'completed', now(), -5,
        'NaN'),
       ('10000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000201',
        '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000101', 'two', 'queued', NULL, NULL,
        NULL);
INSERT INTO marketplace_templates (id, agent_id, creator_id, title)
VALUES ('00000000-0000-4000-8000-000000000301', '00000000-0000-4000-8000-000000000201',
        '00000000-0000-4000-8000-000000000001', 'Template');
INSERT INTO marketplace_reviews (template_id, user_id, rating)
VALUES ('00000000-0000-4000-8000-000000000301', '00000000-0000-4000-8000-000000000001', 4);
INSERT INTO marketplace_purchases (template_id, user_id, team_id, price_paid_usd)
VALUES ('00000000-0000-4000-8000-000000000301', '00000000-0000-4000-8000-000000000001',
        '00000000-0000-4000-8000-000000000101', 9.99);
INSERT INTO billing_subscriptions (user_id, stripe_subscription_id, stripe_price_id, plan_tier, status,
                                   current_period_start, current_period_end, amount_usd)
VALUES ('00000000-0000-4000-8000-000000000001', 'sub_old', 'price_old', 'pro', 'active', '2024-01-01', '2024-02-01',
        29.00);
INSERT INTO billing_usage (user_id, period_start, period_end, total_runs, total_cost_usd, total_tokens, cost_breakdown)
VALUES ('00000000-0000-4000-8000-000000000001', '2024-01-01', '2024-02-01', 3, 1.25, 1000, '{"llama3": 1.25}');
INSERT INTO billing_invoices (user_id, stripe_invoice_id, amount_usd, amount_paid_usd, status, paid, due_date)
VALUES ('00000000-0000-4000-8000-000000000001', 'in_old', 29.00, 29.00, 'paid', true, '2024-01-15');
INSERT INTO webhooks (id, team_id, url, events, secret)
VALUES ('00000000-0000-4000-8000-000000000401', '00000000-0000-4000-8000-000000000101', 'https://example.com/hook',
        ARRAY['agent.run.completed'], 'secret');
INSERT INTO webhook_deliveries (webhook_id, event_type, payload)
VALUES ('00000000-0000-4000-8000-000000000401', 'agent.run.completed', '{"a": 1}');
INSERT INTO llm_calls (agent_run_id, user_id, provider, model, cost_usd)
VALUES ('10000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000001', 'openai', 'gpt-4o', 0.0125);
INSERT INTO error_logs (error_type, error_message, user_id, agent_id, agent_run_id)
VALUES ('Timeout', 'too slow', '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000201',
        '10000000-0000-4000-8000-000000000002');
