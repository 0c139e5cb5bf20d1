#include "billsync/billing/plan_map.h"

#include <algorithm>

namespace billsync::billing {
namespace {

std::optional<Tier> Find(const std::map<std::string, Tier, std::less<>>& map, const std::optional<std::string>& key) {
  const auto found = key ? map.find(*key) : map.end();
  return found == map.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::string_view Name(Tier tier) {
  switch (tier) {
    case Tier::kFree:
      return "free";
    case Tier::kPro:
      return "pro";
    case Tier::kEnterprise:
      return "enterprise";
  }
  return "";
}

std::optional<Tier> ParseTier(std::string_view name) {
  for (const Tier tier : {Tier::kFree, Tier::kPro, Tier::kEnterprise}) {
    if (name == Name(tier)) return tier;
  }
  return std::nullopt;
}

PlanMap::PlanMap(const std::vector<Plan>& plans, const std::vector<std::string>& add_ons) {
  for (const Plan& plan : plans) {
    quotas_[static_cast<size_t>(plan.tier)] = plan.monthly_runs_quota;
    for (const auto& id : plan.prices) prices_.emplace(id, plan.tier);
    for (const auto& id : plan.products) products_.emplace(id, plan.tier);
    for (const auto& key : plan.lookup_keys) lookup_keys_.emplace(key, plan.tier);
    for (const auto& key : plan.features) features_.emplace(key, plan.tier);
  }
  for (const auto& id : add_ons) add_ons_.emplace(id, AddOn{});
}

PriceMeaning PlanMap::Meaning(const PriceFacts& price) const {
  if (const auto tier = Find(prices_, price.id)) return *tier;
  if (add_ons_.contains(price.id)) return AddOn{};
  if (const auto tier = Find(products_, price.product)) return *tier;
  if (const auto tier = Find(lookup_keys_, price.lookup_key)) return *tier;
  for (const auto& text : {price.metadata_tier, price.product_tier}) {
    if (const auto tier = text ? ParseTier(*text) : std::nullopt) return *tier;
  }
  for (const auto& key : price.past_lookup_keys) {
    if (const auto tier = Find(lookup_keys_, key)) return *tier;
  }
  for (const auto& text : price.past_metadata_tiers) {
    if (const auto tier = ParseTier(text)) return *tier;
  }
  return UnknownPrice{price.id};
}

std::optional<Tier> PlanMap::FeatureTier(std::string_view lookup_key) const {
  const auto found = features_.find(lookup_key);
  return found == features_.end() ? std::nullopt : std::optional(found->second);
}

std::variant<Tier, UnknownPrice> PlanMap::TierOf(std::span<const PriceFacts> prices) const {
  Tier highest = Tier::kFree;
  for (const PriceFacts& price : prices) {
    const PriceMeaning meaning = Meaning(price);
    if (const auto* unknown = std::get_if<UnknownPrice>(&meaning)) return *unknown;
    if (const auto* tier = std::get_if<Tier>(&meaning)) highest = std::max(highest, *tier);
  }
  return highest;
}

}  // namespace billsync::billing
