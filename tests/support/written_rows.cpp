#include "support/written_rows.h"

namespace billsync::testing {
namespace {

// Columns that say when or under which surrogate key a row was written, and not what it means.
constexpr const char* kIncidentalColumns = R"(
  SELECT coalesce(array_agg(a.attname::text), '{}') FROM pg_attribute a
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND (a.attidentity <> '' OR a.attname IN ('linked_at', 'lapse_seen_at')
         OR (a.attname <> 'user_id' AND pg_get_expr(d.adbin, d.adrelid) ~ 'now\(\)|CURRENT_TIMESTAMP|uuid|nextval')))";

// What named a customer's user is recorded until one is linked, so by which event depends on what came first; whom it
// named does not.
constexpr const char* kUntilLinked = "{event_id,event_created}";

// The day a user is billed on is Stripe's; when the running period began is the platform's own story.
constexpr const char* kPeriods = "{period_start}";

// A function that gives every table's rows as lines: it has to be built from the catalog, because tables come.
constexpr const char* kRowsFunction = R"(
CREATE OR REPLACE FUNCTION test_rows() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  t record;
  lines text;
  everything text := '';
BEGIN
  FOR t IN SELECT c.relname, (@incidental@) || CASE c.relname WHEN 'billing_customer_evidence' THEN '@until@'::text[]
                                               WHEN 'billing_quota_anchors' THEN '@periods@'::text[]
                                               ELSE '{}' END AS incidental FROM pg_class c
           WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
             AND (c.relname LIKE 'billing\_%' OR c.relname LIKE 'stripe\_%')
             AND c.relname NOT IN ('stripe_events', 'billing_checkpoints', 'billing_jobs', 'billing_job_runs', 'billing_plan_map',
                                   'billing_plan_changes', 'billing_usage_checks', 'billing_usage_fill',
                                   'billing_revenue_by_day')
           ORDER BY c.relname LOOP
    EXECUTE format('SELECT string_agg(%L || (to_jsonb(r) - %L::text[])::text, E''\n'' '
                   'ORDER BY (to_jsonb(r) - %L::text[])::text COLLATE "C") FROM %I r',
                   t.relname || ' ', t.incidental, t.incidental, t.relname) INTO lines;
    everything := everything || coalesce(lines || E'\n', '');
  END LOOP;
  -- Appended to; what the rows of a day add up to is what counts.
  SELECT string_agg(format('revenue %s %s', day, usd), E'\n' ORDER BY day) INTO lines
  FROM (SELECT day, trim_scale(sum(revenue_usd)) AS usd FROM billing_revenue_by_day GROUP BY day) d WHERE usd <> 0;
  everything := everything || coalesce(lines || E'\n', '');
  SELECT string_agg(format('user %s %s %s %s %s', id, plan_tier, monthly_runs_quota, stripe_customer_id,
                           stripe_subscription_id), E'\n' ORDER BY id) INTO lines FROM users;
  RETURN everything || coalesce(lines, '');
END
$$)";

}  // namespace

std::string WrittenRows(TestDatabase& database) {
  std::string function = kRowsFunction;
  function.replace(function.find("@incidental@"), 12, kIncidentalColumns);
  function.replace(function.find("@until@"), 7, kUntilLinked);
  function.replace(function.find("@periods@"), 9, kPeriods);
  database.Run(function);
  return database.Value("SELECT test_rows()");
}

std::string ContradictedPlanChanges(TestDatabase& database) {
  return database.Value(R"(
      SELECT coalesce(string_agg(u.id || ' has ' || u.plan_tier || ' ' || u.monthly_runs_quota || ', recorded '
                                 || c.to_tier || ' ' || c.to_quota, E'\n'), '')
      FROM users u JOIN LATERAL (SELECT to_tier, to_quota FROM billing_plan_changes p WHERE p.user_id = u.id
                                 ORDER BY p.id DESC LIMIT 1) c ON true
      WHERE (u.plan_tier, u.monthly_runs_quota) IS DISTINCT FROM (c.to_tier, c.to_quota))");
}

}  // namespace billsync::testing
