// The admin listener: who may, what it shows, what it does; and what the log says of all this.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <signal.h>

#include <set>

#include "e2e/commands.h"
#include "e2e/json_text.h"
#include "e2e/metrics_page.h"
#include "e2e/raw_exchange.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

constexpr const char* kFinanceToken = "finance-token-of-the-test-suite";

const std::map<std::string, std::string> kBothTokens = {
    {"BILLSYNC_ADMIN_TOKEN", std::string("finance=") + kFinanceToken + ",ops=" + kOpsToken}};

std::string CodeOf(const PostResult& answer) {
  return Member(ParsedJson(answer.body), "code");
}

// A parked event of a customer nobody knows.
void PostParked(const RunningService& service, TestDatabase& database, const std::string& id) {
  const std::string body = SubscriptionEvent(id, "sub_" + id, "cus_nobody");
  ASSERT_EQ(PostEvent(service.port(), body, SignIndependently(body)).status, 200);
  ASSERT_TRUE(Eventually(
      [&] { return database.Value("SELECT status FROM stripe_events WHERE id = '" + id + "'") == "parked"; }));
}

TEST(Admin, LetsNobodyInWithoutATokenAndFinanceChangeNothing) {
  TestDatabase database;
  RunningService service(database.url(), kBothTokens);
  PostParked(service, database, "evt_1");
  for (const char* path : {"/", "/metrics", "/api/v1/events", "/api/v1/events/evt_1", "/api/v1/jobs"}) {
    for (const char* token : {"", "wrong"}) {
      const auto answer = Get(service.admin_port(), path, token);
      EXPECT_EQ(answer.status, 401) << path << token;
      EXPECT_EQ(CodeOf(answer), "token_required") << path;
      EXPECT_EQ(answer.headers.at("www-authenticate"), "Bearer") << path;
    }
    EXPECT_EQ(Get(service.admin_port(), path, kFinanceToken).status, 200) << path;
    EXPECT_EQ(Get(service.admin_port(), path, kOpsToken).status, 200) << path;
  }
  for (const char* token : {"ops", "ops=ops-token-of-the-test-suite"}) {
    EXPECT_EQ(Get(service.admin_port(), "/metrics", token).status, 401) << token;
  }
  // An event's payload holds addresses and more: finance has no business with it.
  const auto seen = ParsedJson(Get(service.admin_port(), "/api/v1/events/evt_1", kFinanceToken).body);
  EXPECT_EQ(Member(seen["event"], "status"), "parked");
  EXPECT_EQ(Member(seen, "payload"), "null");
  EXPECT_EQ(Get(service.admin_port(), "/api/v1/events/evt_nowhere", kFinanceToken).status, 404);
  for (const char* path : {"/api/v1/events/evt_1/retry", "/api/v1/jobs/rollup/run"}) {
    EXPECT_EQ(Post(service.admin_port(), path, "").status, 401) << path;
    const auto answer = Post(service.admin_port(), path, kFinanceToken);
    EXPECT_EQ(answer.status, 403) << path;
    EXPECT_EQ(CodeOf(answer), "role_insufficient") << path;
    EXPECT_EQ(Get(service.admin_port(), path, kOpsToken).status, 405) << path;
  }
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_job_runs WHERE trigger = 'manual'"), "0");
  EXPECT_EQ(database.Value("SELECT status FROM stripe_events"), "parked");
  EXPECT_EQ(Get(service.admin_port(), "/api/v1/nothing", kOpsToken).status, 404);
  EXPECT_EQ(Get(service.admin_port(), "/webhooks/stripe", kOpsToken).status, 404);
  // The token is a header's, never a query's: those end up in logs.
  EXPECT_EQ(Get(service.admin_port(), std::string("/metrics?token=") + kOpsToken).status, 401);
}

TEST(Admin, LimitsWrongTokensOnEveryPathTogetherAndLetsTheRightOneIn) {
  TestDatabase database;
  RunningService service(database.url(), {{"BILLSYNC_ADMIN_TOKEN", "ops=short"}});
  EXPECT_THAT(service.program().Err(),
              ::testing::HasSubstr("an admin token of fewer than 16 characters may be guessed"));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Get(service.admin_port(), i % 2 == 0 ? "/api/v1/usage" : "/metrics", "x" + std::to_string(i)).status,
              401);
  }
  for (const char* path : {"/", "/api/v1/usage", "/metrics"}) {
    const auto limited = Get(service.admin_port(), path, "y");
    EXPECT_EQ(limited.status, 429) << path;
    EXPECT_EQ(CodeOf(limited), "too_many_attempts") << path;
    EXPECT_EQ(limited.headers.at("retry-after"), "60") << path;
    EXPECT_EQ(Get(service.admin_port(), path, "short").status, 200) << path;
  }
  httplib::Client client("127.0.0.1", service.admin_port());
  EXPECT_EQ(client.Get("/metrics", {{"Authorization", "bearer short"}})->status, 200);
  EXPECT_EQ(client.Post("/login", "token=short", "application/x-www-form-urlencoded")->status, 303)
      << "a program does not lock people out";
}

TEST(Admin, HasNoListenerWithoutAToken) {
  TestDatabase database;
  Program program({"--config", kDemoConfig, "serve"}, {{"DATABASE_URL", database.url()},
                                                       {"STRIPE_WEBHOOK_SECRET", kSecret},
                                                       {"BILLSYNC_LISTEN", "127.0.0.1:0"},
                                                       {"BILLSYNC_ADMIN_LISTEN", "127.0.0.1:0"}});
  ASSERT_TRUE(
      Eventually([&] { return program.Err().find("\"serving\"") != std::string::npos; }, std::chrono::seconds(20)));
  EXPECT_NE(program.Err().find("\"admin_port\":0"), std::string::npos) << program.Err();
  EXPECT_NE(program.Err().find("no admin listener: set BILLSYNC_ADMIN_TOKEN"), std::string::npos) << program.Err();
  program.Signal(SIGTERM);
  EXPECT_EQ(program.Wait().status, 0);
}

TEST(Admin, CountsWhatPeoplePageOn) {
  TestDatabase database;
  RunningService service(database.url());
  PostParked(service, database, "evt_1");
  const std::string page = Get(service.admin_port(), "/metrics", kOpsToken).body;
  for (const char* sample : {"billsync_signatures_verified_total{secret=\"secret1\"}",
                             "billsync_events_received_total{outcome=\"stored\"}",
                             "billsync_events_received_total{outcome=\"duplicate\"}",
                             "billsync_events_received_total{outcome=\"unavailable\"}",
                             "billsync_events_received_total{outcome=\"overloaded\"}",
                             "billsync_inbox_waiting",
                             "billsync_commit_batch_rows_count",
                             "billsync_commit_batch_rows_sum",
                             "billsync_apply_attempts_total{status=\"parked\"}",
                             "billsync_apply_failed_batches_total",
                             "billsync_plan_changes_total",
                             "billsync_job_failures_total",
                             "billsync_http_connections",
                             "billsync_http_requests_pending",
                             "billsync_http_responses_total{class=\"2xx\"}",
                             "billsync_http_responses_total{class=\"5xx\"}",
                             "billsync_http_problems_total{code=\"not_found\"}",
                             "billsync_db_sessions_in_use",
                             "billsync_db_pool_waits_total",
                             "billsync_database_up",
                             "billsync_events{reason=\"unknown_customer\",status=\"parked\"}",
                             "billsync_apply_backlog",
                             "billsync_apply_lag_seconds"}) {
    EXPECT_NE(MetricOf(page, sample), "") << sample;
  }
  EXPECT_EQ(MetricOf(page, "billsync_events{reason=\"unknown_customer\",status=\"parked\"}"), "1");
  EXPECT_EQ(MetricOf(page, "billsync_database_up"), "1");
  EXPECT_TRUE(Eventually([&] { return Metric(service, "billsync_job_age_seconds{job_name=\"rollup\"}") != ""; }));
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(line.starts_with("billsync_") || line.starts_with("# HELP billsync_") ||
                line.starts_with("# TYPE billsync_"))
        << line;
  }
}

TEST(Admin, ListsFiltersAndShowsEvents) {
  TestDatabase database;
  RunningService service(database.url());
  PostParked(service, database, "evt_1");
  const std::string body =
      Event("evt_2", "setup_intent.succeeded", R"({"id":"seti_1","object":"setup_intent","customer":"cus_2"})");
  ASSERT_EQ(PostEvent(service.port(), body, SignIndependently(body)).status, 200);
  const auto ids = [&](const std::string& query) {
    const auto answer = Get(service.admin_port(), "/api/v1/events" + query, kOpsToken);
    EXPECT_EQ(answer.status, 200) << query << answer.body;
    const auto page = ParsedJson(answer.body);
    std::string found;
    for (const auto& event : page["events"].GetArray()) found += Member(event, "id") + " ";
    return found;
  };
  EXPECT_EQ(ids(""), "evt_2 evt_1 ");
  EXPECT_EQ(ids("?limit=1"), "evt_2 ");
  EXPECT_EQ(ids("?status=parked"), "evt_1 ");
  EXPECT_EQ(ids("?status=ignored&reason=type_not_used"), "evt_2 ");
  EXPECT_EQ(ids("?object_id=sub_evt_1"), "evt_1 ");
  EXPECT_EQ(ids("?customer=cus_2"), "evt_2 ");
  EXPECT_EQ(ids("?status=applied"), "");
  for (const char* query : {"?limit=0", "?limit=1001", "?limit=ten"}) {
    const auto answer = Get(service.admin_port(), std::string("/api/v1/events") + query, kOpsToken);
    EXPECT_EQ(answer.status, 400) << query;
    EXPECT_EQ(CodeOf(answer), "bad_limit") << query;
  }
  const auto shown = ParsedJson(Get(service.admin_port(), "/api/v1/events/evt_2", kOpsToken).body);
  EXPECT_EQ(Member(shown["event"], "type"), "setup_intent.succeeded");
  EXPECT_EQ(Member(shown, "payload"), body);
  const auto nowhere = Get(service.admin_port(), "/api/v1/events/evt_nowhere", kOpsToken);
  EXPECT_EQ(nowhere.status, 404);
  EXPECT_EQ(CodeOf(nowhere), "event_not_found");
}

TEST(Admin, RetriesEventsAndRunsJobs) {
  TestDatabase database;
  RunningService service(database.url());
  PostParked(service, database, "evt_1");
  database.Run("UPDATE stripe_events SET status = 'dead'");
  EXPECT_EQ(Post(service.admin_port(), "/api/v1/events/evt_1/retry", kOpsToken).status, 202);
  EXPECT_TRUE(Eventually([&] { return database.Value("SELECT status FROM stripe_events") == "parked"; }));
  const auto missing = Post(service.admin_port(), "/api/v1/events/evt_nowhere/retry", kOpsToken);
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(CodeOf(missing), "event_not_found");
  database.Run("UPDATE stripe_events SET status = 'applied', applied_at = now(), reason = NULL");
  const auto settled = Post(service.admin_port(), "/api/v1/events/evt_1/retry", kOpsToken);
  EXPECT_EQ(settled.status, 409);
  EXPECT_EQ(CodeOf(settled), "event_not_parked");
  const auto nosuch = Get(service.admin_port(), "/api/v1/jobs/nosuch/runs", kOpsToken);
  EXPECT_EQ(nosuch.status, 404);
  EXPECT_EQ(CodeOf(nosuch), "job_not_found");
  EXPECT_EQ(Get(service.admin_port(), "/api/v1/jobs/retention/runs", kOpsToken).status, 200);

  const auto ran_again = [&](const std::string& since) {
    return database.Value("SELECT coalesce(last_ok_at > '" + since +
                          "', false) FROM billing_jobs WHERE job = 'retention'") == "t";
  };
  ASSERT_TRUE(Eventually([&] {
    return database.Value("SELECT count(*) FROM billing_jobs WHERE job = 'retention' AND last_ok_at IS NOT NULL") ==
           "1";
  }));
  const std::string before = database.Value("SELECT last_ok_at FROM billing_jobs WHERE job = 'retention'");
  EXPECT_FALSE(ran_again(before));  // once a day, if nobody asks
  const auto asked = Post(service.admin_port(), "/api/v1/jobs/retention/run", kOpsToken);
  EXPECT_EQ(asked.status, 202) << asked.body;
  EXPECT_EQ(Member(ParsedJson(asked.body), "job"), "retention");
  EXPECT_TRUE(Eventually([&] { return ran_again(before); }));
  EXPECT_EQ(Post(service.admin_port(), "/api/v1/jobs/tea/run", kOpsToken).status, 404);
  const auto jobs = ParsedJson(Get(service.admin_port(), "/api/v1/jobs", kOpsToken).body);
  std::set<std::string> names;
  for (const auto& job : jobs["jobs"].GetArray()) names.insert(Member(job, "job"));
  EXPECT_EQ(names,
            (std::set<std::string>{"apply", "close", "entitlement-sweep", "quota-reset", "retention", "rollup"}));
}

TEST(ServeLog, IsOneJsonObjectALineAndNeverHoldsASecretATokenOrAPayload) {
  TestDatabase database;
  const Workplace place;
  const std::string config =
      place.Put("debug.toml", ReadSource("fixtures/demo/billsync.toml") + "\n[log]\nlevel = 'debug'\n");
  RunningService service(database.url(), kBothTokens, config);
  const std::string marked = "MARK-OF-THE-PAYLOAD";
  PostParked(service, database, "evt_1");
  const auto post = [&](const std::string& body, const std::string& signature) {
    PostEvent(service.port(), body, signature);
  };
  const std::string odd = Event("evt_odd", "invoice.paid", R"({"id":"in_1","object":"invoice","x":")" + marked + "\"}");
  post(odd, SignIndependently(odd));
  post(odd, "t=1,v1=" + marked);
  post(odd, SignIndependently(odd, "whsec_of_somebody_else", Now()));
  post(marked, SignIndependently(marked));
  Exchange(service.port(), RequestText("GET", "/" + marked + "?" + kOpsToken, {{"X-Odd", "\"quote\\"}}, ""));
  Exchange(service.port(), marked + " \x01\xFF\r\n\r\n");
  Get(service.admin_port(), "/metrics", std::string(kOpsToken) + "x");
  Post(service.admin_port(), "/api/v1/events/evt_1/retry", kOpsToken);
  Post(service.admin_port(), "/api/v1/jobs/rollup/run", kOpsToken);
  service.program().Signal(SIGTERM);
  const auto result = service.program().Wait();
  ASSERT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "");
  const auto lines = ParsedLines(result.err);
  EXPECT_GE(lines.size(), 5U) << result.err;
  for (const auto& line : lines) {
    EXPECT_TRUE(line.IsObject());
    EXPECT_EQ(Member(line, "time").size(), 27U);
    EXPECT_NE(Member(line, "message"), "");
  }
  EXPECT_NE(result.err.find("\"somebody acted by hand\""), std::string::npos);
  for (const std::string& hidden : {std::string(kSecret), std::string(kOpsToken), std::string(kFinanceToken), marked}) {
    EXPECT_EQ(result.err.find(hidden), std::string::npos) << hidden << "\n" << result.err;
  }
}

}  // namespace
}  // namespace billsync::testing
