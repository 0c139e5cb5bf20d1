#include "billsync/billing/planned_change.h"

#include <gtest/gtest.h>

namespace billsync::billing {
namespace {

using std::chrono::days;

const Instant kDay0 = *ParseInstant("2026-11-01T00:00:00Z");

PriceMeaning MeaningOf(const std::string& price) {
  if (price == "price_ent") return Tier::kEnterprise;
  if (price == "price_pro" || price == "price_pro_year" || price == "price_pro_more") return Tier::kPro;
  if (price == "price_seat") return AddOn{};
  return UnknownPrice{price};
}

PlannedPhase Phase(int start, int end, const std::vector<std::string>& prices) {
  PlannedPhase phase{kDay0 + days(start), kDay0 + days(end), {}};
  for (const auto& price : prices) phase.items.push_back({price});
  return phase;
}

// An active schedule whose newest event is of day 1, on a subscription with `price` whose newest is of day 2.
std::string Planned(std::vector<PlannedPhase> phases, const std::string& end_behavior = "release",
                    const std::string& status = "active", const std::string& price = "price_ent",
                    Tier tier = Tier::kEnterprise) {
  const auto change = FindPlannedChange({"sub_sched_1", status, end_behavior, std::move(phases), kDay0 + days(1)},
                                        {price, tier, kDay0 + days(2)}, MeaningOf);
  if (!change) return "nothing";
  return "day " + std::to_string(std::chrono::duration_cast<days>(change->at - kDay0).count()) + " " +
         change->price.value_or("-") + " " + (change->tier ? std::string(Name(*change->tier)) : "unknown");
}

TEST(PlannedChange, IsTheFirstComingPhaseThatChangesPriceOrTier) {
  const PlannedPhase now = Phase(0, 30, {"price_ent"});
  const struct {
    const char* what;
    std::string planned;
    const char* expected;
  } cases[] = {
      {"a downgrade", Planned({now, Phase(30, 60, {"price_pro"})}), "day 30 price_pro pro"},
      {"the same price goes on", Planned({now, Phase(30, 60, {"price_ent"})}), "nothing"},
      {"the same price first", Planned({now, Phase(30, 60, {"price_ent"}), Phase(60, 90, {"price_pro"})}),
       "day 60 price_pro pro"},
      {"an add-on beside", Planned({now, Phase(30, 60, {"price_seat", "price_pro"})}), "day 30 price_pro pro"},
      {"an add-on beside the same price", Planned({now, Phase(30, 60, {"price_ent", "price_seat"})}), "nothing"},
      {"add-ons only", Planned({now, Phase(30, 60, {"price_seat"})}), "day 30 price_seat free"},
      {"a price no plan maps", Planned({now, Phase(30, 60, {"price_new"})}), "day 30 price_new unknown"},
      {"one of two is not mapped", Planned({now, Phase(30, 60, {"price_new", "price_pro"})}),
       "day 30 price_pro unknown"},
      {"another price of the same tier",
       Planned({Phase(0, 30, {"price_pro"}), Phase(30, 60, {"price_pro_year"})}, "release", "active", "price_pro",
               Tier::kPro),
       "day 30 price_pro_year pro"},
      {"the phase has begun", Planned({Phase(0, 2, {"price_pro"}), Phase(2, 60, {"price_pro"})}), "nothing"},
      {"canceled at the end", Planned({now, Phase(30, 60, {"price_ent"})}, "cancel"), "day 60 - free"},
      {"a downgrade, then canceled", Planned({now, Phase(30, 60, {"price_pro"})}, "cancel"), "day 30 price_pro pro"},
      {"should have been canceled", Planned({Phase(0, 2, {"price_ent"})}, "cancel"), "nothing"},
      {"not started yet", Planned({Phase(30, 60, {"price_pro"})}, "release", "not_started"), "day 30 price_pro pro"},
      {"released", Planned({now, Phase(30, 60, {"price_pro"})}, "release", "released"), "nothing"},
      {"completed", Planned({now, Phase(30, 60, {"price_pro"})}, "cancel", "completed"), "nothing"},
      {"canceled", Planned({now, Phase(30, 60, {"price_pro"})}, "cancel", "canceled"), "nothing"},
      {"a phase without items", Planned({now, Phase(30, 60, {})}), "nothing"},
      {"a phase without a start", Planned({now, {std::nullopt, kDay0 + days(60), {{"price_pro"}}}}), "nothing"},
      {"no phases", Planned({}, "cancel"), "nothing"},
      {"the last phase is open", Planned({{kDay0, std::nullopt, {{"price_ent"}}}}, "cancel"), "nothing"},
  };
  for (const auto& c : cases) EXPECT_EQ(c.planned, c.expected) << c.what;
}

// A subscription with `now`, whose first item's price decides the tier, and a phase of day 30 with `then`:
// "price_pro x7", or "nothing".
std::string Coming(const std::vector<PlannedItem>& now, const std::vector<PlannedItem>& then) {
  const PlannedPhase phase{kDay0 + days(30), kDay0 + days(60), then};
  const auto change = FindPlannedChange({"sub_sched_1", "active", "release", {phase}, kDay0 + days(1)},
                                        {now.front().price, Tier::kPro, kDay0 + days(2), now}, MeaningOf);
  if (!change) return "nothing";
  return change->price.value_or("-") + (change->quantity ? " x" + std::to_string(*change->quantity) : "");
}

TEST(PlannedChange, IsAlsoWhatChangesANumberAndNotWhatGoesOnAsItIs) {
  EXPECT_EQ(Coming({{"price_pro", 3}}, {{"price_pro", 7}}), "price_pro x7");
  EXPECT_EQ(Coming({{"price_pro", 3}}, {{"price_pro", 3}}), "nothing");
  EXPECT_EQ(Coming({{"price_pro", 3}}, {{"price_pro"}}), "nothing") << "the number is not known";
  EXPECT_EQ(Coming({{"price_pro"}}, {{"price_pro", 3}}), "nothing");
  EXPECT_EQ(Coming({{"price_pro", 1}, {"price_seat", 3}}, {{"price_pro", 1}, {"price_seat", 7}}), "price_seat x7");
  EXPECT_EQ(Coming({{"price_pro", 1}, {"price_seat", 3}}, {{"price_pro", 2}, {"price_seat", 7}}), "price_pro x2");
  EXPECT_EQ(Coming({{"price_pro", 1}, {"price_seat", 3}, {"price_seat", 4}}, {{"price_pro", 1}, {"price_seat", 7}}),
            "nothing");
  EXPECT_EQ(Coming({{"price_pro", 1}}, {{"price_pro_year", 4}}), "price_pro_year x4");
  // Prices of one tier, in whichever order the phase lists them.
  EXPECT_EQ(Coming({{"price_pro", 1}, {"price_pro_more", 1}}, {{"price_pro_more", 1}, {"price_pro", 1}}), "nothing");
  EXPECT_EQ(Coming({{"price_pro_more", 1}, {"price_pro", 1}}, {{"price_pro", 1}, {"price_pro_more", 1}}), "nothing");
  EXPECT_EQ(Coming({{"price_pro", 1}, {"price_pro_more", 1}}, {{"price_pro_more", 1}}), "price_pro_more x1");
}

}  // namespace
}  // namespace billsync::billing
