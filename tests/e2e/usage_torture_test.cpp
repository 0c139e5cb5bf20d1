// Usage under everything at once: many writers, long transactions, corrections, deletions and restores, a billsync that
// is killed, a PostgreSQL that is stopped at once, and a month that is closed in the middle. Nothing may be lost or
// counted twice.
//
// Short by default. TORTURE_SECONDS and TORTURE_RUNS make it last until both are reached; the more runs, the larger the
// bulk loads among them. TORTURE_SEED repeats one.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <random>
#include <thread>

#include "billsync/base/parse.h"
#include "billsync/db/session.h"
#include "e2e/commands.h"
#include "e2e/private_cluster.h"

namespace billsync::testing {
namespace {

constexpr int kWriters = 32;
constexpr int kUsers = 40;  // who run agents
constexpr int kTeams = 8;   // each with an owner of its own, who may be deleted with it
constexpr const char* kTerminal = "('completed', 'failed', 'cancelled')";

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : ParseInt<int64_t>(text).value_or(otherwise);
}

std::string Uuid(int kind, int number) {
  const std::string digits = std::to_string(number);
  return "00000000-0000-4000-8000-" + std::to_string(kind) + std::string(11 - digits.size(), '0') + digits;
}

std::string Quoted(const std::string& text) {
  return "'" + text + "'";
}

// Teams, owners and agents, made again when an operation deleted them.
std::string MakeTeam(int team) {
  return "INSERT INTO users (id, email) VALUES (" + Quoted(Uuid(2, team)) + ", 'owner" + std::to_string(team) +
         "@example.com') ON CONFLICT DO NOTHING; INSERT INTO teams (id, name, slug, owner_id) VALUES (" +
         Quoted(Uuid(3, team)) + ", 't', 't" + std::to_string(team) + "', " + Quoted(Uuid(2, team)) +
         ") ON CONFLICT DO NOTHING; INSERT INTO agents (id, team_id, name, slug, spec_content, created_by) VALUES (" +
         Quoted(Uuid(4, team)) + ", " + Quoted(Uuid(3, team)) + ", 'a', 'a', '#', " + Quoted(Uuid(2, team)) +
         ") ON CONFLICT DO NOTHING";
}

// One writer: transactions of random operations until told to stop.
class Writer {
 public:
  Writer(std::string url, uint64_t seed, int bulk, std::atomic<bool>& stop, std::atomic<int64_t>& inserted)
      : url_(std::move(url)), bulk_(bulk), random_(seed), stop_(stop), inserted_(inserted) {}

  void Run() {
    std::unique_ptr<db::Session> session;
    while (!stop_) {
      try {
        if (!session || session->Broken()) {
          session = std::make_unique<db::Session>(db::ConnectOptions{.url = url_, .role = "writer"});
        }
        Transact(*session);
      } catch (const db::Error&) {  // deadlock, vanished team, server gone: rolled back, like any client's
        std::this_thread::sleep_for(std::chrono::milliseconds(Below(20)));
        if (session && session->Broken()) session.reset();
      }
    }
  }

 private:
  int Below(int bound) { return static_cast<int>(random_() % static_cast<uint64_t>(bound)); }
  template <size_t N>
  std::string OneOf(const char* const (&texts)[N]) {
    return texts[Below(static_cast<int>(N))];
  }

  void Transact(db::Session& session) {
    db::Transaction tx(session);
    int64_t inserted = 0;
    if (Below(4) == 0) {
      tx.ExecScript("torture", "SET TRANSACTION ISOLATION LEVEL " + OneOf({"REPEATABLE READ", "SERIALIZABLE"}));
    }
    const int operations = 1 + Below(6);
    for (int i = 0; i < operations; ++i) {
      inserted += tx.Exec("torture", Operation(), {}).affected() * (inserting_ ? 1 : 0);
      if (Below(12) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(Below(250)));  // a long transaction
    }
    if (Below(7) == 0) return;  // rolled back
    tx.Commit();
    inserted_ += inserted;
  }

  std::string User() { return Quoted(Uuid(1, Below(kUsers) * Below(kUsers) / kUsers)); }  // some run much more
  std::string Cost() {
    return Below(15) == 0 ? "NULL" : "(random() * " + OneOf({"0.001", "0.5", "90"}) + ")::numeric(10, 4)";
  }
  std::string Model() { return OneOf({"'gpt-4o'", "'claude'", "'llama3'", "'m1'", "'m2'", "NULL"}); }
  // In one of the last three months.
  std::string Moment() {
    return "date_trunc('month', now()) - interval '" + std::to_string(Below(3)) +
           " months' + random() * interval '20 days'";
  }
  std::string Terminal() { return OneOf({"'completed'", "'completed'", "'completed'", "'failed'", "'cancelled'"}); }
  // Some runs in a state, starting anywhere.
  std::string Some(const std::string& condition) {
    return "WHERE id IN (SELECT id FROM agent_runs WHERE id >= gen_random_uuid() AND " + condition +
           " ORDER BY id LIMIT " + std::to_string(1 + Below(Below(20) == 0 ? 300 : 4)) + ")";
  }

  std::string Insert(const std::string& status, int count) {
    inserting_ = true;
    const int team = Below(kTeams);
    return "INSERT INTO agent_runs (agent_id, team_id, user_id, input, status, created_at, completed_at, model_used, "
           "cost_usd, tokens_total, tokens_prompt) SELECT " +
           Quoted(Uuid(4, team)) + ", " + Quoted(Uuid(3, team)) + ", " + User() + ", 'x', " + status + ", " + Moment() +
           ", " + (Below(3) == 0 ? "NULL" : "now()") + ", " + Model() + ", " + Cost() + ", " +
           (Below(4) == 0 ? "NULL" : "(random() * 5000)::int") + ", 7 FROM generate_series(1, " +
           std::to_string(count) + ")";
  }

  std::string Correction() {
    switch (Below(6)) {
      case 0:
        return "cost_usd = " + Cost();
      case 1:
        return "model_used = " + Model();
      case 2:
        return "user_id = " + User();
      case 3:
        // A run keeps one of the two: without both, nobody could tell later in which period it completed.
        return Below(5) == 0 ? "created_at = NULL, completed_at = now()" : "created_at = " + Moment();
      case 4:
        return "tokens_total = (random() * 100)::int, completed_at = " +
               OneOf({"CASE WHEN created_at IS NULL THEN completed_at END", "now()", "completed_at"});
      default:
        return "status = " + OneOf({"'running'", "'failed'", "'completed'", "'cancelled'", "NULL"});
    }
  }

  std::string Operation() {
    inserting_ = false;
    const int dice = Below(1000);
    if (dice < 250) return Insert("'queued'", 1 + Below(3));
    if (dice < 330) return Insert(Terminal(), 1 + Below(3));
    if (dice < 380) return Insert(Terminal(), bulk_ / 5 + Below(bulk_));
    if (dice < 480) return "UPDATE agent_runs SET status = 'running', started_at = now() " + Some("status = 'queued'");
    if (dice < 650) {
      return "UPDATE agent_runs SET status = " + Terminal() + ", completed_at = now(), cost_usd = " + Cost() + " " +
             Some("status IN ('queued', 'running')");
    }
    if (dice < 800) return "UPDATE agent_runs SET " + Correction() + " " + Some("true");
    if (dice < 840) return "DELETE FROM agent_runs " + Some("true");
    if (dice < 890) {  // a backup, and later restores of the same ids
      return "INSERT INTO torture_backup SELECT * FROM agent_runs " + Some(std::string("status IN ") + kTerminal) +
             " ON CONFLICT DO NOTHING";
    }
    if (dice < 950) {
      return "INSERT INTO agent_runs SELECT b.* FROM torture_backup b WHERE b.id >= gen_random_uuid() AND EXISTS "
             "(SELECT FROM agents a WHERE a.id = b.agent_id) ORDER BY b.id LIMIT " +
             std::to_string(1 + Below(20)) + " ON CONFLICT (id) DO " +
             OneOf({"NOTHING", "UPDATE SET cost_usd = EXCLUDED.cost_usd", "UPDATE SET status = EXCLUDED.status"});
    }
    if (dice < 970) {
      return "WITH gone AS (DELETE FROM agent_runs " + Some("true") +
             " RETURNING *) INSERT INTO agent_runs SELECT * FROM gone";
    }
    if (dice < 985) {
      return "DO $$ BEGIN UPDATE agent_runs SET cost_usd = 1 " + Some("true") +
             "; RAISE EXCEPTION 'no'; EXCEPTION WHEN raise_exception THEN NULL; END $$";
    }
    const int team = Below(kTeams);
    const std::string again = "; " + MakeTeam(team) + "; END $$";
    if (dice < 990) return "DO $$ BEGIN DELETE FROM agents WHERE id = " + Quoted(Uuid(4, team)) + again;
    if (dice < 994) return "DO $$ BEGIN DELETE FROM teams WHERE id = " + Quoted(Uuid(3, team)) + again;
    if (dice < 998) return "DO $$ BEGIN DELETE FROM users WHERE id = " + Quoted(Uuid(2, team)) + again;
    return Below(4) == 0 ? "TRUNCATE agent_runs CASCADE" : Insert(Terminal(), 1);
  }

  const std::string url_;
  const int bulk_;  // about how many runs a bulk load has
  std::mt19937_64 random_;
  std::atomic<bool>& stop_;
  std::atomic<int64_t>& inserted_;
  bool inserting_ = false;
};

// serve with a rollup five times a second, killed and started again and again.
class KilledService {
 public:
  KilledService(const PrivateCluster& cluster, const std::string& config) : cluster_(cluster), config_(config) {}
  void StartAgain() {
    if (program_) program_->Signal(SIGKILL);
    program_ = std::make_unique<Program>(std::vector<std::string>{"--config", config_, "serve"},
                                         std::map<std::string, std::string>{{"DATABASE_URL", cluster_.url()},
                                                                            {"STRIPE_WEBHOOK_SECRET", kSecret},
                                                                            {"BILLSYNC_LISTEN", "127.0.0.1:0"},
                                                                            {"BILLSYNC_ADMIN_LISTEN", "127.0.0.1:0"}});
  }
  void Stop() {
    if (program_) program_->Signal(SIGKILL);
    program_.reset();
  }

 private:
  const PrivateCluster& cluster_;
  const std::string config_;
  std::unique_ptr<Program> program_;
};

// Runs, live and deleted, per user and month, against the books: by statements that share nothing with the program's.
constexpr const char* kDifferences = R"(
    WITH runs AS (
        SELECT user_id, status::text, cost_usd, model_used,
               coalesce(created_at, completed_at, started_at,
                        (SELECT u.month FROM billing_undated_runs u WHERE u.run_id = r.id)) AS at,
               coalesce(tokens_total, coalesce(tokens_prompt, 0) + coalesce(tokens_completion, 0)) AS tokens
        FROM agent_runs r
        WHERE status IN ('completed', 'failed', 'cancelled')
        UNION ALL
        SELECT user_id, status::text, cost_usd, model_used, coalesce(created_at, completed_at),
               coalesce(tokens_total, coalesce(tokens_prompt, 0) + coalesce(tokens_completion, 0))
        FROM billing_retired_runs d
        WHERE NOT EXISTS (SELECT FROM agent_runs r WHERE r.id = d.run_id AND r.status IN ('completed', 'failed', 'cancelled'))
    ), truth AS (
        SELECT user_id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM') AS month, count(*) FILTER (WHERE status = 'completed') AS runs,
               count(*) FILTER (WHERE status <> 'completed') AS others, count(*) FILTER (WHERE cost_usd IS NULL) AS unpriced,
               sum(tokens) AS tokens, coalesce(sum(cost_usd), 0) AS cost
        FROM runs GROUP BY 1, 2
    ), books AS (
        SELECT user_id, month, sum(runs) AS runs, sum(others) AS others, sum(unpriced) AS unpriced, sum(tokens) AS tokens,
               sum(cost) AS cost, sum(cents) AS cents
        FROM (SELECT user_id, to_char(period_start, 'YYYY-MM') AS month, total_runs AS runs,
                     failed_runs + cancelled_runs AS others, unpriced_runs AS unpriced, total_tokens AS tokens,
                     total_cost_exact_usd AS cost, total_cost_usd AS cents
              FROM billing_usage
              UNION ALL
              SELECT user_id, to_char(origin_period, 'YYYY-MM'), total_runs, failed_runs + cancelled_runs, unpriced_runs,
                     total_tokens, amount_exact_usd, amount_usd
              FROM billing_adjustments) all_of_them
        GROUP BY 1, 2
    )
    SELECT count(*) FROM truth FULL JOIN books USING (user_id, month)
    WHERE (coalesce(truth.runs, 0), coalesce(truth.others, 0), coalesce(truth.unpriced, 0), coalesce(truth.tokens, 0),
           coalesce(truth.cost, 0), round(coalesce(truth.cost, 0), 2))
          IS DISTINCT FROM
          (coalesce(books.runs, 0), coalesce(books.others, 0), coalesce(books.unpriced, 0), coalesce(books.tokens, 0),
           coalesce(books.cost, 0), coalesce(books.cents, 0)))";

// Completed runs of the current period, live and deleted, against the counter.
constexpr const char* kQuotaDifferences = R"(
    SELECT count(*) FROM users u
    WHERE u.monthly_runs_used <>
          (SELECT count(*) FROM agent_runs r
           WHERE r.user_id = u.id AND r.status = 'completed'
             AND coalesce(r.completed_at, r.created_at) >= billing_quota_period_start(u.id))
        + (SELECT count(*) FROM billing_retired_runs d
           WHERE d.user_id = u.id AND d.status = 'completed'
             AND coalesce(d.completed_at, d.created_at) >= billing_quota_period_start(u.id)
             AND NOT EXISTS (SELECT FROM agent_runs r WHERE r.id = d.run_id
                                                        AND r.status IN ('completed', 'failed', 'cancelled'))))";

TEST(UsageTorture, LeavesNoDrift) {
  const int64_t seconds = FromEnvironment("TORTURE_SECONDS", 8);
  const int64_t runs = FromEnvironment("TORTURE_RUNS", 0);
  const auto seed = static_cast<uint64_t>(FromEnvironment("TORTURE_SEED", std::random_device{}()));
  std::cout << "TORTURE_SEED=" << seed << std::endl;

  PrivateCluster cluster;
  const Workplace place;
  const std::string config =
      place.Put("torture.toml", ReadSource("fixtures/demo/billsync.toml") + "\n[jobs]\nrollup_every_s = 0.2\n");
  ASSERT_EQ(Billsync(cluster.url(), {"migrate"}).status, 0);
  {
    db::Session session({.url = cluster.url(), .role = "test"});
    db::Transaction tx(session);
    std::string sql = "CREATE TABLE torture_backup (LIKE agent_runs, PRIMARY KEY (id)); ";
    for (int user = 0; user < kUsers; ++user) {
      sql += "INSERT INTO users (id, email, created_at, quota_reset_date) VALUES (" + Quoted(Uuid(1, user)) + ", 'u" +
             std::to_string(user) +
             "@example.com', now() - interval '3 months', (now() AT TIME ZONE 'UTC')::date + 9); ";
    }
    for (int team = 0; team < kTeams; ++team) sql += MakeTeam(team) + "; ";
    tx.ExecScript("seed", sql);
    tx.Commit();
  }
  const std::string closed_month = cluster.Value("SELECT to_char(now() - interval '2 months', 'YYYY-MM')");

  const int bulk = static_cast<int>(std::clamp<int64_t>(runs / 100, 1000, 20'000));
  std::atomic<bool> stop{false};
  std::atomic<int64_t> inserted{0};
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back(
        [&, i] { Writer(cluster.url(), seed + static_cast<uint64_t>(i), bulk, stop, inserted).Run(); });
  }
  KilledService service(cluster, config);
  std::mt19937_64 random(seed);
  const auto begun = std::chrono::steady_clock::now();
  // Among more runs more must happen between two crashes, or PostgreSQL does little but recover.
  const int64_t stretch = 1 + runs / 100'000;
  bool closed = false;
  for (int round = 0;; ++round) {
    const auto elapsed = std::chrono::steady_clock::now() - begun;
    if (elapsed > std::chrono::seconds(seconds) && inserted >= runs && closed && round >= 4) break;
    service.StartAgain();
    std::this_thread::sleep_for(std::chrono::milliseconds(300 + random() % 900) * stretch);
    if (round % 4 == 2) {
      cluster.StopAtOnce();
      cluster.Start();
    }
    if (!closed && elapsed > std::chrono::seconds(seconds) / 3) {
      const auto close = Billsync(cluster.url(), {"close", closed_month});
      closed = close.status == 0;
      if (!closed) std::cout << "close: " << close.status << " " << close.err << std::endl;
      ASSERT_NE(close.status, 3) << close.out << close.err;
    }
  }
  stop = true;
  for (auto& writer : writers) writer.join();
  service.Stop();

  EXPECT_EQ(Billsync(cluster.url(), {"rollup"}).status, 0);
  EXPECT_EQ(cluster.Value("SELECT count(*) FROM billing_usage_deltas"), "0");
  const auto verify = Billsync(cluster.url(), {"verify", "usage"});
  EXPECT_EQ(verify.status, 0) << verify.out.substr(0, 4000) << verify.err;
  EXPECT_EQ(cluster.Value(kDifferences), "0");
  EXPECT_EQ(cluster.Value(kQuotaDifferences), "0");
  std::cout << inserted << " runs inserted, " << cluster.Value("SELECT count(*) FROM agent_runs") << " left, "
            << cluster.Value("SELECT count(*) FROM billing_retired_runs") << " deleted, "
            << cluster.Value("SELECT count(*) || ' adjustments of USD ' || sum(amount_usd) FROM billing_adjustments")
            << std::endl;
  EXPECT_NE(cluster.Value("SELECT count(*) FROM billing_adjustments"), "0");
  EXPECT_GT(inserted, 500);
}

}  // namespace
}  // namespace billsync::testing
