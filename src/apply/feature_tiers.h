// What Stripe's active entitlements give each user: a second source of tiers beside subscriptions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "billsync/billing/plan_map.h"
#include "billsync/db/session.h"

namespace billsync::apply {

// The features of all of a user's customers together.
struct FeatureTier {
  billing::Tier tier = billing::Tier::kFree;
  // Stripe may have more than was listed: then these features can raise a tier and not take one away.
  bool truncated = false;
  std::string cause = "no feature of a plan";
  std::optional<std::string> event;  // the one the deciding list was taken from
};

// By user; only users that have a customer of whom Stripe told the features, and nobody while no plan names any. A
// deleted customer has none.
std::map<std::string, FeatureTier> ReadFeatureTiers(db::Transaction& tx, const std::vector<std::string>& user_ids,
                                                    const billing::PlanMap& plans);

}  // namespace billsync::apply
