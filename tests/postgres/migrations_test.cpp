// Schema of an empty database and of a platform that is in use already.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <regex>

#include "billsync/base/parse.h"
#include "billsync/db/migrator.h"
#include "catalog.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

constexpr auto kEmpty = TestDatabase::Contents::kEmpty;

db::MigrationReport Migrate(const TestDatabase& database) {
  const auto session = database.Connect();
  return db::Migrate(*session, [](const std::string&) {});
}

// The platform in use: its schema as it is found, and rows in every table.
void MakePlatform(TestDatabase& database) {
  database.Run(ReadSource("fixtures/platform/as-found.sql"));
  database.Run(ReadSource("tests/postgres/as_found_rows.sql"));
}

TEST(Migrations, BringAnEmptyDatabaseToTheNewestSchemaAndAreThenDone) {
  TestDatabase database(kEmpty);
  const auto session = database.Connect();
  EXPECT_EQ(db::PendingMigrations(*session).size(), static_cast<size_t>(db::SchemaVersion()));
  const auto report = Migrate(database);
  ASSERT_EQ(report.applied.size(), static_cast<size_t>(db::SchemaVersion()));
  EXPECT_TRUE(std::ranges::is_sorted(report.applied, {}, &db::PendingMigration::name));
  EXPECT_TRUE(report.warnings.empty()) << report.warnings.front();
  EXPECT_TRUE(db::PendingMigrations(*session).empty());

  const auto before = CatalogLines(database);
  EXPECT_GT(before.size(), 500U);
  EXPECT_TRUE(Migrate(database).applied.empty());
  EXPECT_EQ(CatalogLines(database), before);
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_schema_migrations"), std::to_string(db::SchemaVersion()));
}

TEST(Migrations, CreateEveryTableAndViewOfThePlatform) {
  TestDatabase database;
  const std::string source = ReadSource("fixtures/platform/as-found.sql");
  const std::regex create("CREATE (?:TABLE|VIEW) (\\w+)");
  int found = 0;
  for (std::sregex_iterator at(source.begin(), source.end(), create), end; at != end; ++at, ++found) {
    EXPECT_EQ(database.Value("SELECT to_regclass('public." + (*at)[1].str() + "') IS NOT NULL"), "t") << (*at)[1];
  }
  EXPECT_GE(found, 20);
}

TEST(Migrations, GiveAPlatformInUseTheSchemaOfANewOneAndChangeNoneOfItsRows) {
  TestDatabase found(kEmpty);
  MakePlatform(found);
  const auto tables = TablesOf(found);
  std::vector<std::string> before;
  for (const auto& table : tables) {
    before.push_back(RowsDigest(found, table));
    EXPECT_FALSE(before.back().starts_with("0 ")) << "no row to watch in " << table.name;
  }
  Migrate(found);
  for (size_t i = 0; i < tables.size(); ++i) EXPECT_EQ(RowsDigest(found, tables[i]), before[i]) << tables[i].name;

  TestDatabase fresh;
  const auto lines_found = CatalogLines(found);
  const auto lines_fresh = CatalogLines(fresh);
  EXPECT_EQ(Missing(lines_fresh, lines_found), "") << "a new database has these and one in use has not";
  EXPECT_EQ(Missing(lines_found, lines_fresh), "") << "a database in use has these and a new one has not";
}

// What the catalogue cannot show: the mended platform works with the rows it had.
TEST(Migrations, LeaveAPlatformInUseWorking) {
  TestDatabase database(kEmpty);
  MakePlatform(database);
  Migrate(database);
  const std::string used = "SELECT monthly_runs_used FROM users WHERE email = 'owner@example.com'";
  const int before = ParseInt<int>(database.Value(used)).value();
  database.Run("UPDATE agent_runs SET status = 'completed', completed_at = now() WHERE status = 'queued'");
  EXPECT_EQ(database.Value(used), std::to_string(before + 1));
  EXPECT_EQ(database.Value("SELECT total_runs_lifetime || ' ' || agent_count FROM user_usage_summary WHERE email = "
                           "'owner@example.com'"),
            "2 1");
}

TEST(Migrations, RefuseATextThatWasChangedAfterItWasApplied) {
  TestDatabase database;
  database.Run("UPDATE billing_schema_migrations SET checksum = repeat('0', 64) WHERE name = '0002_platform_mends'");
  const auto session = database.Connect();
  EXPECT_THROW(db::PendingMigrations(*session), db::Bug);
  EXPECT_THROW(db::Migrate(*session, [](const std::string&) {}), db::Bug);
}

TEST(Migrations, RefuseADatabaseThatIsAheadOfTheProgram) {
  TestDatabase database;
  database.Run("INSERT INTO billing_schema_migrations (name, checksum) VALUES ('9999_of_the_future', '00')");
  const auto session = database.Connect();
  EXPECT_THROW(db::PendingMigrations(*session), db::Bug);
  EXPECT_THROW(db::Migrate(*session, [](const std::string&) {}), db::Bug);
}

TEST(Migrations, AreAppliedOnceByTwoThatStartTogether) {
  TestDatabase database(kEmpty);
  std::atomic<int> ready{0};
  const auto run = [&] {
    const auto session = database.Connect();
    ++ready;
    while (ready < 2) std::this_thread::yield();
    return db::Migrate(*session, [](const std::string&) {}).applied.size();
  };
  auto first = std::async(std::launch::async, run);
  auto second = std::async(std::launch::async, run);
  EXPECT_EQ(first.get() + second.get(), static_cast<size_t>(db::SchemaVersion()));
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_schema_migrations"), std::to_string(db::SchemaVersion()));
}

TEST(Migrations, RollBackWholeWhenOneFails) {
  TestDatabase database(kEmpty);
  database.Run("CREATE VIEW billing_customers AS SELECT 1 AS in_the_way");
  EXPECT_THROW(Migrate(database), db::Bug);
  EXPECT_EQ(database.Value("SELECT to_regclass('public.stripe_events') IS NULL"), "t");
  const auto session = database.Connect();
  const auto pending = db::PendingMigrations(*session);
  ASSERT_FALSE(pending.empty());
  database.Run("DROP VIEW billing_customers");
  EXPECT_EQ(Migrate(database).applied.size(), pending.size());
}

}  // namespace
}  // namespace billsync::testing
