// What a folded subscription has bought, by the plan map and Stripe's catalog.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "billsync/billing/held_tier.h"
#include "billsync/billing/plan_map.h"
#include "billsync/stripe/merge.h"
#include "catalog.h"

namespace billsync::apply {

struct Period {
  Instant start, end;
};

// The period of an item, else of its subscription. None when neither is whole. Pure.
std::optional<Period> PeriodOf(const stripe::Subscription& subscription, const stripe::SubscriptionItem& item);

// Asks `catalog` for every price and product that any snapshot shows.
void WantPricesOf(const stripe::FoldedSubscription& fold, Catalog& catalog);

// Views into the fold, the catalog and the plan map, which must outlive it. Everything here is pure.
class SubscriptionPlan {
 public:
  SubscriptionPlan(const stripe::FoldedSubscription& fold, const Catalog& catalog, const billing::PlanMap& plans);

  // The tier of the newest snapshot whose every price is mapped and whose list of items is whole: while the winner's is
  // not, the tier stays what it was. A part of the items counts for the tier that one of them carries. None if there
  // never was one.
  std::optional<billing::Tier> tier() const { return tier_; }

  // The item whose price decides the tier: of equals the one whose period ends last, then the smaller id. When all are
  // add-ons or unknown, of those. None without items.
  const stripe::SubscriptionItem* item() const { return item_; }

  // The price of one of the current items, and of one in a phase of a schedule.
  billing::PriceFacts FactsOf(const stripe::SubscriptionItem& item) const;
  billing::PriceMeaning MeaningOf(const stripe::SubscriptionItem& item) const { return plans_.Meaning(FactsOf(item)); }
  billing::PriceMeaning MeaningOf(const std::string& price_id) const;

  // What was paid for and still runs, by what is known of InvoicesOfHigherTiers().
  std::optional<billing::HeldTier> Held(const billing::KnownInvoices& invoices) const;

  // The invoices that may have paid for a higher tier than the present one in a period that still runs, sorted. Mostly
  // none.
  std::vector<std::string> InvoicesOfHigherTiers() const;

  // The first price of the event's own snapshot that no plan maps; none when all are mapped.
  std::optional<std::string> UnmappedPrice(const stripe::Ordered<stripe::Subscription>& event) const;

  // Every price and product any snapshot shows, sorted: what the answers above depend on.
  std::vector<std::string> CatalogIds() const;

 private:
  billing::PriceFacts FactsOf(const stripe::Price& price, Instant at) const;
  std::variant<billing::Tier, billing::UnknownPrice> TierOf(const stripe::Subscription& snapshot, Instant at) const;
  std::variant<billing::Tier, billing::UnknownPrice> CurrentTier() const;
  // `when`: item → the moment it is shown as of.
  template <typename When>
  const stripe::SubscriptionItem* TierItem(const stripe::Subscription& snapshot, When when) const;
  std::optional<billing::Tier> NewestKnownTier() const;
  std::vector<billing::BoughtTier> History() const;
  // When a current item was last shown like that: items may come from older snapshots than the winner's.
  Instant AsOf(const stripe::SubscriptionItem& item) const;

  const stripe::FoldedSubscription& fold_;
  const Catalog& catalog_;
  const billing::PlanMap& plans_;
  std::map<std::string, std::vector<std::string>> own_lookup_keys_;  // by price, newest first, each once
  std::optional<billing::Tier> tier_;
  const stripe::SubscriptionItem* item_ = nullptr;
};

}  // namespace billsync::apply
