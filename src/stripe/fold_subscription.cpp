#include <algorithm>
#include <chrono>
#include <set>

#include "essential.h"
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

// The list and whether it is whole belong together.
Column<Subscription> ItemsColumn() {
  return {.name = "items",
          .rank = [](const Subscription& s) { return s.items.empty() ? 0 : 1; },
          .take =
              [](Subscription& to, const Subscription& from) {
                to.items = from.items;
                to.items_truncated = from.items_truncated;
              }};
}

std::vector<Column<Subscription>> SubscriptionColumns() {
  return {
      Newest("customer", &Subscription::customer),
      Newest("currency", &Subscription::currency),
      Newest("created", &Subscription::created),
      Newest("start_date", &Subscription::start_date),
      ItemsColumn(),
      Newest("period_start", &Subscription::period_start),
      Newest("period_end", &Subscription::period_end),
      Newest("billing_cycle_anchor", &Subscription::billing_cycle_anchor),
      // Older versions do not show it. Whether it belongs to the anchor is asked where it is used.
      Newest("billing_day", &Subscription::billing_day),
      Newest("ended_at", &Subscription::ended_at),
      Newest("latest_invoice", &Subscription::latest_invoice),
      Newest("collection_method", &Subscription::collection_method),
      // Once it is over a cancellation cannot be taken back any more.
      OnlyWhen([](const Folded<Subscription>& f) { return IsOver(f.current); },
               Newest("canceled_at", &Subscription::canceled_at)),
  };
}

bool IsPastDue(const Subscription& subscription) {
  return subscription.status == "past_due";
}

// Of an item, what can decide the tier it buys. Texts Stripe sends hold no NUL.
std::string PriceFacts(const Price& price) {
  const std::string nul(1, '\0');
  return price.id + nul + price.product.value_or("") + nul + price.lookup_key.value_or("") + nul +
         price.plan_tier.value_or("");
}

bool IsCollected(const Subscription& subscription) {
  return (subscription.status == "active" || subscription.status == "trialing") && !subscription.pause_collection;
}

std::string Joined(const std::set<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += text + '\1';
  return all;
}

std::string InvoiceOf(const Subscription& subscription) {
  return subscription.latest_invoice ? " billed by " + *subscription.latest_invoice : "";
}

// The tier is decided later, with a plan map and a catalog that may change: by the newest snapshot whose prices are all
// mapped; until the period it paid for is over by the highest that was paid, of each invoice; and whether that was
// paid, by the newest that was not.
void MarkTier(const Subscription& subscription, Instant winner, std::vector<std::string>& marks) {
  if (subscription.items.empty()) return;
  std::set<std::string> prices, periods;
  bool lasts = false;
  for (const auto& item : subscription.items) {
    prices.insert(PriceFacts(item.price));
    const auto end = item.period_end ? item.period_end : subscription.period_end;
    if (!end) continue;
    periods.insert(PriceFacts(item.price) + " until " + std::to_string(UnixSeconds(*end)));
    lasts |= *end > winner;
  }
  const std::string part = subscription.items_truncated ? "part of " : "";
  marks.push_back(part + "prices " + Joined(prices));
  if (!IsCollected(subscription)) marks.push_back(part + "unpaid " + Joined(prices));
  if (lasts && IsCollected(subscription)) {
    marks.push_back(part + subscription.status + Joined(prices) + Joined(periods) + InvoiceOf(subscription));
  }
}

// Which tier an invoice is for is told by the first snapshots that name it, while what they show still runs.
std::vector<std::string> SubscriptionFirstMarks(const Subscription& subscription, Instant winner) {
  auto marks = UserNamedIn(subscription.metadata);
  std::set<std::string> periods;
  bool lasts = false;
  for (const auto& item : subscription.items) {
    const auto end = item.period_end ? item.period_end : subscription.period_end;
    periods.insert(PriceFacts(item.price) + (end ? " until " + std::to_string(UnixSeconds(*end)) : ""));
    lasts |= end && *end > winner;
  }
  if (lasts && !subscription.items_truncated) marks.push_back(Joined(periods) + InvoiceOf(subscription));
  return marks;
}

// Only such a snapshot tells which items there are. The one item of a legacy plan has no id.
bool ListsItems(const Subscription& subscription) {
  return !subscription.items.empty() && !subscription.items.front().id.empty();
}

std::vector<std::string> SubscriptionMarks(const Subscription& subscription, Instant winner) {
  std::vector<std::string> marks;
  MarkTier(subscription, winner, marks);
  // A schedule that it was once named with has let it go since.
  if (subscription.schedule) marks.push_back("schedule " + *subscription.schedule);
  if (!ListsItems(subscription)) return marks;
  if (!subscription.items_truncated) {
    marks.emplace_back("all items");
  } else {
    for (const auto& item : subscription.items) marks.push_back("item " + item.id);
  }
  return marks;
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
      .dated_state = IsPastDue,
      .marks = SubscriptionMarks,
      // Whom it belongs to is told by what named a user first.
      .first_marks = SubscriptionFirstMarks,
  };
  return rules;
}

// The start of the unbroken past_due stretch that the order ends with, in whole seconds as Stripe's stamps are.
std::optional<Instant> PastDueSince(const std::vector<Ordered<Subscription>>& order) {
  std::optional<Instant> since;
  for (auto at = order.rbegin(); at != order.rend() && IsPastDue(at->snapshot); ++at) {
    const Instant second = std::chrono::floor<std::chrono::seconds>(at->created);
    since = std::min(since.value_or(second), second);
  }
  return since;
}

// Where Stripe lists only the first items, the others are those that older snapshots show, back to the newest that
// shows all.
void CompleteItems(FoldedSubscription& folded) {
  if (!folded.current.items_truncated) return;
  folded.items_incomplete = true;
  folded.needs_refetch = true;
  auto& items = folded.current.items;
  for (auto at = folded.order.rbegin(); at != folded.order.rend(); ++at) {
    if (!ListsItems(at->snapshot)) continue;
    bool adds = false;
    for (const auto& item : at->snapshot.items) {
      if (std::any_of(items.begin(), items.end(), [&](const auto& known) { return known.id == item.id; })) continue;
      items.push_back(item);
      adds = true;
    }
    if (adds) folded.origins.push_back({"items", at->event_id});
    if (!at->snapshot.items_truncated) break;
  }
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
}

}  // namespace

FoldResult<FoldedSubscription> FoldSubscription(std::span<const StoredEvent> events) {
  auto result = FoldBy<FoldedSubscription>(events, SubscriptionRules());
  if (!result) return result;
  FoldedSubscription& folded = *result;
  CompleteItems(folded);
  if (folded.deleted && !IsOver(folded.current)) folded.current.status = "canceled";
  folded.past_due_since = folded.deleted ? std::nullopt : PastDueSince(folded.order);
  return result;
}

std::vector<std::string> EssentialOfSubscription(std::span<const StoredEvent> events) {
  return EssentialBy(events, SubscriptionRules());
}

}  // namespace billsync::stripe
