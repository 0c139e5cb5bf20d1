// Which price buys which tier.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace billsync::billing {

// users.plan_tier, lowest first.
enum class Tier { kFree, kPro, kEnterprise };

// "free", "pro", "enterprise": the labels of the platform's enum plan_tier.
std::string_view Name(Tier tier);
std::optional<Tier> ParseTier(std::string_view name);

// One [[plan]] of the configuration.
struct Plan {
  Tier tier = Tier::kFree;
  int32_t monthly_runs_quota = 0;
  std::vector<std::string> prices, products, lookup_keys;
  std::vector<std::string> features = {};  // lookup keys of Stripe's features (active entitlements)
};

// What is known of a price: by the subscription item that has it, and by Stripe's catalog (price_facts.h).
struct PriceFacts {
  std::string id;
  std::optional<std::string> product, lookup_key, metadata_tier;
  std::optional<std::string> product_tier = std::nullopt;  // plan_tier in the metadata of its product
  // What was said of it once and is said no more, the newest first. Who bought the price then keeps what it meant.
  std::vector<std::string> past_lookup_keys = {};
  std::vector<std::string> past_metadata_tiers = {};
};

// A price that carries no tier (seats, extra storage).
struct AddOn {};
// A price no plan mentions.
struct UnknownPrice {
  std::string id;
};
using PriceMeaning = std::variant<Tier, AddOn, UnknownPrice>;

// Immutable.
class PlanMap {
 public:
  // The configuration has been checked: no price, product, lookup key or feature buys two tiers.
  PlanMap(const std::vector<Plan>& plans, const std::vector<std::string>& add_ons);

  // First that holds: the price's id, then an add-on, its product, its lookup key, `plan_tier` in its metadata, in that
  // of its product, and last its past lookup keys and past metadata.
  PriceMeaning Meaning(const PriceFacts& price) const;

  // The highest tier among `prices`; the first unknown one if there is any; free when all are add-ons.
  std::variant<Tier, UnknownPrice> TierOf(std::span<const PriceFacts> prices) const;

  // The tier a feature of Stripe's active entitlements stands for, by its lookup key; none when no plan names it.
  std::optional<Tier> FeatureTier(std::string_view lookup_key) const;
  // False: features decide nothing.
  bool NamesFeatures() const { return !features_.empty(); }

  // Completed runs a month.
  int32_t Quota(Tier tier) const { return quotas_[static_cast<size_t>(tier)]; }

 private:
  std::map<std::string, Tier, std::less<>> prices_, products_, lookup_keys_, features_;
  std::map<std::string, AddOn, std::less<>> add_ons_;
  std::array<int32_t, 3> quotas_{100, 1000, 10000};  // the platform's own, where no [[plan]] says otherwise
};

}  // namespace billsync::billing
