// The console as a person meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "billsync/base/parse.h"
#include "browser/console_desk.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Console : public ::testing::Test {
 protected:
  void SetUp() override { desk.Reset(); }

  // "events-parked" of "/events?status=parked".
  static std::string FileName(const std::string& page) {
    std::string name;
    for (const char c : page) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
      if (plain)
        name += c;
      else if (!name.empty() && name.back() != '-')
        name += '-';
    }
    return name.empty() ? "overview" : name.substr(0, 60);
  }

  // Colours of the canvas' pixels that are not transparent, and how many such pixels there are.
  std::pair<int, int> Drawn(const std::string& table) {
    const std::string counts =
        browser.Run("const c = document.querySelector('canvas[data-table=\"" + table +
                    "\"]');"
                    "if (!c || c.width === 0) return '0 0';"
                    "const copy = document.createElement('canvas'); copy.width = c.width; copy.height = c.height;"
                    "const g = copy.getContext('2d', {willReadFrequently: true}); g.drawImage(c, 0, 0);"
                    "const d = g.getImageData(0, 0, c.width, c.height).data; const seen = new Set(); let n = 0;"
                    "for (let i = 0; i < d.length; i += 4) if (d[i + 3] === 255)"
                    "  { n++; seen.add((d[i] << 16) | (d[i + 1] << 8) | d[i + 2]); }"
                    "return seen.size + ' ' + n;");
    const size_t blank = counts.find(' ');
    return {ParseInt<int>(counts.substr(0, blank)).value(), ParseInt<int>(counts.substr(blank + 1)).value()};
  }

  ConsoleDesk& desk = ConsoleDesk::Get();
  Browser& browser = desk.browser();
  TestDatabase& database = desk.database();
};

TEST_F(Console, LetsInWhoHasATokenAndSendsThemWhereTheyWantedToGo) {
  browser.Open(desk.Url("/invoices?status=paid"));
  EXPECT_THAT(browser.Url(), HasSubstr("/login?next=%2Finvoices"));
  browser.Type("#token", "not a token");
  browser.Follow("button");
  EXPECT_THAT(browser.Text(), HasSubstr("This token is not known."));
  browser.Screenshot("login-refused");
  browser.Type("#token", kFinanceToken);
  browser.PressEnter("#token");
  EXPECT_EQ(browser.Url(), desk.Url("/invoices?status=paid"));
  const auto cookies = browser.Cookies();
  ASSERT_EQ(cookies.size(), 1U);
  EXPECT_TRUE(cookies[0].http_only);
  EXPECT_EQ(cookies[0].same_site, "Strict");
  EXPECT_THAT(cookies[0].value, Not(HasSubstr(kFinanceToken)));
  EXPECT_THAT(browser.Text(), HasSubstr("finance token"));
  browser.Follow(".session button");
  EXPECT_THAT(browser.Url(), HasSubstr("/login"));
  browser.Open(desk.Url("/"));
  EXPECT_THAT(browser.Url(), HasSubstr("/login"));
}

TEST_F(Console, ShowsEveryPageWithoutComplaintAndWithinItsWidth) {
  desk.LogIn(kOpsToken);
  for (const auto& page : desk.Pages()) {
    for (const auto& [width, height, name] : {std::tuple{1280, 900, ""}, {360, 740, "-narrow"}, {3840, 2160, "-4k"}}) {
      browser.Resize(width, height);
      browser.Open(desk.Url(page));
      EXPECT_THAT(browser.Title(), HasSubstr("billsync")) << page;
      EXPECT_EQ(browser.Run("return document.querySelectorAll('main h1').length"), "1") << page << browser.Text();
      EXPECT_EQ(browser.Run("return document.documentElement.scrollWidth <= window.innerWidth"), "true")
          << page << " is wider than " << width;
      if (width != 3840 || page == "/" || page == "/usage") browser.Screenshot(FileName(page) + name);
    }
    EXPECT_THAT(browser.TakeComplaints(), IsEmpty()) << page;
  }
}

TEST_F(Console, DrawsChartsInPixelsAndInTheColoursOfTheNight) {
  desk.LogIn(kFinanceToken);
  ASSERT_EQ(browser.Url(), desk.Url("/"));
  for (const char* table : {"cost-days", "months"}) {
    const auto [colours, pixels] = Drawn(table);
    EXPECT_GT(colours, 3) << table;
    EXPECT_GT(pixels, 2000) << table;
  }
  const std::string day = browser.Run("return getComputedStyle(document.body).backgroundColor");
  const std::string first = browser.Run("return document.querySelector('canvas').toDataURL()");
  browser.PreferDark(true);
  EXPECT_NE(browser.Run("return getComputedStyle(document.body).backgroundColor"), day);
  EXPECT_TRUE(Eventually([&] { return browser.Run("return document.querySelector('canvas').toDataURL()") != first; }));
  EXPECT_GT(Drawn("cost-days").second, 2000);
  browser.Screenshot("overview-dark");
  browser.Open(desk.Url("/usage"));
  EXPECT_GT(Drawn("cost-days").first, 3);
  browser.Screenshot("usage-dark");
  EXPECT_THAT(browser.TakeComplaints(), IsEmpty());
}

TEST_F(Console, IsWholeWithoutScripts) {
  desk.LogIn(kFinanceToken);
  browser.AllowScripts(false);
  browser.Open(desk.Url("/usage"));
  browser.Screenshot("usage-without-scripts");
  browser.AllowScripts(true);
  EXPECT_EQ(browser.Run("return document.querySelector('figure.chart').hidden"), "true");
  EXPECT_EQ(browser.Run("return document.getElementById('cost-days').rows.length > 27"), "true");
  EXPECT_EQ(browser.Run("return document.querySelector('details.numbers').open"), "true");
}

TEST_F(Console, FindsCostByModelThatAddsUpToTheDatabase) {
  desk.LogIn(kFinanceToken);
  browser.Open(desk.Url("/usage?period=" +
                        database.Value("SELECT to_char(now() AT TIME ZONE 'UTC' - interval '1 month', 'YYYY-MM')")));
  const std::string sum = database.Value(
      "SELECT sum(total_cost_exact_usd)::text FROM billing_usage WHERE period_start = date_trunc('month', "
      "(now() AT TIME ZONE 'UTC') - interval '1 month')::date");
  EXPECT_THAT(browser.Text(), HasSubstr("exact: $" + sum));
  EXPECT_EQ(browser.Run("return [...document.querySelectorAll('#models tbody td:last-child')]"
                        ".reduce((s, c) => s + Math.round(Number(c.dataset.v) * 1e4), 0)"),
            database.Value("SELECT (sum(total_cost_exact_usd) * 10000)::bigint FROM billing_usage WHERE period_start = "
                           "date_trunc('month', (now() AT TIME ZONE 'UTC') - interval '1 month')::date"));
}

TEST_F(Console, DownloadsWhatTheCommandLineWrites) {
  const std::string month = database.Value("SELECT to_char(now() AT TIME ZONE 'UTC' - interval '1 month', 'YYYY-MM')");
  desk.LogIn(kFinanceToken);
  browser.Open(desk.Url("/usage?period=" + month));
  for (const char* format : {"csv", "jsonl", "xlsx"}) {
    const std::string link =
        browser.Run(std::string("return document.querySelector('.downloads a[href*=\"format=") + format + "\"]').href");
    // The click's own request, with the session's cookie, as bytes.
    const std::string sent = browser.Run("const r = new XMLHttpRequest(); r.open('GET', '" + link +
                                         "', false);"
                                         "r.overrideMimeType('text/plain; charset=x-user-defined'); r.send();"
                                         "return r.status + ' ' + [...r.responseText].map(c => (c.charCodeAt(0) & "
                                         "255).toString(16).padStart(2, '0')).join('');");
    const auto written = RunProgram({"export", "usage", "--period", month, "--format", format, "--output", "-"},
                                    {{"DATABASE_URL", database.url()}});
    ASSERT_EQ(written.status, 0) << written.err;
    std::string hex = "200 ";
    for (const char c : written.out) {
      char digits[3];
      std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      hex += digits;
    }
    EXPECT_TRUE(sent == hex) << format << ": " << sent.size() << " and " << hex.size() << " digits";
  }
  EXPECT_EQ(database.Value(
                "SELECT count(*) FROM billing_audit WHERE action = 'export' AND role = 'finance' AND outcome = 'done'"),
            "3");
  EXPECT_THAT(browser.TakeComplaints(), IsEmpty());
}

TEST_F(Console, SaysWhyAnEventIsParkedAndTriesItAgainWhenItsCauseIsMended) {
  const std::string body = SubscriptionEvent("evt_desk", "sub_desk", "cus_desk");
  ASSERT_EQ(PostEvent(desk.service().port(), body, SignIndependently(body)).status, 200);
  const auto status = [&] { return database.Value("SELECT status FROM stripe_events WHERE id = 'evt_desk'"); };
  ASSERT_TRUE(Eventually([&] { return status() == "parked"; }));
  desk.LogIn(kFinanceToken);
  browser.Open(desk.Url("/events/evt_desk"));
  EXPECT_THAT(browser.Text(), HasSubstr("unknown_customer"));
  EXPECT_THAT(browser.Text(), HasSubstr("Way out:"));
  EXPECT_THAT(browser.Text(), Not(HasSubstr("Retry now")));
  EXPECT_THAT(browser.Text(), Not(HasSubstr("pending_webhooks")));

  // Mended behind billsync's back, so that the button is what releases it.
  database.Run("UPDATE stripe_events SET next_attempt_at = now() + interval '1 day' WHERE id = 'evt_desk'");
  database.Run(
      "ALTER TABLE users DISABLE TRIGGER billing_users_linked;"
      "UPDATE users SET stripe_customer_id = 'cus_desk' WHERE email = 'alan@example.com';"
      "ALTER TABLE users ENABLE TRIGGER billing_users_linked");
  desk.Reset();
  desk.LogIn(kOpsToken);
  browser.Open(desk.Url("/events?status=parked&reason=unknown_customer"));
  EXPECT_THAT(browser.Text(), HasSubstr("evt_desk"));
  browser.Open(desk.Url("/events/evt_desk"));
  EXPECT_THAT(browser.Text(), HasSubstr("\"customer\": \"cus_desk\""));
  EXPECT_EQ(status(), "parked");
  browser.Screenshot("event-parked");
  browser.Follow("button.primary");
  EXPECT_THAT(browser.Text(), HasSubstr("One event is being tried again."));
  EXPECT_TRUE(Eventually([&] { return status() == "applied"; }));
  browser.Open(desk.Url("/events/evt_desk"));
  browser.Screenshot("event-applied");
  browser.Open(desk.Url("/audit?action=retry"));
  EXPECT_THAT(browser.Text(), HasSubstr("evt_desk"));
  browser.Screenshot("audit");
  EXPECT_EQ(
      database.Value("SELECT role || ' ' || outcome || ' ' || origin FROM billing_audit WHERE target = 'evt_desk'"),
      "ops done 127.0.0.1");
  EXPECT_THAT(browser.TakeComplaints(), IsEmpty());
}

TEST_F(Console, RunsAJobAndShowsItsProgressWithoutLoadingThePageAgain) {
  desk.LogIn(kOpsToken);
  browser.Open(desk.Url("/jobs"));
  browser.Follow("tr[data-job=retention] button");
  EXPECT_THAT(browser.Text(), HasSubstr("The job is due now"));
  const std::string asked = database.Value("SELECT max(at)::text FROM billing_audit WHERE action = 'run'");
  EXPECT_NE(asked, "");
  browser.Run("document.querySelector('tr[data-job=retention]').dataset.same = 'yes'");
  ASSERT_TRUE(Eventually(
      [&] {
        return database.Value("SELECT last_finished_at > '" + asked + "' FROM billing_jobs WHERE job = 'retention'") ==
               "t";
      },
      std::chrono::seconds(20)));
  // The page hears of it by itself.
  EXPECT_TRUE(Eventually([&] {
    return browser.Run(
               "const r = document.querySelector('tr[data-job=retention]');"
               "return r.dataset.same + ' ' + r.querySelector('[data-job-cell=state]').textContent") == "yes ok";
  }));
  EXPECT_THAT(browser.TakeComplaints(), IsEmpty());
}

TEST_F(Console, PagesThroughAHundredThousandUsers) {
  database.Run(
      "INSERT INTO users (email, full_name, monthly_runs_used, stripe_customer_id) "
      "SELECT 'crowd' || lpad(n::text, 6, '0') || '@example.org', 'Crowd ' || n, n % 97, 'cus_crowd' || n "
      "FROM generate_series(1, 100000) n");
  database.Run("ANALYZE users");
  desk.LogIn(kFinanceToken);
  browser.Open(desk.Url("/users?q=crowd0999"));
  EXPECT_THAT(browser.Text(), HasSubstr("crowd099900@example.org"));
  EXPECT_THAT(browser.Text(), HasSubstr("Next page"));
  browser.Follow("a[rel=next]");
  EXPECT_THAT(browser.Text(), HasSubstr("crowd099950@example.org"));
  EXPECT_THAT(browser.Text(), Not(HasSubstr("crowd099949@example.org")));
  browser.Screenshot("users-crowd");
  browser.Open(desk.Url("/"));
  EXPECT_EQ(browser.Run("return document.querySelectorAll('#near-quota tbody tr').length > 0"), "true");
  // How soon it is painted is tests/bench/console.sh's business; its weight is the same on every machine.
  EXPECT_LT(
      ParseInt<int>(browser.Run("return performance.getEntriesByType('resource').concat(performance.getEntriesByType("
                                "'navigation')).reduce((s, e) => s + e.encodedBodySize, 0)"))
          .value(),
      400 * 1024);
  EXPECT_THAT(browser.TakeComplaints(), IsEmpty());
}

// Last: it locks this machine's address out for a minute.
TEST_F(Console, ZLimitsGuesses) {
  // A wrong token of an earlier test may have begun a minute that ends meanwhile; then ten more may be tried.
  constexpr int kTwoMinutesWorth = 20;
  int guesses = 0;
  for (; guesses <= kTwoMinutesWorth; ++guesses) {
    browser.Type("#token", "guess " + std::to_string(guesses));
    browser.Follow("button");
    if (browser.Text().find("This token is not known.") == std::string::npos) break;
  }
  EXPECT_GE(guesses, 8) << "other tests of this minute guessed wrong, too";
  EXPECT_LE(guesses, kTwoMinutesWorth);
  browser.Type("#token", kOpsToken);
  browser.Follow("button");
  EXPECT_THAT(browser.Text(), HasSubstr("Too many attempts."));
  EXPECT_THAT(browser.Cookies(), IsEmpty());
}

}  // namespace
}  // namespace billsync::testing
