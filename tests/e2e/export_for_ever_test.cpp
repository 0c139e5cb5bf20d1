// A closed month is the same bytes for ever: whatever happens elsewhere, whoever exports it, wherever.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <set>

#include "billsync/base/parse.h"
#include "e2e/commands.h"
#include "e2e/json_text.h"
#include "e2e/private_cluster.h"

namespace billsync::testing {
namespace {

// The manifest's SHA-256 of each file, the manifest itself aside: it says when it was written.
std::set<std::string> Digests(const std::string& directory) {
  std::ifstream in(directory + "/manifest.json", std::ios::binary);
  const auto manifest = ParsedJson(std::string{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()});
  std::set<std::string> digests;
  for (const auto& file : manifest["files"].GetArray()) {
    const std::string name = Member(file, "name");
    // Of the bytes as another program sees them.
    const std::string line = "sha256sum < '" + directory + "/" + name + "'";
    FILE* pipe = ::popen(line.c_str(), "r");
    char digest[65] = "";
    const bool read = pipe != nullptr && std::fscanf(pipe, "%64s", digest) == 1;
    if (pipe != nullptr) ::pclose(pipe);
    EXPECT_TRUE(read && Member(file, "sha256") == digest) << name;
    digests.insert(name + " " + digest);
  }
  return digests;
}

// What a second machine would have: another language, time zone, name and home.
const std::map<std::string, std::string> kElsewhere = {{"LC_ALL", "de_DE.UTF-8"},    {"LANG", "tr_TR.UTF-8"},
                                                       {"TZ", "Pacific/Kiritimati"}, {"HOSTNAME", "elsewhere"},
                                                       {"USER", "somebody-else"},    {"HOME", "/nonexistent"}};

class ExportForEver : public ::testing::Test {
 protected:
  // October 2023 with runs, invoices, subscriptions, a refund and an adjustment, closed.
  void SetUp() override {
    database_.Run(ReadSource("fixtures/demo/platform.sql"));
    database_.Run(
        "INSERT INTO agent_runs (agent_id, team_id, user_id, input, status, created_at, completed_at, model_used, "
        "tokens_total,"
        " cost_usd) SELECT (SELECT id FROM agents LIMIT 1), (SELECT id FROM teams LIMIT 1), u.id, 'x', 'completed', "
        "'2023-10-05'::timestamptz + n * "
        "interval '7 hours', '2023-10-05'::timestamptz + n * interval '7 hours', (ARRAY['gpt-4o', '=m', 'ünï'])[1 + n "
        "% "
        "3], 10 * n, 0.0001 * n FROM users u CROSS JOIN generate_series(1, 40) n");
    database_.Run(
        "INSERT INTO billing_invoices (user_id, stripe_invoice_id, status, currency, amount_minor, amount_paid_minor,"
        " amount_usd, amount_paid_usd, amount_refunded_usd, issued_at, paid_at, number)"
        " SELECT u.id, 'in_' || row_number() OVER (ORDER BY u.id), 'paid', 'usd', 2900, 2900, 29, 29, 1.5, "
        "'2023-10-07',"
        " '2023-10-08', '+A-1' FROM users u");
    database_.Run(
        "INSERT INTO billing_subscriptions (user_id, stripe_subscription_id, stripe_price_id, plan_tier, status,"
        " current_period_start, current_period_end, amount_usd, amount_minor, currency, billing_interval, started_at)"
        " SELECT u.id, 'sub_' || row_number() OVER (ORDER BY u.id), 'price_1', 'pro', 'active', '2023-10-01',"
        " '2023-11-01', 29, 2900, 'usd', 'month', '2023-10-01' FROM users u");
    ASSERT_EQ(Billsync(database_, {"rollup", "--full", "--period", "2023-10"}).status, 0);
    const auto closed = Billsync(database_, {"close", "2023-10"});
    ASSERT_EQ(closed.status, 0) << closed.err << closed.out;
  }

  std::set<std::string> Export(const std::string& url, const std::string& name,
                               const std::map<std::string, std::string>& environment = {}) {
    const std::string directory = place_.path() + "/" + name;
    const auto result =
        Billsync(url, {"export", "pack", "--period", "2023-10", "--format", "csv,jsonl,xlsx", "--output", directory},
                 environment);
    EXPECT_EQ(result.status, 0) << result.err;
    const auto digests = result.status == 0 ? Digests(directory) : std::set<std::string>{};
    std::filesystem::remove_all(directory);
    return digests;
  }

  // A year of life: users move, pay, get money back and leave; runs come late; the month after is closed.
  void LiveOn() {
    database_.Run(
        "UPDATE users SET plan_tier = 'enterprise', full_name = 'Renamed', email = 'renamed-' || email;"
        "UPDATE billing_invoices SET amount_refunded_usd = 29, number = 'B-2', status = 'uncollectible';"
        "UPDATE billing_subscriptions SET status = 'canceled', amount_usd = 1, ended_at = now();"
        "INSERT INTO billing_invoices (user_id, stripe_invoice_id, status, currency, amount_minor, amount_usd,"
        " amount_paid_usd, issued_at, paid_at) SELECT id, 'in_late_' || id, 'paid', 'usd', 700, 7, 7, '2023-10-09',"
        " '2023-10-09' FROM users;"
        "UPDATE agent_runs SET cost_usd = cost_usd * 2 WHERE created_at < '2023-11-01';"
        "DELETE FROM agent_runs WHERE created_at < '2023-10-08'");
    ASSERT_EQ(Billsync(database_, {"rollup"}).status, 0);
    ASSERT_EQ(Billsync(database_, {"close", "2023-11"}).status, 0);
  }

  TestDatabase database_;
  Workplace place_;
};

// BILLSYNC_EXPORTS=100 repeats it as often as the promise says.
TEST_F(ExportForEver, IsTheSameBytesHoweverOftenWhateverHappensElsewhere) {
  const char* wanted = std::getenv("BILLSYNC_EXPORTS");
  const int times = ParseInt<int>(wanted == nullptr ? "10" : wanted).value_or(10);
  const auto first = Export(database_.url(), "first");
  ASSERT_GE(first.size(), 15U);
  LiveOn();
  for (int i = 0; i < times; ++i) {
    ASSERT_EQ(Export(database_.url(), "again", i % 2 == 0 ? std::map<std::string, std::string>{} : kElsewhere), first)
        << "export " << i + 1;
  }
}

TEST_F(ExportForEver, IsTheSameBytesFromABackupOnAnotherServer) {
  const auto first = Export(database_.url(), "first");
  LiveOn();
  PrivateCluster elsewhere;
  const std::string dump = place_.path() + "/dump";
  // A move to another server: its roles first, of which this one may have some.
  const std::string move = "pg_dumpall --roles-only --dbname '" + database_.url() + "' | psql -X -q '" +
                           elsewhere.url() + "' >/dev/null 2>&1 && pg_dump --format custom --file '" + dump + "' '" +
                           database_.url() + "' && pg_restore --exit-on-error --no-owner --dbname '" + elsewhere.url() +
                           "' '" + dump + "' 2>&1";
  ASSERT_EQ(::system(move.c_str()), 0);
  EXPECT_EQ(Export(elsewhere.url(), "elsewhere", kElsewhere), first);
  // What is derived came along: nothing was counted twice by the restored triggers.
  EXPECT_EQ(elsewhere.Value("SELECT count(*) FROM billing_revenue_by_day"),
            database_.Value("SELECT count(*) FROM billing_revenue_by_day"));
}

}  // namespace
}  // namespace billsync::testing
