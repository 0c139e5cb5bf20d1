#include "billsync/billing/plan_map.h"

#include <gtest/gtest.h>

namespace billsync::billing {
namespace {

std::string Said(const PriceMeaning& meaning) {
  if (const auto* tier = std::get_if<Tier>(&meaning)) return std::string(Name(*tier));
  if (std::holds_alternative<AddOn>(meaning)) return "add-on";
  return "unknown " + std::get<UnknownPrice>(meaning).id;
}

std::string Said(const std::variant<Tier, UnknownPrice>& tier) {
  if (const auto* known = std::get_if<Tier>(&tier)) return std::string(Name(*known));
  return "unknown " + std::get<UnknownPrice>(tier).id;
}

PlanMap Map() {
  return PlanMap({{Tier::kPro, 1000, {"price_pro"}, {"prod_pro"}, {"key_pro"}},
                  {Tier::kEnterprise, 20000, {"price_ent"}, {"prod_ent"}, {"key_ent"}}},
                 {"price_seat"});
}

TEST(PlanMap, TakesTheFirstOfPriceAddOnProductLookupKeyAndMetadata) {
  const PlanMap map = Map();
  const struct {
    PriceFacts price;
    const char* meaning;
  } cases[] = {
      {{"price_pro", "prod_ent", "key_ent", "enterprise"}, "pro"},
      {{"price_seat", "prod_ent", "key_ent", "enterprise"}, "add-on"},
      {{"price_x", "prod_ent", "key_pro", "pro"}, "enterprise"},
      {{"price_x", "prod_x", "key_pro", "enterprise"}, "pro"},
      {{"price_x", "prod_x", "key_x", "enterprise"}, "enterprise"},
      {{"price_x", std::nullopt, std::nullopt, "free"}, "free"},
      {{"price_x", "prod_x", "key_x", "gold"}, "unknown price_x"},
      {{"price_x", "prod_x", "key_x", "Pro"}, "unknown price_x"},
      {{"price_x", "prod_x", "key_x", std::nullopt}, "unknown price_x"},
      {{"price_x", std::nullopt, std::nullopt, std::nullopt}, "unknown price_x"},
      {{"price_x", "prod_x", "key_x", "enterprise", "pro"}, "enterprise"},
      {{"price_x", "prod_x", "key_x", "gold", "pro"}, "pro"},
      // What was said once counts last.
      {{"price_x", "prod_x", "key_x", std::nullopt, "pro", {"key_ent"}}, "pro"},
      {{"price_x", "prod_x", "key_x", std::nullopt, "gold", {"key_0", "key_ent", "key_pro"}, {"pro"}}, "enterprise"},
      {{"price_x", "prod_x", "key_x", std::nullopt, std::nullopt, {"key_0"}, {"gold", "pro"}}, "pro"},
      // An id of one kind does not count as another.
      {{"prod_pro", "price_pro", "price_pro", std::nullopt}, "unknown prod_pro"},
      {{"PRICE_PRO", std::nullopt, std::nullopt, std::nullopt}, "unknown PRICE_PRO"},
  };
  for (const auto& c : cases) EXPECT_EQ(Said(map.Meaning(c.price)), c.meaning) << c.price.id;
}

TEST(PlanMap, GivesTheHighestTierOfSeveralPrices) {
  const PlanMap map = Map();
  const PriceFacts pro{"price_pro", {}, {}, {}}, ent{"price_ent", {}, {}, {}}, seat{"price_seat", {}, {}, {}};
  const auto tier = [&](std::vector<PriceFacts> prices) { return Said(map.TierOf(prices)); };
  EXPECT_EQ(tier({pro}), "pro");
  EXPECT_EQ(tier({pro, seat}), "pro");
  EXPECT_EQ(tier({seat, ent, pro}), "enterprise");
  EXPECT_EQ(tier({seat}), "free");
  EXPECT_EQ(tier({}), "free");
}

TEST(PlanMap, NamesTheFirstUnknownPriceWhateverStandsBesideIt) {
  const PlanMap map = Map();
  const PriceFacts ent{"price_ent", {}, {}, {}}, x{"price_x", {}, {}, {}}, y{"price_y", {}, {}, {}};
  EXPECT_EQ(Said(map.TierOf(std::vector{ent, x, y})), "unknown price_x");
  EXPECT_EQ(Said(map.TierOf(std::vector{x, ent})), "unknown price_x");
}

TEST(PlanMap, KeepsThePlatformsQuotaWhereNoPlanSaysOtherwise) {
  EXPECT_EQ(Map().Quota(Tier::kFree), 100);
  EXPECT_EQ(Map().Quota(Tier::kPro), 1000);
  EXPECT_EQ(Map().Quota(Tier::kEnterprise), 20000);
  EXPECT_EQ(PlanMap({}, {}).Quota(Tier::kEnterprise), 10000);
}

TEST(Tier, IsSpelledAsThePlatformsEnum) {
  EXPECT_EQ(ParseTier("free"), Tier::kFree);
  EXPECT_EQ(ParseTier("pro"), Tier::kPro);
  EXPECT_EQ(ParseTier("enterprise"), Tier::kEnterprise);
  for (const char* text : {"", "Free", "PRO", "pro ", "business"}) EXPECT_FALSE(ParseTier(text)) << text;
  EXPECT_LT(Tier::kFree, Tier::kPro);
  EXPECT_LT(Tier::kPro, Tier::kEnterprise);
}

}  // namespace
}  // namespace billsync::billing
