#include <algorithm>

#include "fold.h"

namespace billsync::stripe {
namespace {

// The latest start among the items; the top-level period if there are none.
std::int64_t PeriodStart(const Subscription& subscription) {
  std::int64_t latest = subscription.period_start ? UnixSeconds(*subscription.period_start) : 0;
  for (const auto& item : subscription.items) {
    if (item.period_start) latest = std::max<std::int64_t>(latest, UnixSeconds(*item.period_start));
  }
  return latest;
}

bool IsOver(const Subscription& subscription) {
  return IsTerminalSubscriptionStatus(subscription.status);
}

std::vector<Column<Subscription>> SubscriptionColumns() {
  return {
      Newest("customer", &Subscription::customer),
      Newest("currency", &Subscription::currency),
      Newest("created", &Subscription::created),
      Newest("start_date", &Subscription::start_date),
      Newest("items", &Subscription::items),
      Newest("period_start", &Subscription::period_start),
      Newest("period_end", &Subscription::period_end),
      Newest("billing_cycle_anchor", &Subscription::billing_cycle_anchor),
      Newest("ended_at", &Subscription::ended_at),
      Newest("latest_invoice", &Subscription::latest_invoice),
      Newest("collection_method", &Subscription::collection_method),
      // Once it is over a cancellation cannot be taken back any more.
      OnlyWhen([](const Folded<Subscription>& f) { return IsOver(f.current); },
               Newest("canceled_at", &Subscription::canceled_at)),
  };
}

const Rules<Subscription>& SubscriptionRules() {
  static const Rules<Subscription> rules{
      .use = EventUse::kSubscription,
      .decode = DecodeSubscription,
      .id = [](const Subscription& s) { return s.id; },
      .terminal = IsOver,
      .ended = IsOver,
      // incomplete is left once and never entered again; all other live states can follow each other.
      .status_rank = [](const Subscription& s) { return s.status == "incomplete" ? 0 : 1; },
      .progress =
          [](const Subscription& s) {
            return std::array<std::int64_t, 2>{PeriodStart(s), 0};
          },
      .columns = SubscriptionColumns(),
  };
  return rules;
}

// The start of the unbroken past_due stretch that the order ends with.
std::optional<Instant> PastDueSince(const std::vector<Ordered<Subscription>>& order) {
  std::optional<Instant> since;
  for (auto at = order.rbegin(); at != order.rend() && at->snapshot.status == "past_due"; ++at) {
    since = std::min(since.value_or(at->created), at->created);
  }
  return since;
}

}  // namespace

FoldResult<FoldedSubscription> FoldSubscription(std::span<const StoredEvent> events) {
  auto result = FoldBy<FoldedSubscription>(events, SubscriptionRules());
  if (!result) return result;
  FoldedSubscription& folded = *result;
  if (folded.deleted && !IsOver(folded.current)) folded.current.status = "canceled";
  folded.past_due_since = folded.deleted ? std::nullopt : PastDueSince(folded.order);
  return result;
}

}  // namespace billsync::stripe
