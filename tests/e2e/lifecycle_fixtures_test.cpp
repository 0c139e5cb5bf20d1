// The fixtures of lifecycles themselves: both shapes tell the same story, and the demo has a user for each.
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <filesystem>
#include <set>

#include "e2e/json_text.h"
#include "e2e/lifecycles.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

std::set<std::string> FilesOf(const std::string& lifecycle, const std::string& shape) {
  std::set<std::string> files;
  const std::string folder = BILLSYNC_SOURCE_DIR "/fixtures/lifecycles/" + lifecycle + "/" + shape;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.insert(entry.path().filename().string());
  return files;
}

rapidjson::Document EventOf(const std::string& lifecycle, const std::string& shape, const std::string& file) {
  return ParsedJson(ReadSource("fixtures/lifecycles/" + lifecycle + "/" + shape + "/" + file));
}

TEST(LifecycleFixtures, BothShapesTellOfTheSameEvents) {
  for (const auto& lifecycle : LoadLifecycles()) {
    const auto old_files = FilesOf(lifecycle.name, "acacia"), new_files = FilesOf(lifecycle.name, "endive");
    for (const auto& file : new_files) {
      SCOPED_TRACE(lifecycle.name + " " + file);
      const auto newer = EventOf(lifecycle.name, "endive", file);
      EXPECT_EQ(Member(newer, "api_version"), "2026-10-28.endive");
      EXPECT_EQ(file.substr(3), Member(newer, "type") + ".json");
      if (!old_files.contains(file)) {
        EXPECT_EQ(Member(newer, "type"), "invoice_payment.paid") << "only this type is newer than the old shape";
        continue;
      }
      const auto older = EventOf(lifecycle.name, "acacia", file);
      EXPECT_EQ(Member(older, "api_version"), "2025-02-24.acacia");
      for (const char* same : {"id", "type", "created"}) EXPECT_EQ(Member(older, same), Member(newer, same)) << same;
      EXPECT_EQ(Member(older["data"]["object"], "id"), Member(newer["data"]["object"], "id"));
      EXPECT_TRUE(older["request"] == newer["request"]);
      EXPECT_EQ(older["data"].HasMember("previous_attributes"), newer["data"].HasMember("previous_attributes"));
    }
    for (const auto& file : old_files) EXPECT_TRUE(new_files.contains(file)) << lifecycle.name << " " << file;
  }
}

// What tells the shapes apart, or a fixture would test one of them twice.
TEST(LifecycleFixtures, TheShapesDifferWhereStripesVersionsDo) {
  int subscriptions = 0, invoices = 0;
  for (const auto& lifecycle : LoadLifecycles()) {
    for (const auto& file : FilesOf(lifecycle.name, "acacia")) {
      SCOPED_TRACE(lifecycle.name + " " + file);
      const auto older_event = EventOf(lifecycle.name, "acacia", file);
      const auto newer_event = EventOf(lifecycle.name, "endive", file);
      const auto& older = older_event["data"]["object"];
      const auto& newer = newer_event["data"]["object"];
      if (Member(older, "object") == "subscription") {
        ++subscriptions;
        EXPECT_TRUE(older.HasMember("current_period_end"));
        EXPECT_FALSE(newer.HasMember("current_period_end"));
        EXPECT_TRUE(newer["items"]["data"][0].HasMember("current_period_end"));
      }
      if (Member(older, "object") == "invoice") {
        ++invoices;
        for (const char* gone : {"subscription", "paid", "charge", "payment_intent", "total_tax_amounts"}) {
          EXPECT_TRUE(older.HasMember(gone)) << gone;
          EXPECT_FALSE(newer.HasMember(gone)) << gone;
        }
        EXPECT_TRUE(newer.HasMember("parent"));
      }
      if (Member(older, "object") == "charge") {
        EXPECT_TRUE(older.HasMember("invoice"));
        EXPECT_FALSE(newer.HasMember("invoice"));
      }
    }
  }
  EXPECT_GT(subscriptions, 80);
  EXPECT_GT(invoices, 100);
}

TEST(LifecycleFixtures, TheDemoHasTheUserOfEachAsItIsBeforeAnyEvent) {
  TestDatabase database;
  database.Run(ReadSource("fixtures/demo/platform.sql"));
  for (const auto& lifecycle : LoadLifecycles()) {
    EXPECT_EQ(database.Value("SELECT count(*) FROM users WHERE id = '" + lifecycle.user + "' AND stripe_customer_id " +
                             (lifecycle.customer_before ? "= '" + *lifecycle.customer_before + "'" : "IS NULL") +
                             " AND email = '" + lifecycle.key + "@example.com' AND plan_tier = 'free'"),
              "1")
        << lifecycle.name;
  }
}

}  // namespace
}  // namespace billsync::testing
