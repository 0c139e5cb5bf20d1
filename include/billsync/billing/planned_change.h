// What a subscription will become, by its schedule.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/billing/plan_map.h"

namespace billsync::billing {

struct PlannedItem {
  std::string price;
  std::optional<std::int64_t> quantity = std::nullopt;  // none for metered prices, and where it is not known
};

struct PlannedPhase {
  std::optional<Instant> start, end;  // half-open
  std::vector<PlannedItem> items;
};

// A schedule that is attached to a subscription.
struct ScheduleFacts {
  std::string id;
  std::string status;  // Stripe's text
  std::optional<std::string> end_behavior;
  std::vector<PlannedPhase> phases;  // by start
  Instant as_of;                     // of the event that set it
};

// What of the subscription's row decides whether a phase is a change. The price is none when it has no items.
struct PresentPlan {
  std::string price;
  Tier tier = Tier::kFree;
  Instant as_of;
  std::vector<PlannedItem> items = {};
};

struct PlannedChange {
  Instant at;
  std::optional<std::string> price;                     // none: the subscription ends
  std::optional<Tier> tier;                             // free when it ends; none while no plan maps the price
  std::optional<std::int64_t> quantity = std::nullopt;  // of that price, if the phase says it

  bool operator==(const PlannedChange&) const = default;
};

// The first coming phase that changes something: the tier, the price that decides it, or how many of a price the
// subscription has now. Prices of one tier decide alike, so none changes while the present one is among them. Where
// only a number changes, its price is named. When no phase changes anything, the end of the last one if the
// subscription is to be canceled then. A phase that began before the newest event of either is no plan any more. Only a
// schedule that is active or not started plans anything. Pure.
std::optional<PlannedChange> FindPlannedChange(const ScheduleFacts& schedule, const PresentPlan& present,
                                               const std::function<PriceMeaning(const std::string& price)>& meaning);

}  // namespace billsync::billing
