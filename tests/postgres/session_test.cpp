// Strict reading and sending, and what happens when the connection or the statement fails.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "billsync/db/pool.h"
#include "platform_rows.h"
#include "support/postgres.h"
#include "support/program.h"

namespace billsync::testing {
namespace {

class SessionTest : public ::testing::Test {
 protected:
  db::Result Exec(const std::string& sql, const db::Params& params = {}) {
    db::Transaction tx(*session_);
    auto rows = tx.Exec("test", sql, params);
    tx.Commit();
    return rows;
  }
  void Kill(const std::string& pid) { database_.Run("SELECT pg_terminate_backend(" + pid + ")"); }
  std::string Pid() { return Exec("SELECT pg_backend_pid() AS pid").Only().Text("pid"); }

  TestDatabase database_{TestDatabase::Contents::kEmpty};
  std::unique_ptr<db::Session> session_ = database_.Connect();
};

TEST_F(SessionTest, ReadsIntegersToTheLastDigitAndNotOneBeyond) {
  const auto rows = Exec(
      "SELECT 9223372036854775807 AS largest, -9223372036854775808 AS smallest, "
      "9223372036854775808 AS above, '2.5'::numeric AS fraction, '' AS empty, ' 1' AS space");
  const db::Row row = rows.Only();
  EXPECT_EQ(row.Int("largest"), INT64_MAX);
  EXPECT_EQ(row.Int("smallest"), INT64_MIN);
  for (const char* column : {"above", "fraction", "empty", "space"}) EXPECT_THROW(row.Int(column), db::Bug) << column;
}

TEST_F(SessionTest, RefusesToReadNullAsAValue) {
  const auto rows = Exec("SELECT NULL::int AS nothing");
  const db::Row row = rows.Only();
  EXPECT_THROW(row.Int("nothing"), db::Bug);
  EXPECT_THROW(row.Text("nothing"), db::Bug);
  EXPECT_THROW(row.Bool("nothing"), db::Bug);
  EXPECT_THROW(row.At("nothing"), db::Bug);
  EXPECT_EQ(row.OptInt("nothing"), std::nullopt);
  EXPECT_EQ(row.OptText("nothing"), std::nullopt);
  EXPECT_EQ(row.OptAt("nothing"), std::nullopt);
}

TEST_F(SessionTest, RefusesColumnsTypesAndRowsThatAreNotThere) {
  const auto rows = Exec("SELECT 1 AS one, 'yes' AS word, '2026-11-20 12:00' AS local");
  EXPECT_THROW(rows.Only().Int("two"), db::Bug);
  EXPECT_THROW(rows.Only().Bool("one"), db::Bug);
  EXPECT_THROW(rows.Only().At("local"), db::Bug);
  EXPECT_THROW(Exec("SELECT 1 AS one WHERE false").Only(), db::Bug);
  EXPECT_THROW(Exec("SELECT generate_series(1, 2) AS one").Only(), db::Bug);
}

TEST_F(SessionTest, SendsAndReadsMomentsToTheMicrosecondWhateverTheServersTimeZone) {
  database_.Run(
      "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Kolkata''', current_database()); END $$");
  session_ = database_.Connect();
  const auto at = ParseInstant("2026-10-31T23:59:59.999999Z").value();
  EXPECT_EQ(Exec("SELECT $1::timestamptz AS at", db::Params::Of(at)).Only().At("at"), at);
  EXPECT_EQ(Exec("SELECT extract(epoch FROM $1::timestamptz)::text AS at", db::Params::Of(at)).Only().Text("at"),
            "1793491199.999999");
}

TEST_F(SessionTest, BringsArraysThereAndBackWhateverTheyHold) {
  const std::vector<std::optional<std::string>> values = {
      "plain", "", "NULL", std::nullopt, R"(quote " and \ slash)", "{a,b}", " x ", "müß\nπ 🙂", R"(\")"};
  const auto rows =
      Exec("SELECT v AS value FROM unnest($1::text[]) WITH ORDINALITY AS t (v, n) ORDER BY n", db::Params::Of(values));
  ASSERT_EQ(rows.size(), static_cast<int>(values.size()));
  for (int i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].OptText("value"), values[static_cast<size_t>(i)]) << i;
  EXPECT_EQ(Exec("SELECT cardinality($1::text[]) AS n", db::Params::Of(std::vector<std::string>{})).Only().Int("n"), 0);
}

TEST_F(SessionTest, RefusesNulInATextBeforeItReachesTheServer) {
  db::Params params;
  EXPECT_THROW(params.Add(std::string("a\0b", 3)), db::Bug);
  EXPECT_THROW(params.Add(std::vector<std::string>{std::string("\0", 1)}), db::Bug);
}

TEST_F(SessionTest, NeverGoesOnAfterItsBackendWasKilled) {
  database_.Run("CREATE TABLE kept (n int)");
  const std::string pid = Pid();
  {
    db::Transaction tx(*session_);
    tx.Exec("test", "INSERT INTO kept VALUES (1)", {});
    Kill(pid);
    EXPECT_THROW(tx.Exec("test", "INSERT INTO kept VALUES (2)", {}), db::Transient);
    EXPECT_TRUE(session_->Broken());
    EXPECT_THROW(tx.Exec("test", "INSERT INTO kept VALUES (3)", {}), db::Transient);
  }
  for (int attempt = 0; attempt < 3; ++attempt) EXPECT_THROW(Exec("INSERT INTO kept VALUES (4)"), db::Transient);
  EXPECT_TRUE(session_->Broken());
  EXPECT_EQ(database_.Value("SELECT count(*) FROM kept"), "0");
}

TEST_F(SessionTest, IsInDoubtWhenTheConnectionIsLostDuringCommit) {
  database_.Run(
      "CREATE TABLE kept (n int);"
      "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(20); RETURN NULL; END';"
      "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON kept DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
      "EXECUTE FUNCTION linger()");
  const std::string pid = Pid();
  auto committed = std::async(std::launch::async, [&] {
    db::Transaction tx(*session_);
    tx.Exec("test", "INSERT INTO kept VALUES (1)", {});
    tx.Commit();
  });
  ASSERT_TRUE(Eventually([&] {
    return database_.Value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid = " + pid) ==
           "1";
  }));
  Kill(pid);
  EXPECT_THROW(committed.get(), db::InDoubt);
  EXPECT_TRUE(session_->Broken());
}

TEST_F(SessionTest, TellsWhatMayBeTriedAgainFromWhatNeverWorks) {
  try {
    db::Transaction tx(*session_, {.statement_timeout = std::chrono::seconds(1)});
    tx.Exec("slow", "SELECT pg_sleep(20)", {});
    ADD_FAILURE() << "the statement was not cut short";
  } catch (const db::Transient& e) {
    EXPECT_EQ(e.sqlstate(), "57014");
  }
  EXPECT_FALSE(session_->Broken());
  database_.Run("CREATE TABLE kept (secret text PRIMARY KEY); INSERT INTO kept VALUES ('hidden value')");
  try {
    Exec("INSERT INTO kept VALUES ($1)", db::Params::Of("hidden value"));
    ADD_FAILURE() << "the duplicate was accepted";
  } catch (const db::Bug& e) {
    EXPECT_EQ(e.sqlstate(), "23505");
    EXPECT_EQ(std::string(e.what()).find("hidden value"), std::string::npos) << e.what();
  }
  EXPECT_EQ(Exec("SELECT 1 AS one").Only().Int("one"), 1) << "a refused statement does not break the session";
}

// PostgreSQL answers COMMIT of a failed transaction with a rollback and no error.
TEST_F(SessionTest, RefusesToCommitAfterAFailedStatement) {
  database_.Run("CREATE TABLE kept (n int PRIMARY KEY)");
  db::Transaction tx(*session_);
  tx.Exec("test", "INSERT INTO kept VALUES (1)", {});
  EXPECT_THROW(tx.Exec("test", "INSERT INTO kept VALUES (1)", {}), db::Bug);
  EXPECT_THROW(tx.Commit(), db::Bug);
}

TEST_F(SessionTest, KeepsAStatementThatIsRunByKeyPreparedAndWithoutScansOfTheWholeTable) {
  database_.Run("CREATE TABLE kept (n int PRIMARY KEY, word text); INSERT INTO kept VALUES (1, 'one')");
  const db::Query query{"test.Read", "SELECT word FROM kept WHERE n = $1"};
  for (int i = 0; i < 3; ++i) {
    db::Transaction tx(*session_, {.by_key = true});
    EXPECT_EQ(tx.Exec(query, db::Params::Of(1)).Only().Text("word"), "one");
    EXPECT_EQ(tx.Exec("test", "SELECT generic_plans FROM pg_prepared_statements", {}).Only().Int("generic_plans"),
              i + 1);
    EXPECT_EQ(tx.Exec("test", "SELECT current_setting('enable_seqscan') AS s", {}).Only().Text("s"), "off");
    tx.Commit();
  }
  db::Transaction tx(*session_);
  EXPECT_EQ(tx.Exec("test", "SELECT current_setting('enable_seqscan') AS s", {}).Only().Text("s"), "on");
}

// A migration beside a running program, say. Whoever asked tries again with a new session.
TEST_F(SessionTest, GivesUpASessionWhosePreparedStatementIsOfNoUseAnyMore) {
  database_.Run("CREATE TABLE kept (n int PRIMARY KEY, word int); INSERT INTO kept VALUES (1, 7)");
  const auto read = [&] {
    db::Transaction tx(*session_);
    return tx.ExecPrepared("test", "SELECT word FROM kept WHERE n = $1", db::Params::Of(1)).Only().Text("word");
  };
  EXPECT_EQ(read(), "7");
  database_.Run("ALTER TABLE kept ALTER COLUMN word TYPE text");
  EXPECT_THROW(read(), db::Transient);
  EXPECT_TRUE(session_->Broken());
}

TEST_F(SessionTest, ReportsAServerThatIsNotThereAsTransient) {
  EXPECT_THROW(db::Session({.url = "postgresql://nobody@127.0.0.1:1/none", .role = "test"}), db::Transient);
  EXPECT_THROW(db::Session({.url = "host=/nonexistent dbname=none", .role = "test"}), db::Transient);
}

class PoolTest : public SessionTest {};

TEST_F(PoolTest, OpensFreshSessionsAfterABreak) {
  db::Pool pool({.url = database_.url(), .role = "pool"}, 2);
  {
    auto first = pool.Acquire();
    auto second = pool.Acquire();  // both are open, one of them idle later
  }
  database_.Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'billsync pool'");
  {
    auto lease = pool.Acquire();
    EXPECT_THROW(db::Transaction tx(*lease), db::Transient);
  }
  for (int i = 0; i < 3; ++i) {
    auto lease = pool.Acquire();
    db::Transaction tx(*lease);
    EXPECT_EQ(tx.Exec("test", "SELECT 1 AS one", {}).Only().Int("one"), 1);
  }
}

TEST_F(PoolTest, GivesUpAfterItsPatienceAndServesWhoWaitsLonger) {
  db::Pool pool({.url = database_.url(), .role = "pool"}, 1);
  auto held = std::make_unique<db::Pool::Lease>(pool.Acquire());
  EXPECT_THROW(pool.Acquire(std::chrono::milliseconds(20)), db::Transient);
  EXPECT_EQ(pool.stats().waits, 1U);
  auto waiting = std::async(std::launch::async, [&] { return pool.Acquire(std::chrono::seconds(20)); });
  ASSERT_TRUE(Eventually([&] { return pool.stats().waits == 2; }));
  held.reset();
  auto lease = waiting.get();
  EXPECT_EQ(pool.stats().in_use, 1U);
}

TEST_F(PoolTest, CountsNoSessionThatCouldNotBeOpened) {
  db::Pool pool({.url = "host=/nonexistent dbname=none", .role = "pool"}, 1);
  for (int i = 0; i < 3; ++i) EXPECT_THROW(pool.Acquire(std::chrono::milliseconds(20)), db::Transient);
  EXPECT_EQ(pool.stats().in_use, 0U);
}

}  // namespace
}  // namespace billsync::testing
