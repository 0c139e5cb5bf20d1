// The console and its API as a program meets them: sessions, forged forms, records, pages by key, compression.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "e2e/commands.h"
#include "e2e/json_text.h"
#include "e2e/private_cluster.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kFinanceToken = "finance-token-of-the-test-suite";
const std::map<std::string, std::string> kBothTokens = {
    {"BILLSYNC_ADMIN_TOKEN", std::string("finance=") + kFinanceToken + ",ops=" + kOpsToken}};
constexpr const char* kForm = "application/x-www-form-urlencoded";

// A person's browser, as far as HTTP goes.
class Person {
 public:
  explicit Person(const RunningService& service) : client_("127.0.0.1", service.admin_port()) {
    client_.set_read_timeout(20);
  }

  httplib::Result Get(const std::string& path, httplib::Headers more = {}) { return client_.Get(path, With(more)); }
  httplib::Result Post(const std::string& path, const std::string& form, httplib::Headers more = {}) {
    return client_.Post(path, With(more), form, kForm);
  }
  // Logs in and remembers cookie and form token.
  void LogIn(const std::string& token) {
    const auto answer = Post("/login", "next=%2Fjobs&token=" + token);
    ASSERT_EQ(answer->status, 303) << answer->body;
    EXPECT_EQ(answer->get_header_value("Location"), "/jobs");
    set_cookie = answer->get_header_value("Set-Cookie");
    cookie = set_cookie.substr(0, set_cookie.find(';'));
    const std::string page = Get("/jobs")->body;
    const std::string mark = "name=\"csrf\" value=\"";
    const size_t at = page.find(mark);
    ASSERT_NE(at, std::string::npos) << page;
    csrf = page.substr(at + mark.size(), 64);
  }

  std::string cookie, csrf, set_cookie;

 private:
  httplib::Headers With(httplib::Headers more) {
    more.emplace("Accept", "text/html");
    if (!cookie.empty()) more.emplace("Cookie", cookie);
    return more;
  }
  httplib::Client client_;
};

void PostParked(const RunningService& service, TestDatabase& database, const std::string& id) {
  const std::string body = SubscriptionEvent(id, "sub_" + id, "cus_nobody");
  ASSERT_EQ(PostEvent(service.port(), body, SignIndependently(body)).status, 200);
  ASSERT_TRUE(Eventually(
      [&] { return database.Value("SELECT status FROM stripe_events WHERE id = '" + id + "'") == "parked"; }));
}

std::string Recorded(TestDatabase& database) {
  return database.Value(
      "SELECT coalesce(string_agg(role || ' ' || action || ' ' || target || ' ' || outcome, '; ' ORDER BY id), '') "
      "FROM billing_audit");
}

TEST(ConsoleHttp, KeepsASessionInACookieThatNoScriptAndNoOtherSiteCanUse) {
  TestDatabase database;
  RunningService service(database.url(), kBothTokens);
  Person ada(service);
  const auto outside = ada.Get("/invoices?status=open");
  EXPECT_EQ(outside->status, 303);
  EXPECT_EQ(outside->get_header_value("Location"), "/login?next=/invoices?status=open");  // this client decodes headers
  EXPECT_EQ(ada.Post("/login", "token=wrong")->status, 401);
  for (const char* elsewhere : {"%2F%2Fevil.example", "https%3A%2F%2Fevil.example", "%2F%5Cevil.example"}) {
    EXPECT_EQ(
        ada.Post("/login", std::string("next=") + elsewhere + "&token=" + kOpsToken)->get_header_value("Location"),
        "/");
  }
  EXPECT_EQ(ada.Post("/login", std::string("token=") + kOpsToken, {{"Origin", "http://evil.example"}})->status, 403);
  ada.LogIn(kOpsToken);
  for (const char* part : {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=28800"})
    EXPECT_THAT(ada.set_cookie, HasSubstr(part));
  EXPECT_THAT(ada.set_cookie, Not(HasSubstr("Secure")));
  EXPECT_THAT(ada.Post("/login", std::string("token=") + kOpsToken, {{"X-Forwarded-Proto", "https"}})
                  ->get_header_value("Set-Cookie"),
              HasSubstr("; Secure"));
  const auto page = ada.Get("/");
  EXPECT_EQ(page->status, 200);
  EXPECT_THAT(page->get_header_value("Content-Security-Policy"), StartsWith("default-src 'none'; script-src 'self';"));
  EXPECT_EQ(page->get_header_value("Cache-Control"), "no-store");
  EXPECT_EQ(page->get_header_value("X-Frame-Options"), "DENY");
  EXPECT_THAT(page->body, Not(HasSubstr(" style=")));
  EXPECT_THAT(page->body, Not(HasSubstr("<script>")));
  EXPECT_EQ(ada.Get("/api/v1/jobs")->status, 200) << "a page's own requests carry the cookie";
  Person bob(service);
  bob.LogIn(kOpsToken);
  const auto out = ada.Post("/logout", "csrf=" + ada.csrf);
  EXPECT_EQ(out->status, 303);
  EXPECT_THAT(out->get_header_value("Set-Cookie"), HasSubstr("Max-Age=0"));
  EXPECT_EQ(ada.Get("/api/v1/jobs")->status, 401) << "whoever kept the cookie";
  EXPECT_EQ(bob.Get("/api/v1/jobs")->status, 200) << "a session of the same token";
}

TEST(ConsoleHttp, EndsASessionForEveryProcessAndLetsNobodyInWhileItCannotTell) {
  PrivateCluster cluster;
  ASSERT_EQ(Billsync(cluster.url(), {"migrate"}).status, 0);
  RunningService here(cluster.url(), kBothTokens), there(cluster.url(), kBothTokens);
  Person ada(here), ada_there(there), bob(there);
  ada.LogIn(kOpsToken);
  ada_there.cookie = ada.cookie;
  EXPECT_EQ(ada_there.Get("/jobs")->status, 200) << "a session is of all processes with the token";
  bob.LogIn(kOpsToken);
  EXPECT_EQ(ada.Post("/logout", "csrf=" + ada.csrf)->status, 303);
  EXPECT_EQ(ada.Get("/jobs")->status, 303);
  EXPECT_EQ(ada_there.Get("/jobs")->status, 303) << "logged out elsewhere";
  EXPECT_EQ(bob.Get("/jobs")->status, 200);

  cluster.Stop();
  for (Person* person : {&ada_there, &bob}) {
    const auto page = person->Get("/jobs");
    EXPECT_EQ(page->status, 503);
    EXPECT_THAT(page->body, HasSubstr("The database cannot be reached"));
    EXPECT_EQ(person->Get("/api/v1/openapi.json")->status, 503);
  }
  EXPECT_EQ(bob.Post("/logout", "csrf=" + bob.csrf)->status, 503) << "and the cookie is still there to try again";
  EXPECT_EQ(Get(there.admin_port(), "/metrics", kFinanceToken).status, 200) << "a bearer token needs no database";
  cluster.Start();
  EXPECT_TRUE(Eventually([&] { return bob.Get("/jobs")->status == 200; }));
  EXPECT_EQ(ada_there.Get("/jobs")->status, 303);
}

TEST(ConsoleHttp, ChangesNothingForAForgedForm) {
  TestDatabase database;
  RunningService service(database.url(), kBothTokens);
  PostParked(service, database, "evt_1");
  database.Run("UPDATE stripe_events SET status = 'dead'");
  Person ada(service);
  ada.LogIn(kOpsToken);
  const std::string form = "id=evt_1&csrf=";
  EXPECT_EQ(ada.Post("/events/retry", "id=evt_1")->status, 403);
  EXPECT_EQ(ada.Post("/events/retry", form + std::string(64, '0'))->status, 403);
  EXPECT_EQ(ada.Post("/events/retry", form + ada.csrf, {{"Origin", "http://evil.example"}})->status, 403);
  EXPECT_EQ(ada.Post("/api/v1/events/evt_1/retry", "")->status, 403) << "a cookie alone opens no POST of the API";
  EXPECT_EQ(database.Value("SELECT status FROM stripe_events"), "dead");
  EXPECT_EQ(Recorded(database), "");

  Person finn(service);
  finn.cookie = finn.csrf = "";
  const auto login = finn.Post("/login", std::string("token=") + kFinanceToken);
  finn.cookie = login->get_header_value("Set-Cookie").substr(0, login->get_header_value("Set-Cookie").find(';'));
  EXPECT_EQ(finn.Post("/events/retry", form + ada.csrf)->status, 403);
  EXPECT_EQ(database.Value("SELECT status FROM stripe_events"), "dead");

  EXPECT_EQ(ada.Post("/events/retry", form + ada.csrf)->get_header_value("Location"), "/events?notice=retried&n=1");
  EXPECT_TRUE(Eventually([&] { return database.Value("SELECT status FROM stripe_events") == "parked"; }));
  EXPECT_EQ(Recorded(database), "ops retry evt_1 done");
}

std::string CloseOutcome(const RunningService& service, const std::string& period) {
  const auto answer = Get(service.admin_port(), "/api/v1/periods/" + period, kFinanceToken);
  return answer.status == 200 ? Member(ParsedJson(answer.body)["close_request"], "outcome") : answer.body;
}

TEST(ConsoleHttp, RecordsWhoDidWhatOverTheNetworkAndOnTheCommandLine) {
  TestDatabase database;
  RunningService service(database.url(), kBothTokens);
  const auto post = [&](const std::string& path) { return Post(service.admin_port(), path, kOpsToken).status; };
  EXPECT_EQ(post("/api/v1/events/evt_nowhere/retry"), 404);
  EXPECT_EQ(post("/api/v1/events/retry?reason=unknown_customer"), 409);
  EXPECT_EQ(post("/api/v1/events/retry"), 400);
  EXPECT_EQ(post("/api/v1/jobs/tea/run"), 404);
  EXPECT_EQ(post("/api/v1/periods/2020-01/close"), 202);
  ASSERT_TRUE(Eventually([&] { return CloseOutcome(service, "2020-01") == "done"; }));
  EXPECT_EQ(post("/api/v1/periods/9998-01/close"), 409);
  AddUser(database, 1, "ada");
  const std::string user = "00000000-0000-4000-8000-000000000001";
  EXPECT_EQ(post("/api/v1/adjustments?user_id=" + user + "&origin=2020-01&amount_usd=-1.50&reason=goodwill"), 201);
  EXPECT_EQ(post("/api/v1/adjustments?user_id=" + user + "&origin=2020-02&amount_usd=-1.50&reason=goodwill"), 409);
  EXPECT_EQ(post("/api/v1/adjustments?user_id=" + user + "&origin=2020-01&amount_usd=1.505&reason=goodwill"), 400);
  EXPECT_EQ(Billsync(database, {"jobs", "run", "retention"}, {{"USER", "ada"}}).status, 0);
  EXPECT_EQ(Billsync(database, {"export", "usage", "--period", "2020-01", "--output", "-"}, {{"USER", "ada"}}).status,
            0);
  EXPECT_EQ(Billsync(database, {"export", "usage", "--period", "January", "--output", "-"}).status, 2);
  EXPECT_EQ(Recorded(database),
            "ops retry evt_nowhere refused; ops retry reason unknown_customer refused; ops run tea refused; "
            "ops close 2020-01 begun; ops close 2020-01 done; ops close 9998-01 refused; ops "
            "adjust 2020-01 " +
                user +
                " done; "
                "ops adjust 2020-02 " +
                user + " refused; ops adjust 2020-01 " + user +
                " refused; "
                "cli run retention begun; cli run retention done; cli export usage 2020-01 begun; cli export usage "
                "2020-01 done");
  EXPECT_EQ(database.Value(
                "SELECT closed_by ~ '^ops token [0-9a-f]{8}$' FROM billing_periods WHERE period_start = '2020-01-01'"),
            "t");
  EXPECT_EQ(database.Value(
                "SELECT bool_and(actor ~ '^ada@.+:[0-9]+:[0-9a-f]+$' AND origin = 'command line') FROM billing_audit "
                "WHERE role = 'cli'"),
            "t");
  for (const char* sql :
       {"UPDATE billing_audit SET actor = 'nobody'", "DELETE FROM billing_audit", "TRUNCATE billing_audit"}) {
    EXPECT_THROW(database.Run(sql), std::exception) << sql;
  }
  const auto audit = ParsedJson(Get(service.admin_port(), "/api/v1/audit?action=close&limit=1", kFinanceToken).body);
  EXPECT_EQ(Member(audit["audit"][0], "target"), "9998-01");
  const auto older =
      Get(service.admin_port(), "/api/v1/audit?action=close&limit=1&after=" + Member(audit, "next"), kFinanceToken);
  EXPECT_EQ(Member(ParsedJson(older.body)["audit"][0], "target"), "2020-01");
}

TEST(ConsoleHttp, TakesAnAdjustmentAsJsonToo) {
  TestDatabase database;
  RunningService service(database.url(), kBothTokens);
  AddUser(database, 1, "ada");
  ASSERT_EQ(Billsync(database, {"close", "2020-01"}).status, 0);
  httplib::Client client("127.0.0.1", service.admin_port());
  const auto book = [&](const std::string& body, const char* type = "application/json") {
    return client.Post("/api/v1/adjustments", {{"Authorization", std::string("Bearer ") + kOpsToken}}, body, type);
  };
  const std::string user = "00000000-0000-4000-8000-000000000001";
  const auto wish = [&](const std::string& amount, const std::string& more = "") {
    return R"({"user_id":")" + user + R"(","origin":"2020-01","amount_usd":)" + amount + R"(,"reason":"a \"b\" ü")" +
           more + "}";
  };
  const auto done = book(wish(R"("-1.50")"), "application/json; charset=utf-8");
  EXPECT_EQ(done->status, 201) << done->body;
  EXPECT_EQ(database.Value("SELECT amount_usd || ' ' || reason FROM billing_adjustments"), "-1.50 a \"b\" ü");
  for (const std::string& body : {wish("-1.50"), wish(R"("0.00")"), wish(R"("1.505")"), wish(R"("1")", R"(,"x":"y")"),
                                  std::string("[]"), std::string("{"), std::string("{}"), std::string()}) {
    const auto refused = book(body);
    EXPECT_EQ(refused->status, 400) << body;
    EXPECT_EQ(Member(ParsedJson(refused->body), "code"), "bad_adjustment") << body;
  }
  EXPECT_THAT(book(wish(R"("1")"), "text/plain")->body, HasSubstr("in the query string, or in a JSON body"));
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_adjustments"), "1");
}

TEST(ConsoleHttp, DoesNothingThatItCannotRecord) {
  TestDatabase database;
  RunningService service(database.url(), kBothTokens);
  PostParked(service, database, "evt_1");
  AddUser(database, 1, "ada");
  const std::string user = "00000000-0000-4000-8000-000000000001";
  database.Run("UPDATE stripe_events SET status = 'dead'");
  EXPECT_EQ(Billsync(database, {"close", "2020-01"}).status, 0);
  database.Run("ALTER TABLE billing_audit ADD CONSTRAINT full_up CHECK (action = '') NOT VALID");
  database.Run("UPDATE billing_jobs SET next_due_at = '2999-01-01' WHERE job = 'retention'");
  const auto post = [&](const std::string& path) { return Post(service.admin_port(), path, kOpsToken).status; };
  EXPECT_EQ(post("/api/v1/events/evt_1/retry"), 500);
  EXPECT_EQ(post("/api/v1/events/retry?reason=unknown_customer"), 500);
  EXPECT_EQ(post("/api/v1/jobs/retention/run"), 500);
  EXPECT_EQ(post("/api/v1/periods/2020-02/close"), 500);
  EXPECT_EQ(post("/api/v1/adjustments?user_id=" + user + "&origin=2020-01&amount_usd=-1.50&reason=goodwill"), 500);
  EXPECT_EQ(Get(service.admin_port(), "/api/v1/usage?period=2020-01&format=csv", kOpsToken).status, 503);
  EXPECT_EQ(Billsync(database, {"events", "retry", "evt_1"}).status, 1);
  EXPECT_EQ(Billsync(database, {"close", "2020-02"}).status, 1);
  EXPECT_EQ(Billsync(database, {"jobs", "run", "retention"}).status, 1);
  EXPECT_EQ(Billsync(database, {"adjust", "book", "--user", user, "--origin", "2020-01", "--amount", "-1.50",
                                "--reason", "goodwill"})
                .status,
            1);
  const auto exported = Billsync(database, {"export", "usage", "--period", "2020-01", "--output", "-"});
  EXPECT_EQ(exported.status, 1);
  EXPECT_EQ(exported.out, "");
  EXPECT_EQ(database.Value("SELECT status FROM stripe_events"), "dead");
  EXPECT_EQ(database.Value("SELECT next_due_at = '2999-01-01' FROM billing_jobs WHERE job = 'retention'"), "t");
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_periods WHERE closed_at IS NOT NULL"), "1");
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_adjustments"), "0");
}

TEST(ConsoleHttp, HasAMonthClosedByTheJobAndTellsWhatCameOfIt) {
  TestDatabase database;
  RunningService service(database.url(), kBothTokens);
  Person ada(service);
  ada.LogIn(kOpsToken);
  // Usage that the runs do not tell of: the month must not be closed.
  AddUser(database, 1, "ada");
  ASSERT_TRUE(Eventually([&] {
    return database.Value("SELECT filled_at IS NOT NULL FROM billing_usage_fill") == "t" &&
           database.Value("SELECT count(*) FROM billing_jobs WHERE job = 'close' AND last_ok_at IS NOT NULL") == "1";
  }));
  database.Run(
      "INSERT INTO billing_usage_by_model (month, user_id, model, completed_runs, failed_runs, cancelled_runs, "
      "unpriced_runs, tokens, cost_usd) VALUES ('2020-03-01', '00000000-0000-4000-8000-000000000001', 'm', 1, 0, 0, 0, "
      "1, 1)");
  const auto asked = ada.Post("/periods/2020-03/close", "sure=yes&csrf=" + ada.csrf);
  EXPECT_EQ(asked->status, 303);
  EXPECT_EQ(asked->get_header_value("Location"), "/periods/2020-03?notice=closing");
  ASSERT_TRUE(Eventually([&] { return CloseOutcome(service, "2020-03") == "refused"; }));
  EXPECT_THAT(ada.Get("/periods/2020-03")->body, HasSubstr("its usage differs from its runs in 3 places"));
  EXPECT_EQ(Recorded(database), "ops close 2020-03 begun; ops close 2020-03 refused");
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_periods WHERE closed_at IS NOT NULL"), "0");
  EXPECT_EQ(database.Value("SELECT last_error IS NULL FROM billing_jobs WHERE job = 'close'"), "t")
      << "a refusal is no failure of the job";

  // One that is under way is not asked for again, and the page follows it.
  database.Run(
      "UPDATE billing_jobs SET lease_owner = 'elsewhere', lease_until = now() + interval '1 hour', "
      "progress_what = '2020-03, writing files, rows', progress_done = 25, progress_total = 100, "
      "progress_ends_at = now() + interval '10 minutes' WHERE job = 'close'");
  EXPECT_EQ(Post(service.admin_port(), "/api/v1/periods/2020-03/close", kOpsToken).status, 202);
  const auto again = Post(service.admin_port(), "/api/v1/periods/2020-03/close", kOpsToken);
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(Member(ParsedJson(again.body), "code"), "close_running");
  EXPECT_THAT(ada.Get("/periods/2020-03")->body, HasSubstr("2020-03, writing files, rows: 25 of 100 (25 %), "));
  EXPECT_THAT(ada.Get("/jobs")->body, HasSubstr("25 of 100 (25 %)"));
  const auto audit = Get(service.admin_port(), "/api/v1/audit?action=close", kFinanceToken);
  EXPECT_EQ(ParsedJson(audit.body)["audit"].Size(), 3U) << "what has ended is one row, what is under way another";
  // The process that ran it died; whoever is next carries the request out.
  database.Run("UPDATE billing_jobs SET lease_until = now() - interval '1 s' WHERE job = 'close'");
  EXPECT_TRUE(Eventually([&] { return CloseOutcome(service, "2020-03") == "refused"; }));
}

TEST(ConsoleHttp, PagesByKeyAndRefusesKeysItNeverGave) {
  TestDatabase database;
  RunningService service(database.url(), kBothTokens);
  for (int i = 1; i <= 5; ++i)
    AddUser(database, i, std::string("u") + std::to_string(i % 3) + "x" + std::to_string(i),
            "cus_" + std::to_string(i));
  database.Run(
      "INSERT INTO billing_invoices (user_id, stripe_invoice_id, amount_usd, amount_paid_usd, status, issued_at, "
      "number) "
      "SELECT id, 'in_' || right(id::text, 1), 5, 5, 'paid', timestamptz '2026-10-01' + (right(id::text, 1)::int / 2) "
      "* interval '1 h', "
      "'N-' || right(id::text, 1) FROM users WHERE email LIKE 'u%x%'");
  const auto all = [&](const std::string& path, const std::string& list, const char* name) {
    std::string found, after;
    for (int pages = 0; pages < 10; ++pages) {
      const auto answer = Get(service.admin_port(), path + (after.empty() ? "" : "&after=" + after), kFinanceToken);
      EXPECT_EQ(answer.status, 200) << path << answer.body;
      const auto page = ParsedJson(answer.body);
      for (const auto& row : page[list.c_str()].GetArray()) found += Member(row, name) + " ";
      after = Member(page, "next");
      if (after == "null") return found;
    }
    return found + "without end";
  };
  EXPECT_EQ(all("/api/v1/users?limit=2&q=u", "users", "email"),
            "u0x3@example.com u1x1@example.com u1x4@example.com u2x2@example.com u2x5@example.com ");
  EXPECT_EQ(all("/api/v1/users?q=cus_4", "users", "email"), "u1x4@example.com ");
  EXPECT_EQ(all("/api/v1/invoices/search?limit=1", "invoices", "invoice_id"), "in_5 in_4 in_3 in_2 in_1 ");
  EXPECT_EQ(all("/api/v1/invoices/search?q=U1x", "invoices", "invoice_id"), "in_4 in_1 ");
  EXPECT_EQ(all("/api/v1/invoices/search?q=N-3", "invoices", "invoice_id"), "in_3 ");
  EXPECT_EQ(all("/api/v1/invoices/search?period=2026-09", "invoices", "invoice_id"), "");
  for (const char* path :
       {"/api/v1/users?after=x", "/api/v1/users?after=x~y", "/api/v1/invoices/search?after=yesterday~in_1",
        "/api/v1/audit?after=x~", "/api/v1/periods?after=2026-13~", "/api/v1/usage/explore?after=1e5~x",
        "/api/v1/jobs/rollup/runs?after=2026-10-01T00:00:00Z~x", "/api/v1/events?after=~"}) {
    const auto answer = Get(service.admin_port(), path, kFinanceToken);
    EXPECT_EQ(answer.status, 400) << path << answer.body;
    EXPECT_EQ(Member(ParsedJson(answer.body), "code"), "bad_after") << path;
  }
}

TEST(ConsoleHttp, TagsAndCompressesAnswersAndSpeaksTheClientsLanguage) {
  TestDatabase database;
  RunningService service(database.url(), kBothTokens);
  httplib::Client client("127.0.0.1", service.admin_port());
  client.set_decompress(false);
  const httplib::Headers token = {{"Authorization", std::string("Bearer ") + kFinanceToken}};
  auto asked = token;
  asked.emplace("Accept-Encoding", "gzip");
  const auto document = client.Get("/api/v1/openapi.json", asked);
  EXPECT_EQ(document->get_header_value("Content-Encoding"), "gzip");
  EXPECT_EQ(document->get_header_value("Vary"), "Accept-Encoding");
  const auto plain = client.Get("/api/v1/openapi.json", token);
  EXPECT_GT(plain->body.size(), 5 * document->body.size());
  auto known = token;
  known.emplace("If-None-Match", plain->get_header_value("ETag"));
  EXPECT_EQ(client.Get("/api/v1/openapi.json", known)->status, 304);

  const auto missing = client.Get("/nothing", token);
  EXPECT_EQ(missing->get_header_value("Content-Type"), "application/problem+json");
  Person ada(service);
  ada.LogIn(kOpsToken);
  const auto page = ada.Get("/nothing");
  EXPECT_EQ(page->status, 404);
  EXPECT_THAT(page->get_header_value("Content-Type"), StartsWith("text/html"));
  EXPECT_EQ(ada.Get("/users/nobody")->status, 400);
  EXPECT_EQ(ada.Get("/users/00000000-0000-4000-8000-00000000dead")->status, 404);
  EXPECT_EQ(ada.Get("/assets/secret")->status, 404);
  EXPECT_THAT(ada.Get("/events?reason=%3Cscript%3Ealert(1)%3C%2Fscript%3E")->body, Not(HasSubstr("<script>alert")));
}

}  // namespace
}  // namespace billsync::testing
