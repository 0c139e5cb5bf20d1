// Roles that own nothing, and roles from which row-level security hides rows.
#include <gtest/gtest.h>

#include <future>
#include <sstream>

#include "billsync/apply/entitlements.h"
#include "billsync/db/migrator.h"
#include "billsync/jobs/scheduler.h"
#include "billsync/report/export.h"
#include "billsync/stripe/event.h"
#include "billsync/usage/quota_reset.h"
#include "billsync/usage/rollup.h"
#include "billsync/webhook/inbox.h"
#include "mirror.h"
#include "plan_bodies.h"
#include "platform_rows.h"
#include "support/login_role.h"

namespace billsync::testing {
namespace {

const auto kOctober = billing::Month::Parse("2026-10").value();

TEST(HiddenRows, AreRefusedAtConnectAndNameTheTable) {
  TestDatabase database;
  AddUser(database, 1);
  AddRuns(database, 1, 3, {{"status", "'completed'"}});
  LoginRole role(database);
  database.Run("GRANT SELECT ON agent_runs, team_members TO " + role.name() +
               "; GRANT EXECUTE ON FUNCTION billing_filtered_tables() TO " + role.name());
  {
    db::Session blind({.url = role.url(), .role = "test", .refuse_hidden_rows = false});
    db::Transaction tx(blind);
    EXPECT_EQ(tx.Exec("test", "SELECT count(*) AS n FROM agent_runs", {}).Only().Int("n"), 0)
        << "the silent zero this test is about";
  }
  try {
    db::Session session({.url = role.url(), .role = "test"});
    ADD_FAILURE() << "a session that is shown a part of agent_runs was opened";
  } catch (const db::Bug& e) {
    EXPECT_EQ(e.sqlstate(), "42501");
    EXPECT_NE(std::string(e.what()).find("agent_runs"), std::string::npos) << e.what();
  }
}

TEST(HiddenRows, AreRefusedUnderARestrictivePolicyBesideOneThatShowsAll) {
  TestDatabase database;
  GrantRoles(database);
  LoginRole role(database, " IN ROLE billsync_service");
  EXPECT_NO_THROW(db::Session({.url = role.url(), .role = "test"}));
  database.Run("CREATE POLICY some_only ON agent_runs AS RESTRICTIVE FOR SELECT USING (status <> 'failed')");
  EXPECT_THROW(db::Session({.url = role.url(), .role = "test"}), db::Bug);
}

TEST(HiddenRows, AreRefusedToARoleThatMayNotEvenAsk) {
  TestDatabase database;
  LoginRole role(database);
  database.Run("GRANT SELECT ON agent_runs, team_members TO " + role.name());
  EXPECT_THROW(db::Session({.url = role.url(), .role = "test"}), db::Bug);
}

// What a platform does now and then: it grants its users every table there is.
TEST(RowSecurity, ShowsAUserItsOwnRowsWhateverThePlatformGrants) {
  TestDatabase database;
  EXPECT_EQ(database.Value("SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                           " AND relkind IN ('r', 'p') AND relname ~ '^(billing|stripe)_' AND NOT relrowsecurity"),
            "");
  AddUser(database, 1);
  AddUser(database, 2);
  database.Run(
      "INSERT INTO billing_plan_changes (user_id, changed_at, to_tier, to_quota, cause)"
      " SELECT id, now(), 'pro', 1, 'test' FROM users");
  LoginRole role(database, " IN ROLE authenticated");
  database.Run("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO authenticated");
  db::Session session({.url = role.url(), .role = "test", .refuse_hidden_rows = false});
  const auto count = [&](const std::string& from) {
    db::Transaction tx(session);
    tx.Exec("test", "SELECT set_config('app.current_user_id', $1, true)", db::Params::Of(UserId(1)));
    return tx.Exec("test", "SELECT count(*) AS n FROM " + from, {}).Only().Int("n");
  };
  EXPECT_EQ(count("billing_plan_changes"), 1);
  EXPECT_EQ(count("billing_plan_changes WHERE user_id = '" + UserId(2) + "'"), 0);
  EXPECT_EQ(count("billing_audit"), 0);
  EXPECT_EQ(count("stripe_events"), 0);
  db::Transaction tx(session);
  EXPECT_THROW(tx.Exec("test",
                       "INSERT INTO billing_quota_overrides (user_id, monthly_runs_quota, reason) VALUES ('" +
                           UserId(1) + "', 1000000, 'mine')",
                       {}),
               db::Error);
}

TEST(DefinerFunctions, SetTheirSearchPathOrLookAtIt) {
  TestDatabase database;
  EXPECT_EQ(
      database.Value("SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc WHERE prosecdef AND NOT EXISTS "
                     "(SELECT FROM unnest(proconfig) c WHERE c LIKE 'search_path=%')"),
      "billing_meter_added_runs billing_meter_run");
}

constexpr const char* kTables[] = {"users", "billing_usage_deltas", "billing_retired_runs", "billing_run_reservations"};

// A role that may write runs, with operators, functions and tables of its own, which come first in its search_path.
class ForeignPathTest : public ::testing::Test {
 protected:
  ForeignPathTest() {
    AddUser(database_, 1);
    AddRuns(database_, 1, 1, {{"status", "'running'"}});
    database_.Run("CREATE SCHEMA theirs AUTHORIZATION " + role_.name() +
                  "; GRANT SELECT, INSERT, UPDATE ON agent_runs TO " + role_.name() +
                  "; CREATE POLICY theirs ON agent_runs TO " + role_.name() + " USING (true) WITH CHECK (true)");
    Do(R"(DO $$
        DECLARE
            of text;
            operator text;
            raise constant text := 'LANGUAGE plpgsql AS ''BEGIN RAISE EXCEPTION ''''not ours''''; END''';
        BEGIN
            FOREACH of IN ARRAY '{public.run_status,uuid,numeric,text,timestamptz,integer,bigint,name[]}'::text[] LOOP
                EXECUTE format('CREATE FUNCTION theirs.compare(a %1$s, b %1$s) RETURNS boolean %2$s', of, raise);
                FOREACH operator IN ARRAY '{=,<>,<,>=}'::text[] LOOP
                    EXECUTE format('CREATE OPERATOR theirs.%1$s (LEFTARG = %2$s, RIGHTARG = %2$s, '
                                   'FUNCTION = theirs.compare)', operator, of);
                END LOOP;
            END LOOP;
            EXECUTE 'CREATE FUNCTION theirs.now() RETURNS timestamptz ' || raise;
            EXECUTE 'CREATE FUNCTION theirs.set_config(text, text, boolean) RETURNS text ' || raise;
            EXECUTE 'CREATE FUNCTION theirs.current_setting(text) RETURNS text ' || raise;
            EXECUTE 'CREATE FUNCTION theirs.current_schemas(boolean) RETURNS name[] ' || raise;
            EXECUTE 'CREATE FUNCTION theirs.date_trunc(text, timestamptz, text) RETURNS timestamptz ' || raise;
        END $$)");
    for (const char* table : kTables) Do(std::string("CREATE TABLE theirs.") + table + " (n int)");
  }
  void Do(const std::string& sql) {
    db::Transaction tx(session_);
    tx.Exec("test", "SELECT pg_catalog.set_config('search_path', $1, true)", db::Params::Of(path_));
    tx.Exec("test", sql, {});
    EXPECT_EQ(tx.Exec("test", "SELECT pg_catalog.current_setting('search_path') AS path", {}).Only().Text("path"),
              path_)
        << "the caller's own path is back";
    tx.Commit();
  }
  std::string Counted() {
    return database_.Value(
        "SELECT monthly_runs_used || ' ' || (SELECT count(*) FROM billing_usage_deltas) FROM users WHERE id = '" +
        UserId(1) + "'");
  }
  void AddAndEndRuns() {
    Do("INSERT INTO public.agent_runs (agent_id, team_id, user_id, input, status, completed_at, tokens_total, "
       "cost_usd) "
       "SELECT agent_id, team_id, user_id, input, 'completed', pg_catalog.now(), 1, 1 FROM public.agent_runs");
    Do("UPDATE public.agent_runs SET status = 'completed', completed_at = pg_catalog.now(), tokens_total = 1, cost_usd "
       "= 1 "
       "WHERE completed_at IS NULL");
  }

  TestDatabase database_;
  LoginRole role_{database_};
  std::string path_ = "public";
  db::Session session_{{.url = role_.url(), .role = "test", .refuse_hidden_rows = false}};
};

TEST_F(ForeignPathTest, BringsNothingIntoMetering) {
  path_ = "theirs, pg_catalog, public";
  EXPECT_THROW(Do("SELECT 'completed'::public.run_status >= 'queued'::public.run_status"), db::Error)
      << "or else this test tests nothing";
  AddAndEndRuns();
  EXPECT_EQ(Counted(), "2 2");
}

TEST_F(ForeignPathTest, TemporaryTablesAreNotMistakenForOurs) {
  for (const char* table : kTables) Do(std::string("CREATE TEMP TABLE ") + table + " (n int)");
  AddAndEndRuns();
  EXPECT_EQ(Counted(), "2 2");
}

TEST_F(ForeignPathTest, IsJudgedByItsTextToo) {
  database_.Run(R"(
      CREATE TABLE seen (path text);
      CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
          'BEGIN INSERT INTO public.seen VALUES (current_setting(''search_path'')); RETURN NULL; END';
      CREATE TRIGGER see AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION see())");
  path_ = "not_there_yet, public";  // it may be there by the time that the function has waited for the user's row
  AddAndEndRuns();
  EXPECT_EQ(database_.Value("SELECT string_agg(DISTINCT path, ' ') FROM seen"), "public, pg_temp");
  EXPECT_EQ(Counted(), "2 2");
}

// Everything the service does, as a member of billsync_service.
class ServiceRoleTest : public ::testing::Test {
 protected:
  ServiceRoleTest() { GrantRoles(mirror_.database); }
  db::ConnectOptions Connect() const { return {.url = role_.url(), .role = "service"}; }

  Mirror mirror_;
  LoginRole role_{mirror_.database, " IN ROLE billsync_service"};
};

TEST_F(ServiceRoleTest, AppliesTheCatalogAndSweepsOverrides) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  db::Pool pool(Connect(), 2);
  PlanEvent bought{.items = {{.price = {.id = "price_x"}}}};
  bought.more = ",\"billing_cycle_anchor\":" + std::to_string(kAsOfSeconds);
  mirror_.Store(bought.Body());
  mirror_.Store(ScheduleEvent{.phases = {{kAsOfSeconds, kAsOfSeconds + 9, "price_x"}}}.Body());
  const auto apply = [&] { apply::Applier(pool, DemoOptions(), [] { return kAsOf; }).ApplyAllDue(); };
  apply();
  mirror_.Store(PriceBody("evt_p", "updated", kAsOfSeconds, {.id = "price_x", .tier = "pro"}));
  apply();
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(mirror_.database.Value("SELECT anchor_day FROM billing_quota_anchors"), "20");
  mirror_.database.Run("INSERT INTO billing_quota_overrides (user_id, monthly_runs_quota, reason) VALUES ('" +
                       UserId(1) + "', 7, 'agreed')");
  db::Session session(Connect());
  const auto options = DemoOptions();
  EXPECT_EQ(apply::SweepEntitlements(session, options.plans, options.policy, kAsOf), 1);
  {
    db::Transaction tx(session);
    tx.Exec("take away", "DELETE FROM billing_quota_overrides", {});
    tx.Commit();
  }
  EXPECT_EQ(apply::SweepEntitlements(session, options.plans, options.policy, kAsOf), 1);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
}

TEST_F(ServiceRoleTest, RollsUpRunsOfEveryTeam) {
  AddUser(mirror_.database, 1);
  AddRuns(mirror_.database, 1, 4, {{"status", "'completed'"}, {"cost_usd", "0.5"}, {"created_at", "'2026-10-05'"}});
  db::Session session(Connect());
  EXPECT_EQ(usage::Rollup(session, kAsOf), 1);
  EXPECT_EQ(mirror_.database.Value("SELECT total_runs || ' ' || total_cost_usd FROM billing_usage"), "4 2.00");
  EXPECT_EQ(usage::RecomputeMonth(session, kOctober, kAsOf,
                                  {.foreign = usage::ForeignRows::kTakeOver, .allow_decrease = true}),
            0);
  EXPECT_EQ(usage::RestoreOpenMonths(session, kAsOf), 0);
  EXPECT_EQ(usage::MonthsOfUsage(session).size(), 1U);
  EXPECT_FALSE(usage::FillNextMonth(session, kAsOf));
}

TEST_F(ServiceRoleTest, StoresAndAppliesEventsAndRetriesThem) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  webhook::Inbox inbox(Connect(), {.patience = std::chrono::seconds(20)}, [] {});
  for (const auto& body : {SubscriptionEvent{}.Body(), InvoiceEvent{}.Body(), CustomerEvent{}.Body()}) {
    std::promise<webhook::StoreOutcome> outcome;
    inbox.Submit({*stripe::ReadEnvelope(body), body, std::nullopt}, [&](auto o) { outcome.set_value(o); });
    EXPECT_EQ(outcome.get_future().get(), webhook::StoreOutcome::kStored);
  }
  db::Pool pool(Connect(), 2);
  auto options = DemoOptions();
  options.link_by_email = true;
  EXPECT_EQ(apply::Applier(pool, options, [] { return kAsOf; }).ApplyAllDue(), 3U);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_invoices"), "1");
  auto session = pool.Acquire();
  EXPECT_EQ(apply::RetryEvents(*session, {}), 0);
  EXPECT_EQ(apply::SweepEntitlements(*session, options.plans, options.policy, kAsOf), 0);
}

TEST_F(ServiceRoleTest, ResetsQuotas) {
  AddUser(mirror_.database, 1, {{"quota_reset_date", "current_date"}, {"monthly_runs_used", "9"}});
  db::Session session(Connect());
  EXPECT_EQ(usage::QuotasDue(session, mirror_.database.Value("SELECT current_date::text")).size(), 1U);
  EXPECT_EQ(usage::ResetQuotas(session, std::nullopt, [](const auto&) {}), 1);
  EXPECT_EQ(usage::FindEntitlement(session, UserId(1), SystemNow())->used, 0);
  EXPECT_EQ(mirror_.database.Value("SELECT monthly_runs_used FROM users WHERE id = '" + UserId(1) + "'"), "0");
}

TEST_F(ServiceRoleTest, RunsJobs) {
  db::Pool pool(Connect(), 2);
  const jobs::Job job{"one", std::chrono::seconds(60), [](db::Session&, Instant, const Progress&) {
                        return jobs::JobOutcome{1, ""};
                      }};
  EXPECT_TRUE(jobs::RunJob(pool, job, jobs::Trigger::kSchedule, "me", SystemNow));
  EXPECT_TRUE(db::PendingMigrations(*pool.Acquire()).empty());
}

TEST_F(ServiceRoleTest, OwnsNothingAndCannotRewriteTheLedgers) {
  db::Session session(Connect());
  for (const char* sql :
       {"DELETE FROM billing_plan_changes", "UPDATE billing_quota_resets SET used = 0", "DELETE FROM users",
        "SELECT input FROM agent_runs", "TRUNCATE stripe_events", "CREATE TABLE mine (n int)"}) {
    db::Transaction tx(session);
    EXPECT_THROW(tx.Exec("forbidden", sql, {}), db::Bug) << sql;
  }
}

TEST_F(ServiceRoleTest, ExportsTheReports) {
  AddUser(mirror_.database, 1, {{"full_name", "'Ada'"}});
  mirror_.database.Run(
      "INSERT INTO billing_usage (user_id, period_start, period_end) SELECT id, '2026-10-01', "
      "'2026-11-01' FROM users WHERE full_name = 'Ada'");
  db::Session session(Connect());
  for (const auto report : report::kAllReports) {
    std::ostringstream out;
    EXPECT_NO_THROW(report::ExportToStream(session, {.period = report::PeriodRange::Of(kOctober), .items = {{report}}},
                                           out, [](int64_t, int64_t) {}));
  }
}

TEST(FinanceRole, ExportsTheReportsAndChangesNothing) {
  TestDatabase database;
  GrantRoles(database);
  AddUser(database, 1, {{"full_name", "'Ada'"}});
  database.Run(
      "INSERT INTO billing_usage (user_id, period_start, period_end) SELECT id, '2026-10-01', '2026-11-01' "
      "FROM users WHERE full_name = 'Ada'");
  LoginRole role(database, " IN ROLE billsync_finance");
  db::Session session({.url = role.url(), .role = "finance"});
  for (const auto report : report::kAllReports) {
    std::ostringstream out;
    EXPECT_NO_THROW(report::ExportToStream(session, {.period = report::PeriodRange::Of(kOctober), .items = {{report}}},
                                           out, [](int64_t, int64_t) {}));
  }
  for (const char* sql :
       {"UPDATE billing_usage SET total_runs = 1", "SELECT payload FROM stripe_events", "SELECT input FROM agent_runs",
        "UPDATE users SET plan_tier = 'pro'", "DELETE FROM billing_audit"}) {
    db::Transaction tx(session);
    EXPECT_THROW(tx.Exec("forbidden", sql, {}), db::Bug) << sql;
  }
}

}  // namespace
}  // namespace billsync::testing
