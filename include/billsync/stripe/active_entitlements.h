// The features a customer is entitled to, as entitlements.active_entitlement_summary.updated shows them: the whole
// current set each time. The object has no id of its own; the customer is what it is kept under.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "billsync/stripe/json.h"

namespace billsync::stripe {

struct ActiveEntitlements {
  std::string customer;
  std::vector<std::string> lookup_keys;  // of the features, sorted, each once
  bool truncated = false;                // Stripe has more than the snapshot lists
  bool livemode = false;

  bool operator==(const ActiveEntitlements&) const = default;
};

// What data.object.object says of such a summary.
inline constexpr std::string_view kActiveEntitlementsType = "entitlements.active_entitlement_summary";

// The id under which the summaries of a customer are stored and folded: "entitlements:cus_…". Stripe's own ids hold no
// colon.
std::string EntitlementsObjectId(std::string_view customer);

// Reads data.object; as DecodeSubscription.
tl::expected<ActiveEntitlements, std::string> DecodeActiveEntitlements(JsonValue object);

}  // namespace billsync::stripe
