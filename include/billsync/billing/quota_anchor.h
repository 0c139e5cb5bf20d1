// On which day of the month a paying user's quota begins anew.
#pragma once

#include <optional>
#include <string>

#include "billsync/base/instant.h"

namespace billsync::billing {

// The day (1-31, UTC) a user is billed on, from the billing_cycle_anchor of the subscription that entitles. Months too
// short for it have their last day, as Stripe does it. None when there is no anchor, or when the price is billed by the
// day or week and so has no day of the month. `interval`: Stripe's text; none counts as monthly. `configured`: the day
// (1-31) of billing_cycle_anchor_config, which the anchor cannot show when its month is too short for it (31
// configured, anchor 30 Nov); it counts where it leads to the anchor's day, else it belongs to an anchor that is no
// more. Pure.
std::optional<int> BillingDay(std::optional<Instant> billing_cycle_anchor, const std::optional<std::string>& interval,
                              std::optional<int> configured = std::nullopt);

}  // namespace billsync::billing
