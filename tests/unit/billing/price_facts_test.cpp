#include "billsync/billing/price_facts.h"

#include <gtest/gtest.h>

namespace billsync::billing {
namespace {

const Instant kEarlier = *ParseInstant("2026-11-01T00:00:00Z");
const Instant kAt = *ParseInstant("2026-11-02T00:00:00Z");
const Instant kLater = *ParseInstant("2026-11-03T00:00:00Z");

std::string Said(const std::optional<std::string>& text) {
  return text.value_or("-");
}

// "product lookup_key metadata_tier product_tier | past keys | past tiers"
std::string Said(const PriceFacts& facts) {
  std::string said = Said(facts.product) + " " + Said(facts.lookup_key) + " " + Said(facts.metadata_tier) + " " +
                     Said(facts.product_tier) + " |";
  for (const auto& key : facts.past_lookup_keys) said += " " + key;
  said += " |";
  for (const auto& tier : facts.past_metadata_tiers) said += " " + tier;
  return said;
}

TEST(PriceFacts, TakeTheWordOfWhoeverSpokeLast) {
  const PriceFacts shown{"price_1", "prod_1", "key_shown", "pro"};
  const PriceFacts bare{"price_1", {}, {}, {}};
  const auto catalog = [](Instant at, std::optional<std::string> key, std::optional<std::string> tier,
                          std::vector<std::string> past = {}) {
    return std::optional(CatalogPrice{at, "prod_1", std::move(key), std::move(tier), std::move(past)});
  };
  const std::vector<std::string> own = {"key_own", "key_shown"};
  const struct {
    const char* what;
    PriceFacts facts;
    const char* said;
  } cases[] = {
      {"no catalog", FactsOf(shown, kAt, {}, {}, {}), "prod_1 key_shown pro - | |"},
      {"no catalog, other snapshots", FactsOf(shown, kAt, {}, {}, own), "prod_1 key_shown pro - | key_own |"},
      {"an older catalog", FactsOf(shown, kAt, catalog(kEarlier, "key_cat", "enterprise"), {}, {}),
       "prod_1 key_shown pro - | key_cat | enterprise"},
      {"a catalog of the same second", FactsOf(shown, kAt, catalog(kAt, "key_cat", "enterprise"), {}, {}),
       "prod_1 key_shown pro - | key_cat | enterprise"},
      {"a newer catalog", FactsOf(shown, kAt, catalog(kLater, "key_cat", "enterprise"), {}, {}),
       "prod_1 key_cat enterprise - | key_shown | pro"},
      {"the key moved away", FactsOf(shown, kAt, catalog(kLater, {}, "enterprise", {"key_shown", "key_0"}), {}, {}),
       "prod_1 - enterprise - | key_shown key_0 | pro"},
      {"an older catalog fills what is missing",
       FactsOf(bare, kAt, catalog(kEarlier, "key_cat", "pro", {"key_0"}), "enterprise", {}),
       "prod_1 key_cat pro enterprise | key_0 |"},
      {"the key came back", FactsOf(shown, kAt, catalog(kLater, "key_shown", {}, {"key_0", "key_shown"}), {}, own),
       "prod_1 key_shown - - | key_0 key_own | pro"},
      {"the product alone says it", FactsOf(bare, kAt, {}, "pro", {}), "- - - pro | |"},
  };
  for (const auto& c : cases) EXPECT_EQ(Said(c.facts), c.said) << c.what;
}

}  // namespace
}  // namespace billsync::billing
