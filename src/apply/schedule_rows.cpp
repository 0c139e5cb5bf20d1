#include "schedule_rows.h"

#include <algorithm>
#include <set>

#include "apply/schedules_sql.h"
#include "billsync/base/json_writer.h"
#include "reviews.h"

namespace billsync::apply {
namespace {

using Schedule = stripe::SubscriptionSchedule;

std::string PhasesJson(const Schedule& schedule) {
  const auto text = [](std::optional<Instant> at) { return at ? std::optional(FormatInstant(*at)) : std::nullopt; };
  JsonArray phases;
  for (const auto& phase : schedule.phases) {
    JsonArray prices, quantities;  // side by side
    for (const auto& item : phase.items) {
      if (!item.price) continue;
      prices.AddRaw(JsonQuote(*item.price));
      quantities.AddRaw(item.quantity ? std::to_string(*item.quantity) : "null");
    }
    phases.AddRaw(JsonObject()
                      .Add("start", text(phase.start))
                      .Add("end", text(phase.end))
                      .AddRaw("prices", prices.Text())
                      .AddRaw("quantities", quantities.Text())
                      .Text());
  }
  return phases.Text();
}

std::optional<std::string> SubscriptionOf(const Schedule& schedule) {
  return schedule.subscription ? schedule.subscription : schedule.released_subscription;
}

}  // namespace

void WriteSchedules(db::Transaction& tx, const std::vector<ScheduleWork>& work) {
  if (work.empty()) return;
  db::ArrayColumns rows(12);
  for (const auto& one : work) {
    const Schedule& s = one.fold.current;
    const auto& winner = one.fold.order.back();
    rows.AddRow(db::Params::Of(s.id, s.customer, SubscriptionOf(s), s.status, s.current_phase_start,
                               s.current_phase_end, s.end_behavior, PhasesJson(s), s.livemode, winner.event_id,
                               winner.created, one.fold.needs_refetch));
  }
  std::set<std::string> changed;
  for (const db::Row row : tx.Exec(sql::kUpsertSchedules, rows.ToParams())) changed.insert(row.Text("schedule_id"));
  std::set<std::string> subscriptions;
  for (const auto& one : work) {
    if (!changed.contains(one.fold.current.id)) continue;
    for (const auto& known : one.fold.order) {
      if (const auto id = SubscriptionOf(known.snapshot)) subscriptions.insert(*id);
    }
  }
  LookAgain(tx, {subscriptions.begin(), subscriptions.end()});
}

Schedules ReadSchedules(db::Transaction& tx, const std::vector<std::string>& subscription_ids) {
  Schedules schedules;
  int64_t phase = 0;  // of the line before; counted from 1
  for (const db::Row row : tx.Exec(sql::kReadSchedules, db::Params::Of(subscription_ids))) {
    auto& own = schedules[row.Text("stripe_subscription_id")];
    if (own.empty() || own.back().id != row.View("schedule_id")) {
      own.push_back(
          {row.Text("schedule_id"), row.Text("status"), row.OptText("end_behavior"), {}, row.At("last_event_created")});
      phase = 0;
    }
    const auto number = row.OptInt("phase");
    if (!number) continue;
    auto& phases = own.back().phases;
    if (phase != *number) phases.push_back({row.OptAt("phase_start"), row.OptAt("phase_end"), {}});
    phase = *number;
    if (const auto price = row.OptText("price")) phases.back().items.push_back({*price, row.OptInt("quantity")});
  }
  return schedules;
}

const billing::ScheduleFacts* ScheduleOf(const stripe::FoldedSubscription& fold,
                                         const std::vector<billing::ScheduleFacts>& schedules) {
  if (fold.deleted) return nullptr;
  const auto& named = fold.current.schedule;
  const billing::ScheduleFacts* best = nullptr;
  for (const auto& one : schedules) {
    if (named == one.id) return &one;
    const bool was_named =
        std::ranges::any_of(fold.order, [&](const auto& known) { return known.snapshot.schedule == one.id; });
    const bool let_go = fold.order.back().created > one.as_of && (named || was_named);
    if (!let_go && (best == nullptr || one.as_of > best->as_of)) best = &one;
  }
  return best;
}

}  // namespace billsync::apply
