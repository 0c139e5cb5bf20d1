#include "stripe/chain.h"

#include <gtest/gtest.h>

#include "event_text.h"

namespace billsync::stripe {
namespace {

TEST(Chain, AgreesOnWhatStripeMeansToBeTheSame) {
  struct Row {
    const char* old_value;
    const char* actual;
    bool agrees;
  };
  const std::vector<Row> rows{
      {"1", "1", true},
      {"1", "2", false},
      {"null", "null", true},
      {"null", "0", false},
      {R"({"a":1,"b":null})", R"({"a":1})", true},
      {R"({"a":1})", R"({"a":1,"b":null})", true},
      {R"({"a":1})", R"({"a":1,"b":2})", false},
      {R"({"a":1,"b":2})", R"({"a":1})", false},
      {R"([{"id":"x","q":1},{"id":"y","q":2}])", R"([{"id":"y","q":2},{"id":"x","q":1}])", true},
      {R"([{"id":"x","q":1}])", R"([{"id":"x","q":1,"new_extra":5}])", true},
      {R"([{"id":"x","price":{"id":"p","extra":1}}])", R"([{"id":"x","price":{"id":"p"}}])", true},
      {R"([{"id":"x","q":1}])", R"([{"id":"x","q":2}])", false},
      {R"([{"id":"x"}])", R"([{"id":"z"}])", false},
      {R"([{"id":"x"}])", R"([{"id":"x"},{"id":"y"}])", false},
      {"[1,2]", "[2,1]", false},
      {"[1,2]", "[1,2]", true},
      {R"({"a":1})", "1", false},
  };
  for (const auto& row : rows) {
    const auto old_value = Parsed(row.old_value);
    const auto actual = Parsed(row.actual);
    EXPECT_EQ(Agrees(old_value.Root(), actual.Root()), row.agrees) << row.old_value << " / " << row.actual;
  }
  EXPECT_TRUE(Agrees(JsonValue(), Parsed("null").Root()));
}

struct Links {
  std::deque<JsonDocument> documents;
  std::vector<ChainLink> links;

  void Add(std::string_view object, std::string_view previous) {
    ChainLink link{documents.emplace_back(Parsed(object)).Root(), {}};
    if (!previous.empty()) link.previous = documents.emplace_back(Parsed(previous)).Root();
    links.push_back(link);
  }
};

TEST(Chain, CostsNothingInTheOrderThingsHappened) {
  Links set;
  set.Add(R"({"x":1,"y":0})", R"({"x":0})");
  set.Add(R"({"x":1,"y":1})", R"({"y":0})");
  const auto before = Parsed(R"({"x":0,"y":0})");
  const ChainCosts costs(set.links, before.Root());
  EXPECT_EQ(costs.Start(0), 0);
  EXPECT_EQ(costs.Step(0, 1), 0);
  EXPECT_GT(costs.Start(1), 0);
  EXPECT_GT(costs.Step(1, 0), 0);
}

TEST(Chain, RollsNestedHashesBackByTheirChangedMembersOnly) {
  Links set;
  set.Add(R"({"t":{"a":5,"b":null}})", R"({"t":{"a":null}})");
  set.Add(R"({"t":{"a":5,"b":6}})", R"({"t":{"b":null}})");
  const ChainCosts costs(set.links, std::nullopt);
  EXPECT_EQ(costs.Step(0, 1), 0);
  EXPECT_GT(costs.Step(1, 0), 0);
}

TEST(Chain, PutsAnEventWithoutPreviousAttributesBesideTheStateItShows) {
  Links set;
  set.Add(R"({"x":1})", R"({"x":0})");
  set.Add(R"({"x":1})", "");
  const ChainCosts costs(set.links, std::nullopt);
  EXPECT_EQ(costs.Step(0, 1), 0);
  EXPECT_GT(costs.Step(1, 0), 0);
}

TEST(Chain, FindsATwinNearlyAsGoodAsASuccessor) {
  Links set;
  set.Add(R"({"x":1})", R"({"x":0})");
  set.Add(R"({"x":1})", R"({"x":0})");
  const ChainCosts costs(set.links, std::nullopt);
  EXPECT_EQ(costs.Step(0, 1), 1);
}

TEST(Chain, HearsNothingFromARenderingWithoutTheMember) {
  Links set;
  set.Add(R"({"x":1,"period":7})", R"({"x":0,"period":6})");
  set.Add(R"({"x":2})", R"({"x":1})");
  const ChainCosts costs(set.links, std::nullopt);
  EXPECT_EQ(costs.Step(0, 1), 0);
  EXPECT_GT(costs.Step(1, 0), 0);
}

}  // namespace
}  // namespace billsync::stripe
