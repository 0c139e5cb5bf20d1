// A subscription schedule as one snapshot shows it: the only place where Stripe says what a subscription will become.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/stripe/json.h"

namespace billsync::stripe {

struct SchedulePhaseItem {
  std::optional<std::string> price;  // the id; legacy `plan` reads as price
  std::optional<std::int64_t> quantity;

  bool operator==(const SchedulePhaseItem&) const = default;
};

// Half-open in time.
struct SchedulePhase {
  std::optional<Instant> start;
  std::optional<Instant> end;
  std::vector<SchedulePhaseItem> items;  // by price: Stripe's order means nothing

  bool operator==(const SchedulePhase&) const = default;
};

struct SubscriptionSchedule {
  std::string id;
  std::optional<std::string> customer;
  std::optional<std::string> subscription;           // none before it starts and after it was released
  std::optional<std::string> released_subscription;  // what it was released from
  std::string status;                                // not_started, active, completed, released, canceled
  std::optional<Instant> current_phase_start;
  std::optional<Instant> current_phase_end;
  std::vector<SchedulePhase> phases;        // by start
  std::optional<std::string> end_behavior;  // release, cancel, none, renew
  std::optional<Instant> created;
  bool livemode = false;

  bool operator==(const SubscriptionSchedule&) const = default;
};

// Final for Stripe: completed, released, canceled.
bool IsEndedSchedule(std::string_view status);

// Reads data.object; as DecodeSubscription.
tl::expected<SubscriptionSchedule, std::string> DecodeSubscriptionSchedule(JsonValue object);

// The phase that follows the current one, while the schedule is active; none when nothing more is planned. What happens
// after the last phase is `end_behavior`. Pure.
std::optional<SchedulePhase> NextPhase(const SubscriptionSchedule& schedule);

}  // namespace billsync::stripe
