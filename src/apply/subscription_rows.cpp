#include "subscription_rows.h"

#include <algorithm>
#include <set>

#include "apply/rows_sql.h"
#include "billsync/billing/money.h"

namespace billsync::apply {
namespace {

using billing::ParkReason;
using billing::Tier;

std::vector<billing::PriceFacts> FactsOf(const stripe::Subscription& subscription) {
  std::vector<billing::PriceFacts> facts;
  for (const auto& item : subscription.items) {
    facts.push_back({item.price.id, item.price.product, item.price.lookup_key, item.price.plan_tier});
  }
  return facts;
}

std::variant<Tier, billing::UnknownPrice> TierOf(const stripe::Subscription& subscription,
                                                 const billing::PlanMap& plans) {
  const auto facts = FactsOf(subscription);
  return plans.TierOf(facts);
}

// The tier of the newest snapshot whose every price is mapped: while the winner's is not, the tier stays what it was.
std::optional<Tier> LastKnownTier(const stripe::FoldedSubscription& fold, const billing::PlanMap& plans) {
  if (const auto tier = TierOf(fold.current, plans); std::holds_alternative<Tier>(tier)) return std::get<Tier>(tier);
  for (auto at = fold.order.rbegin(); at != fold.order.rend(); ++at) {
    const auto tier = TierOf(at->snapshot, plans);
    if (std::holds_alternative<Tier>(tier)) return std::get<Tier>(tier);
  }
  return std::nullopt;
}

// Parks those of the claimed events whose own snapshot has an unmapped price.
void ParkUnmapped(const SubscriptionWork& work, const billing::PlanMap& plans, Outcomes& outcomes) {
  for (const auto& one : work.fold.order) {
    const auto tier = TierOf(one.snapshot, plans);
    const auto* unknown = std::get_if<billing::UnknownPrice>(&tier);
    if (unknown == nullptr) continue;
    const bool claimed =
        std::ranges::any_of(work.claimed, [&](const auto* event) { return event->id == one.event_id; });
    if (claimed) outcomes.Park(one.event_id, ParkReason::kUnmappedPrice, "no plan maps the price " + unknown->id);
  }
}

// The item whose price decides the tier; the first one when all are add-ons.
const stripe::SubscriptionItem* TierItem(const stripe::Subscription& subscription, const billing::PlanMap& plans) {
  const stripe::SubscriptionItem* best = nullptr;
  std::optional<Tier> best_tier;
  for (const auto& item : subscription.items) {
    const auto meaning =
        plans.Meaning({item.price.id, item.price.product, item.price.lookup_key, item.price.plan_tier});
    const auto* tier = std::get_if<Tier>(&meaning);
    if (best == nullptr || (tier != nullptr && (!best_tier || *tier > *best_tier))) {
      best = &item;
      if (tier != nullptr) best_tier = *tier;
    }
  }
  return best;
}

struct Period {
  Instant start, end;
};

std::optional<Period> PeriodOf(const stripe::Subscription& subscription, const stripe::SubscriptionItem& tier_item) {
  const auto start = tier_item.period_start ? tier_item.period_start : subscription.period_start;
  const auto end = tier_item.period_end ? tier_item.period_end : subscription.period_end;
  if (!start || !end) return std::nullopt;
  return Period{*start, *end};
}

// A row as UpsertSubscriptions takes it, or nothing when the events were parked instead.
std::optional<db::Params> RowOf(const SubscriptionWork& work, const billing::PlanMap& plans, const ExchangeRates& rates,
                                Outcomes& outcomes) {
  const auto& s = work.fold.current;
  ParkUnmapped(work, plans, outcomes);
  const auto tier = LastKnownTier(work.fold, plans);
  const auto* item = TierItem(s, plans);
  if (!tier) return std::nullopt;
  const auto period = item == nullptr ? std::nullopt : PeriodOf(s, *item);
  if (!period) {
    ParkAll(work, ParkReason::kUnreadableShape, "the subscription has no items with a current period", outcomes);
    return std::nullopt;
  }
  const auto minor = PeriodAmount(s);
  std::optional<std::string> amount, rate;
  if (minor && s.currency) {
    amount = billing::FormatMinor(*minor, billing::MinorUnitDecimals(*s.currency));
    rate = rates.Find(*s.currency, period->start);
    if (!rate) {
      // The row is written, so that the subscription entitles; the events wait for the rate and fill in amount_usd.
      ParkAll(work, ParkReason::kMissingExchangeRate, "billing_fx_rates has no rate for " + *s.currency, outcomes);
    }
  }
  const auto& winner = work.fold.order.back();
  return db::Params::Of(work.user_id, s.id, s.customer, item->price.id, billing::Name(*tier), s.status, period->start,
                        period->end, s.cancel_at_period_end, s.canceled_at, s.cancel_at, s.ended_at, s.start_date,
                        s.trial_end, work.fold.past_due_since, s.pause_collection, s.currency, minor, amount, rate,
                        s.livemode, winner.event_id, winner.created, work.fold.needs_refetch);
}

}  // namespace

std::optional<int64_t> PeriodAmount(const stripe::Subscription& subscription) {
  int64_t total = 0;
  for (const auto& item : subscription.items) {
    if (item.price.metered) continue;
    // A multi-currency price shows its default currency inside the event, not what this subscription pays.
    if (item.price.tiered || (item.price.currency && item.price.currency != subscription.currency)) return std::nullopt;
    const auto unit = item.price.unit_amount ? std::optional(std::to_string(*item.price.unit_amount))
                                             : item.price.unit_amount_decimal;
    const auto amount = unit ? billing::MultiplyDecimal(*unit, item.quantity.value_or(1)) : std::nullopt;
    if (!amount || __builtin_add_overflow(total, *amount, &total)) return std::nullopt;
  }
  return total;
}

std::vector<std::string> WriteSubscriptions(db::Transaction& tx, const std::vector<SubscriptionWork>& work,
                                            const billing::PlanMap& plans, Outcomes& outcomes) {
  ExchangeRates rates;
  for (const auto& one : work) {
    const auto& s = one.fold.current;
    const auto* item = TierItem(s, plans);
    const auto period = item == nullptr ? std::nullopt : PeriodOf(s, *item);
    if (period && s.currency) rates.Want(*s.currency, period->start);
  }
  rates.Load(tx);
  db::ArrayColumns rows(24);
  std::set<std::string> users;
  for (const auto& one : work) {
    const auto row = RowOf(one, plans, rates, outcomes);
    if (!row) continue;
    rows.AddRow(*row);
    users.insert(one.user_id);
  }
  if (!rows.empty()) tx.Exec(sql::kUpsertSubscriptions, rows.ToParams());
  return {users.begin(), users.end()};
}

}  // namespace billsync::apply
