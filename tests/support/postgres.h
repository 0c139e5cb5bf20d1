// A real PostgreSQL for a test program: a private cluster, and a fresh migrated database for each test.
#pragma once

#include <memory>
#include <string>

#include "billsync/db/pool.h"
#include "billsync/db/session.h"

namespace billsync::testing {

// The URL of this test program's cluster, started on first use under the build directory and stopped when the program
// ends. Without fsync: these tests kill billsync, not PostgreSQL. Exits with the command to type if it cannot start.
const std::string& ClusterUrl();

// A database of its own, dropped at the end of the test.
class TestDatabase {
 public:
  enum class Contents { kMigrated, kEmpty };
  explicit TestDatabase(Contents contents = Contents::kMigrated);
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  // From now on the next test's migrated database is made while the test before it runs. For programs of many short
  // tests that measure no time.
  static void MakeAhead();

  const std::string& url() const { return url_; }
  // A fresh session.
  std::unique_ptr<db::Session> Connect() const;
  // Runs statements without parameters and commits.
  void Run(const std::string& sql);
  // The single value of a query as text; "" for NULL. Fails the test when there is not exactly one row.
  std::string Value(const std::string& sql);

 private:
  std::string name_, url_;
  std::unique_ptr<db::Session> session_;
};

// The whole file below the repository's root.
std::string ReadSource(const std::string& path);

}  // namespace billsync::testing
