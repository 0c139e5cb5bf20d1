// migrate, and what serve says of a database that is not ready.
#include <gtest/gtest.h>

#include "e2e/commands.h"
#include "e2e/json_text.h"

namespace billsync::testing {
namespace {

TEST(Migrate, MakesTheWholeSchemaOnAnEmptyDatabaseAndDoesNothingASecondTime) {
  TestDatabase database(TestDatabase::Contents::kEmpty);
  const auto pending = Billsync(database, {"migrate", "--check"});
  EXPECT_EQ(pending.status, 3) << pending.err;
  EXPECT_NE(pending.out.find("0003_billsync"), std::string::npos) << pending.out;
  EXPECT_EQ(database.Value("SELECT to_regclass('public.users') IS NULL"), "t");  // a check changes nothing

  const auto first = Billsync(database, {"migrate"});
  EXPECT_EQ(first.status, 0) << first.out << first.err;
  EXPECT_NE(first.out.find("The schema is current."), std::string::npos) << first.out;
  EXPECT_EQ(database.Value("SELECT count(*) FROM stripe_events"), "0");
  const std::string before = database.Value("SELECT string_agg(oid || relname, ',' ORDER BY oid) FROM pg_class");

  const auto second = Billsync(database, {"migrate"});
  EXPECT_EQ(second.status, 0);
  EXPECT_EQ(second.out, "The schema was current; nothing to do.\n");
  EXPECT_EQ(database.Value("SELECT string_agg(oid || relname, ',' ORDER BY oid) FROM pg_class"), before);
  EXPECT_EQ(Billsync(database, {"migrate", "--check"}).status, 0);
}

TEST(Migrate, SpeaksJson) {
  TestDatabase database(TestDatabase::Contents::kEmpty);
  const auto check = Billsync(database, {"migrate", "--check", "--json"});
  EXPECT_EQ(check.status, 3);
  const auto pending = ParsedJson(check.out);
  ASSERT_TRUE(pending.IsObject() && pending["pending"].IsArray()) << check.out;
  EXPECT_GE(pending["pending"].Size(), 3U);
  const auto done = Billsync(database, {"migrate", "--json"});
  EXPECT_EQ(done.status, 0) << done.out;
  const auto report = ParsedJson(done.out);
  EXPECT_EQ(report["applied"].Size(), pending["pending"].Size());
  EXPECT_EQ(report["warnings"].Size(), 0U) << done.out;
}

TEST(Serve, RefusesADatabaseThatIsNotMigrated) {
  TestDatabase database(TestDatabase::Contents::kEmpty);
  const auto serve = Billsync(database, {"serve"}, {{"BILLSYNC_LISTEN", "127.0.0.1:0"}});
  EXPECT_EQ(serve.status, 1);
  EXPECT_NE(serve.err.find("the database schema is not current; run: billsync migrate"), std::string::npos)
      << serve.err;
}

TEST(Serve, OtherCommandsSayItToo) {
  TestDatabase database(TestDatabase::Contents::kEmpty);
  for (const auto& command : std::vector<std::vector<std::string>>{{"events", "list"},
                                                                   {"rollup"},
                                                                   {"jobs", "list"},
                                                                   {"export", "usage", "--output", "-"},
                                                                   {"verify", "usage"},
                                                                   {"close", "2020-01"},
                                                                   {"adjust", "list"},
                                                                   {"reset-quotas"},
                                                                   {"explain", "sub_1"},
                                                                   {"events", "retry"}}) {
    const auto result = Billsync(database, command);
    EXPECT_EQ(result.status, 1) << command[0];
    EXPECT_EQ(result.err, "billsync: the database schema is missing or not current; run: billsync migrate\n");
  }
}

}  // namespace
}  // namespace billsync::testing
