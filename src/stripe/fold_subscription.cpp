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

Rules<Subscription> SubscriptionRules() {
  return {
      .use = EventUse::kSubscription,
      .decode = DecodeSubscription,
      .id = [](const Subscription& s) { return s.id; },
      .terminal = [](const Subscription& s) { return IsTerminalSubscriptionStatus(s.status); },
      // incomplete is left once and never entered again; all other live states can follow each other.
      .status_rank = [](const Subscription& s) { return s.status == "incomplete" ? 0 : 1; },
      .progress =
          [](const Subscription& s) {
            return std::array<std::int64_t, 2>{PeriodStart(s), 0};
          },
  };
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
  Inherit(folded, "customer", &Subscription::customer);
  Inherit(folded, "currency", &Subscription::currency);
  Inherit(folded, "created", &Subscription::created);
  Inherit(folded, "start_date", &Subscription::start_date);
  Inherit(folded, "items", &Subscription::items);
  Inherit(folded, "period_start", &Subscription::period_start);
  Inherit(folded, "period_end", &Subscription::period_end);
  Inherit(folded, "billing_cycle_anchor", &Subscription::billing_cycle_anchor);
  Inherit(folded, "ended_at", &Subscription::ended_at);
  Inherit(folded, "latest_invoice", &Subscription::latest_invoice);
  Inherit(folded, "collection_method", &Subscription::collection_method);
  if (IsTerminalSubscriptionStatus(folded.current.status)) {
    folded.deleted = true;
    // Once it is over a cancellation cannot be taken back any more.
    Inherit(folded, "canceled_at", &Subscription::canceled_at);
  } else if (folded.deleted) {
    folded.current.status = "canceled";
  }
  folded.past_due_since = folded.deleted ? std::nullopt : PastDueSince(folded.order);
  return result;
}

}  // namespace billsync::stripe
