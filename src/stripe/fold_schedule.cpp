#include "essential.h"
#include "fold.h"

namespace billsync::stripe {
namespace {

bool IsOver(const SubscriptionSchedule& schedule) {
  return IsEndedSchedule(schedule.status);
}

const Rules<SubscriptionSchedule>& ScheduleRules() {
  using S = SubscriptionSchedule;
  static const Rules<S> rules{
      .use = EventUse::kSchedule,
      .decode = DecodeSubscriptionSchedule,
      .id = [](const S& s) { return s.id; },
      .terminal = IsOver,
      .ended = IsOver,
      .status_rank = [](const S& s) { return s.status == "not_started" ? 0 : 1; },
      // A later phase is a later moment.
      .progress =
          [](const S& s) {
            const auto phase = s.current_phase_start ? UnixSeconds(*s.current_phase_start) : 0;
            return std::array<std::int64_t, 2>{phase, 0};
          },
      // `subscription` goes away on purpose when the schedule lets go of it.
      .columns = {Newest("customer", &S::customer), Newest("released_subscription", &S::released_subscription),
                  Newest("phases", &S::phases), Newest("end_behavior", &S::end_behavior),
                  Newest("created", &S::created)},
      // Every subscription it was for is looked at again when it changes.
      .marks =
          [](const S& s, Instant) {
            std::vector<std::string> subscriptions;
            for (const auto& id : {s.subscription, s.released_subscription}) {
              if (id) subscriptions.push_back(*id);
            }
            return subscriptions;
          },
  };
  return rules;
}

}  // namespace

FoldResult<Folded<SubscriptionSchedule>> FoldSchedule(std::span<const StoredEvent> events) {
  return FoldBy<Folded<SubscriptionSchedule>>(events, ScheduleRules());
}

std::vector<std::string> EssentialOfSchedule(std::span<const StoredEvent> events) {
  return EssentialBy(events, ScheduleRules());
}

}  // namespace billsync::stripe
