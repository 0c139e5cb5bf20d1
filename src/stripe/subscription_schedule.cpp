#include "billsync/stripe/subscription_schedule.h"

#include <algorithm>
#include <tuple>

#include "field_reader.h"

namespace billsync::stripe {
namespace {

SchedulePhaseItem DecodeItem(FieldReader item) {
  SchedulePhaseItem decoded;
  decoded.price = item.FirstReference("price", "plan");
  decoded.quantity = item.Int("quantity");
  return decoded;
}

SchedulePhase DecodePhase(FieldReader phase) {
  SchedulePhase decoded;
  decoded.start = phase.Time("start_date");
  decoded.end = phase.Time("end_date");
  // The oldest renderings call the items plans.
  const std::string_view key = phase.Raw("items").IsNull() ? "plans" : "items";
  for (const FieldReader& item : phase.List(key)) decoded.items.push_back(DecodeItem(item));
  std::ranges::sort(decoded.items, {}, [](const auto& item) { return std::tie(item.price, item.quantity); });
  return decoded;
}

}  // namespace

bool IsEndedSchedule(std::string_view status) {
  return status == "completed" || status == "released" || status == "canceled";
}

tl::expected<SubscriptionSchedule, std::string> DecodeSubscriptionSchedule(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind("subscription_schedule");
  SubscriptionSchedule decoded;
  decoded.id = source.RequiredText("id");
  decoded.customer = source.FirstReference("customer", "customer_account");
  decoded.subscription = source.Reference("subscription");
  decoded.released_subscription = source.Reference("released_subscription");
  decoded.status = source.RequiredText("status");
  FieldReader current = source.Child("current_phase");
  decoded.current_phase_start = current.Time("start_date");
  decoded.current_phase_end = current.Time("end_date");
  for (const FieldReader& phase : source.List("phases")) decoded.phases.push_back(DecodePhase(phase));
  std::ranges::stable_sort(decoded.phases, {}, &SchedulePhase::start);
  decoded.end_behavior = source.Text("end_behavior");
  decoded.created = source.Time("created");
  decoded.livemode = source.Flag("livemode");
  if (!fault.empty()) return tl::unexpected(fault);
  return decoded;
}

std::optional<SchedulePhase> NextPhase(const SubscriptionSchedule& schedule) {
  if (schedule.status != "active" || !schedule.current_phase_start) return std::nullopt;
  const auto next = std::ranges::find_if(
      schedule.phases, [&](const SchedulePhase& phase) { return phase.start > schedule.current_phase_start; });
  return next == schedule.phases.end() ? std::nullopt : std::optional(*next);
}

}  // namespace billsync::stripe
