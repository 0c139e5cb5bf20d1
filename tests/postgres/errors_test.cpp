// Which SQLSTATE becomes which error: what a caller may do about it.
#include <gtest/gtest.h>

#include <barrier>
#include <future>

#include "support/postgres.h"

namespace billsync::testing {
namespace {

enum class Kind { kTransient, kBug };

struct StateCase {
  const char* sqlstate;
  Kind kind;
  const char* what;
};

// libpqxx has a type of its own for about half of these, and forgets the state of some.
constexpr StateCase kStates[] = {
    {"40001", Kind::kTransient, "serialization failure"},
    {"40P01", Kind::kTransient, "deadlock"},
    {"55P03", Kind::kTransient, "lock not available"},
    {"57014", Kind::kTransient, "statement timeout"},
    {"25006", Kind::kTransient, "a standby is read only"},
    {"53000", Kind::kTransient, "resources"},
    {"53100", Kind::kTransient, "disk full"},
    {"53200", Kind::kTransient, "out of memory"},
    {"53300", Kind::kTransient, "too many connections"},
    {"58030", Kind::kTransient, "input or output failed"},
    {"57P01", Kind::kTransient, "the server shuts down"},
    {"08006", Kind::kTransient, "connection failure"},
    {"22003", Kind::kBug, "number out of range"},
    {"22021", Kind::kBug, "not UTF-8"},
    {"23502", Kind::kBug, "NULL where none may be"},
    {"23503", Kind::kBug, "foreign key"},
    {"23505", Kind::kBug, "unique key"},
    {"23514", Kind::kBug, "check"},
    {"42501", Kind::kBug, "no privilege"},
    {"42601", Kind::kBug, "syntax"},
    {"42703", Kind::kBug, "no such column"},
    {"42883", Kind::kBug, "no such function"},
    {"42P01", Kind::kBug, "no such table"},
    {"P0001", Kind::kBug, "raised by a function"},
};

TEST(Errors, TellWhatMayBeTriedAgainAndKeepTheState) {
  TestDatabase database(TestDatabase::Contents::kEmpty);
  std::unique_ptr<db::Session> session;
  for (const auto& [sqlstate, kind, what] : kStates) {
    if (!session || session->Broken()) session = database.Connect();
    db::Transaction tx(*session);
    try {
      tx.ExecScript("test", std::string("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '") + sqlstate + "'; END $$");
      ADD_FAILURE() << sqlstate << " was not raised";
    } catch (const db::Transient& e) {
      EXPECT_EQ(kind, Kind::kTransient) << sqlstate << " " << what;
      EXPECT_TRUE(e.sqlstate() == sqlstate || e.sqlstate().empty()) << what << " " << e.sqlstate();
    } catch (const db::Bug& e) {
      EXPECT_EQ(kind, Kind::kBug) << sqlstate << " " << what;
      EXPECT_EQ(e.sqlstate(), sqlstate) << what;
    }
  }
}

// As in life, and not raised by hand.
TEST(Errors, NameThePrivilegeAndTheTableThatAreMissing) {
  TestDatabase database(TestDatabase::Contents::kEmpty);
  const auto session = database.Connect();
  try {
    db::Transaction(*session).Exec("test", "SELECT 1 FROM not_there", {});
    ADD_FAILURE();
  } catch (const db::Bug& e) {
    EXPECT_EQ(e.sqlstate(), "42P01");
    EXPECT_NE(std::string(e.what()).find("test: "), std::string::npos) << e.what();
  }
}

TEST(Errors, OfADeadlockLetOneOfTheTwoTryAgain) {
  TestDatabase database(TestDatabase::Contents::kEmpty);
  database.Run("CREATE TABLE pair (n int PRIMARY KEY); INSERT INTO pair VALUES (1), (2)");
  std::barrier both_hold_one(2);
  // Takes one row, then the other; true if the server ended the wait.
  const auto cross = [&](const char* first, const char* second) {
    const auto session = database.Connect();
    db::Transaction tx(*session);
    tx.Exec("test", std::string("SELECT n FROM pair WHERE n = ") + first + " FOR UPDATE", {});
    both_hold_one.arrive_and_wait();
    try {
      tx.Exec("test", std::string("SELECT n FROM pair WHERE n = ") + second + " FOR UPDATE", {});
      return false;
    } catch (const db::Transient& e) {
      EXPECT_EQ(e.sqlstate(), "40P01");
      return true;
    }
  };
  auto one = std::async(std::launch::async, cross, "1", "2");
  auto two = std::async(std::launch::async, cross, "2", "1");
  EXPECT_NE(one.get(), two.get());
}

}  // namespace
}  // namespace billsync::testing
