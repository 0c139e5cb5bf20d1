// The features a customer is entitled to, as entitlements.active_entitlement_summary.updated shows them: the whole
// current set each time. The object has no id of its own; the customer is what it is kept under.
#pragma once

#include <string>
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

// Reads data.object; as DecodeSubscription.
tl::expected<ActiveEntitlements, std::string> DecodeActiveEntitlements(JsonValue object);

}  // namespace billsync::stripe
