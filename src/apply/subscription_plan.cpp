#include "subscription_plan.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "billsync/billing/price_facts.h"

namespace billsync::apply {
namespace {

using billing::PriceMeaning;
using billing::Tier;
using stripe::Subscription;
using stripe::SubscriptionItem;

// Every price the fold knows of: those of the snapshots, and of the items that were added from older ones.
template <typename Visit>
void ForEachPrice(const stripe::FoldedSubscription& fold, Visit visit) {
  for (const auto& item : fold.current.items) visit(item.price);
  for (auto at = fold.order.rbegin(); at != fold.order.rend(); ++at) {
    for (const auto& item : at->snapshot.items) visit(item.price);
  }
}

}  // namespace

std::optional<Period> PeriodOf(const Subscription& subscription, const SubscriptionItem& item) {
  const auto start = item.period_start ? item.period_start : subscription.period_start;
  const auto end = item.period_end ? item.period_end : subscription.period_end;
  if (!start || !end) return std::nullopt;
  return Period{*start, *end};
}

void WantPricesOf(const stripe::FoldedSubscription& fold, Catalog& catalog) {
  ForEachPrice(fold, [&](const stripe::Price& price) {
    catalog.WantPrice(price.id);
    if (price.product) catalog.WantProduct(*price.product);
  });
}

SubscriptionPlan::SubscriptionPlan(const stripe::FoldedSubscription& fold, const Catalog& catalog,
                                   const billing::PlanMap& plans)
    : fold_(fold), catalog_(catalog), plans_(plans) {
  ForEachPrice(fold, [&](const stripe::Price& price) {
    if (!price.lookup_key) return;
    auto& keys = own_lookup_keys_[price.id];
    if (std::ranges::find(keys, *price.lookup_key) == keys.end()) keys.push_back(*price.lookup_key);
  });
  tier_ = NewestKnownTier();
  item_ = TierItem(fold.current, [&](const SubscriptionItem& item) { return AsOf(item); });
}

Instant SubscriptionPlan::AsOf(const SubscriptionItem& item) const {
  for (auto at = fold_.order.rbegin(); at != fold_.order.rend(); ++at) {
    if (std::ranges::find(at->snapshot.items, item) != at->snapshot.items.end()) return at->created;
  }
  return fold_.order.back().created;
}

billing::PriceFacts SubscriptionPlan::FactsOf(const stripe::Price& price, Instant at) const {
  const auto catalog = catalog_.Price(price.id);
  const auto own = own_lookup_keys_.find(price.id);
  const billing::PriceFacts shown{price.id, price.product, price.lookup_key, price.plan_tier};
  const auto product = price.product || !catalog ? price.product : catalog->product;
  return billing::FactsOf(shown, at, catalog, catalog_.ProductTier(product),
                          own == own_lookup_keys_.end() ? std::vector<std::string>() : own->second);
}

billing::PriceFacts SubscriptionPlan::FactsOf(const SubscriptionItem& item) const {
  return FactsOf(item.price, AsOf(item));
}

// As the newest snapshot shows it, if one does; else the catalog alone tells.
PriceMeaning SubscriptionPlan::MeaningOf(const std::string& price_id) const {
  for (auto at = fold_.order.rbegin(); at != fold_.order.rend(); ++at) {
    for (const auto& item : at->snapshot.items) {
      if (item.price.id == price_id) return plans_.Meaning(FactsOf(item.price, at->created));
    }
  }
  stripe::Price unseen;
  unseen.id = price_id;
  return plans_.Meaning(FactsOf(unseen, Instant::min()));
}

std::variant<Tier, billing::UnknownPrice> SubscriptionPlan::TierOf(const Subscription& snapshot, Instant at) const {
  std::vector<billing::PriceFacts> prices;
  for (const auto& item : snapshot.items) prices.push_back(FactsOf(item.price, at));
  return plans_.TierOf(prices);
}

std::variant<Tier, billing::UnknownPrice> SubscriptionPlan::CurrentTier() const {
  std::vector<billing::PriceFacts> prices;
  for (const auto& item : fold_.current.items) prices.push_back(FactsOf(item));
  return plans_.TierOf(prices);
}

template <typename When>
const SubscriptionItem* SubscriptionPlan::TierItem(const Subscription& snapshot, When when) const {
  const SubscriptionItem* best = nullptr;
  std::tuple<int, Instant> best_rank;
  for (const auto& item : snapshot.items) {  // by id
    const auto meaning = plans_.Meaning(FactsOf(item.price, when(item)));
    const auto* tier = std::get_if<Tier>(&meaning);
    const auto period = PeriodOf(snapshot, item);
    const std::tuple rank(tier == nullptr ? -1 : static_cast<int>(*tier), period ? period->end : Instant::min());
    if (best != nullptr && rank <= best_rank) continue;
    best = &item;
    best_rank = rank;
  }
  return best;
}

std::optional<Tier> SubscriptionPlan::NewestKnownTier() const {
  const auto current = CurrentTier();
  // A part of the items proves a tier that one of them carries, and never that none does.
  const auto* now = std::get_if<Tier>(&current);
  if (now != nullptr && !(fold_.items_incomplete && *now == Tier::kFree)) return *now;
  for (auto at = fold_.order.rbegin(); at != fold_.order.rend(); ++at) {
    if (at->snapshot.items_truncated) continue;
    const auto then = TierOf(at->snapshot, at->created);
    if (const auto* tier = std::get_if<Tier>(&then)) return *tier;
  }
  return std::nullopt;
}

std::vector<billing::BoughtTier> SubscriptionPlan::History() const {
  std::vector<billing::BoughtTier> history;
  for (const auto& one : fold_.order) {
    const Subscription& s = one.snapshot;
    billing::BoughtTier bought{one.created, std::nullopt, s.status, s.pause_collection.has_value()};
    bought.invoice = s.latest_invoice;
    const auto tier = TierOf(s, one.created);
    const auto* known = std::get_if<Tier>(&tier);
    // A part of the items may lack the one that decides.
    if (known != nullptr && !s.items_truncated) bought.tier = *known;
    const auto* item = TierItem(s, [&](const SubscriptionItem&) { return one.created; });
    if (const auto then = item == nullptr ? std::nullopt : PeriodOf(s, *item)) bought.period_end = then->end;
    history.push_back(std::move(bought));
  }
  return history;
}

std::vector<std::string> SubscriptionPlan::InvoicesOfHigherTiers() const {
  std::set<std::string> invoices;
  if (!tier_ || fold_.deleted) return {};
  for (const auto& bought : History()) {
    const bool runs = bought.period_end && *bought.period_end > fold_.order.back().created;
    if (runs && bought.tier && *bought.tier > *tier_ && bought.invoice) invoices.insert(*bought.invoice);
  }
  return {invoices.begin(), invoices.end()};
}

std::optional<billing::HeldTier> SubscriptionPlan::Held(const billing::KnownInvoices& invoices) const {
  const auto period = item_ == nullptr ? std::nullopt : PeriodOf(fold_.current, *item_);
  if (!tier_ || !period || fold_.deleted) return std::nullopt;
  return billing::FindHeldTier(History(), *tier_, {period->start, period->end, fold_.current.billing_cycle_anchor},
                               invoices);
}

std::optional<std::string> SubscriptionPlan::UnmappedPrice(const stripe::Ordered<Subscription>& event) const {
  const auto tier = TierOf(event.snapshot, event.created);
  const auto* unknown = std::get_if<billing::UnknownPrice>(&tier);
  return unknown == nullptr ? std::nullopt : std::optional(unknown->id);
}

std::vector<std::string> SubscriptionPlan::CatalogIds() const {
  std::set<std::string> ids;
  ForEachPrice(fold_, [&](const stripe::Price& price) {
    ids.insert(price.id);
    const auto catalog = catalog_.Price(price.id);
    if (const auto product = price.product || !catalog ? price.product : catalog->product) ids.insert(*product);
  });
  return {ids.begin(), ids.end()};
}

}  // namespace billsync::apply
