// Every statement the program embeds, against a freshly migrated database.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

#include "embedded_statements.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

// PREPARE takes queries only. Why each of these is another kind of statement:
const std::map<std::string, std::string> kNotPreparable = {
    {"db.CreateMigrationTable", "DDL: the migrator itself runs it for every test's database"},
};

// "SELECT *" hides a new column until something breaks far away. Who may:
const std::map<std::string, std::string> kMayTakeEveryColumn = {
    {"apply.InsertPlanChanges", "its source is unnest() of the parameters, whose columns stand right there"},
};

std::vector<const db::Query*> EveryStatement() {
  std::vector<const db::Query*> all;
  for (const auto& statements : kEmbeddedStatements) all.insert(all.end(), statements.begin(), statements.end());
  return all;
}

// The query inside "DECLARE … CURSOR FOR query", or the statement itself.
std::string QueryOf(const db::Query& statement) {
  static const std::regex declare("DECLARE\\s+\\w+[\\w\\s]*CURSOR\\s+FOR\\s");
  return std::regex_replace(std::string(statement.sql), declare, "", std::regex_constants::format_first_only);
}

// Without comments, which may say anything.
std::string CodeOf(const db::Query& statement) {
  return std::regex_replace(std::string(statement.sql), std::regex("--[^\n]*"), "");
}

TEST(Statements, AreAllPreparedByTheServer) {
  TestDatabase database;
  const auto session = database.Connect();
  size_t prepared = 0;
  std::set<std::string> skipped;
  for (const db::Query* statement : EveryStatement()) {
    if (kNotPreparable.contains(statement->name)) {
      skipped.insert(statement->name);
      continue;
    }
    db::Transaction tx(*session, {.read_only = true});
    EXPECT_NO_THROW(tx.ExecScript(statement->name, "PREPARE one AS " + QueryOf(*statement) + "\n; DEALLOCATE one"))
        << statement->sql;
    ++prepared;
  }
  EXPECT_EQ(skipped.size(), kNotPreparable.size()) << "the list of exceptions names a statement that is gone";
  EXPECT_GE(prepared, 40U);
}

TEST(Statements, HaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const db::Query* statement : EveryStatement()) {
    EXPECT_TRUE(names.insert(statement->name).second) << statement->name;
  }
}

TEST(Statements, ListTheirColumns) {
  const std::regex every_column("SELECT\\s+(\\w+\\.)?\\*", std::regex::icase);
  for (const db::Query* statement : EveryStatement()) {
    EXPECT_EQ(std::regex_search(CodeOf(*statement), every_column), kMayTakeEveryColumn.contains(statement->name))
        << statement->name;
  }
}

TEST(Statements, NeverUseFloatingPoint) {
  const std::regex floating("double\\s+precision|\\bfloat[48]?\\b|\\breal\\b|::\\s*float", std::regex::icase);
  for (const db::Query* statement : EveryStatement()) {
    EXPECT_FALSE(std::regex_search(CodeOf(*statement), floating)) << statement->name;
  }
}

TEST(Statements, FindNoFloatingPointColumnInABillingTable) {
  TestDatabase database;
  EXPECT_EQ(database.Value("SELECT string_agg(table_name || '.' || column_name, ', ') FROM information_schema.columns "
                           "WHERE table_schema = 'public' AND table_name ~ '^(billing|stripe)_' AND data_type IN "
                           "('real', 'double precision')"),
            "");
}

}  // namespace
}  // namespace billsync::testing
