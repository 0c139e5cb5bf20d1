#include "subscription_rows.h"

#include <algorithm>
#include <set>

#include "apply/rows_sql.h"
#include "billsync/billing/money.h"
#include "item_rows.h"
#include "schedule_rows.h"
#include "subscription_plan.h"

namespace billsync::apply {
namespace {

using billing::ParkReason;

// Parks those of the claimed events whose own snapshot has an unmapped price.
void ParkUnmapped(const SubscriptionWork& work, const SubscriptionPlan& plan, Outcomes& outcomes) {
  for (const auto& one : work.fold.order) {
    const auto price = plan.UnmappedPrice(one);
    if (!price) continue;
    const bool claimed =
        std::ranges::any_of(work.claimed, [&](const auto* event) { return event->id == one.event_id; });
    if (claimed) outcomes.Park(one.event_id, ParkReason::kUnmappedPrice, "no plan maps the price " + *price);
  }
}

std::optional<std::string> NameOf(const std::optional<billing::Tier>& tier) {
  return tier ? std::optional<std::string>(billing::Name(*tier)) : std::nullopt;
}

std::optional<Period> RowPeriod(const SubscriptionWork& work, const SubscriptionPlan& plan) {
  return plan.item() == nullptr ? std::nullopt : PeriodOf(work.fold.current, *plan.item());
}

// What the item's unit amount is multiplied by.
std::optional<int64_t> BilledQuantity(const stripe::SubscriptionItem& item) {
  const int64_t quantity = item.quantity.value_or(1);
  const auto& division = item.price.transform_quantity;
  if (!division) return quantity;
  const bool up = division->round == "up";
  if (division->by < 1 || quantity < 0 || (!up && division->round != "down")) return std::nullopt;
  return quantity / division->by + (up && quantity % division->by != 0 ? 1 : 0);
}

// Everything the rows of one batch's subscriptions are made from.
class Writer {
 public:
  Writer(const billing::PlanMap& plans, Outcomes& outcomes) : plans_(plans), outcomes_(outcomes) {}

  void Load(db::Transaction& tx, const std::vector<SubscriptionWork>& work) {
    std::vector<std::string> ids;
    for (const auto& one : work) ids.push_back(one.fold.current.id);
    schedules_ = ReadSchedules(tx, ids);
    for (const auto& one : work) {
      WantPricesOf(one.fold, catalog_);
      if (const auto* schedule = ScheduleOf(one)) {
        for (const auto& phase : schedule->phases) {
          for (const auto& item : phase.items) catalog_.WantPrice(item.price);
        }
      }
    }
    catalog_.Load(tx);
    std::set<std::string> invoices;
    for (const auto& one : work) {
      const SubscriptionPlan plan(one.fold, catalog_, plans_);
      const auto period = RowPeriod(one, plan);
      if (period && one.fold.current.currency) rates_.Want(*one.fold.current.currency, period->start);
      for (auto& id : plan.InvoicesOfHigherTiers()) invoices.insert(std::move(id));
    }
    rates_.Load(tx);
    LoadInvoices(tx, {invoices.begin(), invoices.end()});
  }

  // The row and its items, unless the events are parked instead.
  void Add(const SubscriptionWork& work) {
    const SubscriptionPlan plan(work.fold, catalog_, plans_);
    ParkUnmapped(work, plan, outcomes_);
    if (!plan.tier()) {
      if (work.fold.items_incomplete && !plan.UnmappedPrice(work.fold.order.back())) {
        ParkAll(work, ParkReason::kUnreadableShape, "Stripe listed part of the items, and none of them carries a tier",
                outcomes_);
      }
      return;
    }
    const auto period = RowPeriod(work, plan);
    if (!period) {
      ParkAll(work, ParkReason::kUnreadableShape, "the subscription has no items with a current period", outcomes_);
      return;
    }
    rows_.AddRow(RowOf(work, plan, *period));
    items_.Add(work, plan);
    users_.insert(work.user_id);
  }

  std::vector<std::string> Write(db::Transaction& tx) const {
    if (rows_.empty()) return {};
    tx.Exec(sql::kUpsertSubscriptions, rows_.ToParams());
    items_.Write(tx);
    return {users_.begin(), users_.end()};
  }

 private:
  void LoadInvoices(db::Transaction& tx, const std::vector<std::string>& ids) {
    if (ids.empty()) return;
    for (const db::Row row : tx.Exec(sql::kReadInvoicesPaid, db::Params::Of(ids))) {
      invoices_[row.Text("stripe_invoice_id")] = {row.Bool("is_paid"), row.OptAt("finalized_at")};
    }
  }

  const billing::ScheduleFacts* ScheduleOf(const SubscriptionWork& work) const {
    const auto found = schedules_.find(work.fold.current.id);
    return found == schedules_.end() ? nullptr : apply::ScheduleOf(work.fold, found->second);
  }

  std::optional<billing::PlannedChange> PlannedOf(const SubscriptionWork& work, const SubscriptionPlan& plan) const {
    const auto* schedule = ScheduleOf(work);
    if (schedule == nullptr) return std::nullopt;
    billing::PresentPlan present{plan.item()->price.id, *plan.tier(), work.fold.order.back().created};
    for (const auto& item : work.fold.current.items) present.items.push_back({item.price.id, item.quantity});
    return billing::FindPlannedChange(*schedule, present,
                                      [&](const std::string& price) { return plan.MeaningOf(price); });
  }

  // The prices of the plan, and those a schedule plans.
  std::string CatalogIds(const SubscriptionWork& work, const SubscriptionPlan& plan) const {
    const auto own = plan.CatalogIds();
    std::set<std::string> ids(own.begin(), own.end());
    if (const auto* schedule = ScheduleOf(work)) {
      for (const auto& phase : schedule->phases) {
        for (const auto& item : phase.items) {
          ids.insert(item.price);
          const auto catalog = catalog_.Price(item.price);
          if (catalog && catalog->product) ids.insert(*catalog->product);
        }
      }
    }
    return db::ArrayLiteral({ids.begin(), ids.end()});
  }

  struct Amount {
    std::optional<int64_t> minor;
    std::optional<std::string> decimal, rate;
  };

  Amount AmountOf(const SubscriptionWork& work, Instant at) {
    const auto& s = work.fold.current;
    Amount amount{work.fold.items_incomplete ? std::nullopt : PeriodAmount(s), std::nullopt, std::nullopt};
    if (!amount.minor || !s.currency) return amount;
    amount.decimal = billing::FormatMinor(*amount.minor, billing::MinorUnitDecimals(*s.currency));
    amount.rate = rates_.Find(*s.currency, at);
    if (!amount.rate) {
      // The row is written, so that the subscription entitles; the events wait for the rate and fill in amount_usd.
      ParkAll(work, ParkReason::kMissingExchangeRate, "billing_fx_rates has no rate for " + *s.currency, outcomes_);
    }
    return amount;
  }

  // As UpsertSubscriptions takes it.
  db::Params RowOf(const SubscriptionWork& work, const SubscriptionPlan& plan, const Period& period) {
    const auto& fold = work.fold;
    const auto& s = fold.current;
    const auto& price = plan.item()->price;
    const auto& winner = fold.order.back();
    const auto amount = AmountOf(work, period.start);
    const auto held = plan.Held(invoices_);
    const auto hold_invoices = plan.InvoicesOfHigherTiers();
    const auto planned = PlannedOf(work, plan);
    return db::Params::Of(work.user_id, s.id, s.customer, price.id, billing::Name(*plan.tier()), s.status, period.start,
                          period.end, s.cancel_at_period_end, s.canceled_at, s.cancel_at, s.ended_at, s.start_date,
                          s.trial_end, fold.past_due_since, s.pause_collection,
                          planned ? std::optional(planned->at) : std::nullopt, planned ? planned->price : std::nullopt,
                          planned ? NameOf(planned->tier) : std::nullopt, planned ? planned->quantity : std::nullopt,
                          held ? NameOf(held->tier) : std::nullopt, held ? std::optional(held->until) : std::nullopt,
                          hold_invoices.empty()
                              ? std::nullopt
                              : std::optional(db::ArrayLiteral({hold_invoices.begin(), hold_invoices.end()})),
                          s.billing_cycle_anchor, s.billing_day, price.interval, fold.items_incomplete,
                          CatalogIds(work, plan), s.currency, amount.minor, amount.decimal, amount.rate, s.livemode,
                          winner.event_id, winner.created, fold.needs_refetch);
  }

  const billing::PlanMap& plans_;
  Outcomes& outcomes_;
  Schedules schedules_;
  Catalog catalog_;
  ExchangeRates rates_;
  billing::KnownInvoices invoices_;
  db::ArrayColumns rows_{36};
  ItemRows items_;
  std::set<std::string> users_;
};

}  // namespace

std::optional<int64_t> PeriodAmount(const stripe::Subscription& subscription) {
  int64_t total = 0;
  const stripe::Price* first = nullptr;
  for (const auto& item : subscription.items) {
    const auto& price = item.price;
    if (price.metered) continue;
    // A multi-currency price shows its default currency inside the event, not what this subscription pays.
    if (price.tiered || (price.currency && price.currency != subscription.currency)) return std::nullopt;
    // Items of flexible billing may have intervals of their own: there is no one period to name the price of.
    if (first == nullptr) first = &price;
    if (price.interval != first->interval || price.interval_count != first->interval_count) return std::nullopt;
    const auto unit = price.unit_amount ? std::optional(std::to_string(*price.unit_amount)) : price.unit_amount_decimal;
    const auto quantity = BilledQuantity(item);
    const auto amount = unit && quantity ? billing::MultiplyDecimal(*unit, *quantity) : std::nullopt;
    if (!amount || __builtin_add_overflow(total, *amount, &total)) return std::nullopt;
  }
  if (first == nullptr && !subscription.items.empty()) return std::nullopt;
  return total;
}

std::vector<std::string> WriteSubscriptions(db::Transaction& tx, const std::vector<SubscriptionWork>& work,
                                            const billing::PlanMap& plans, Outcomes& outcomes) {
  if (work.empty()) return {};
  Writer writer(plans, outcomes);
  writer.Load(tx, work);
  for (const auto& one : work) writer.Add(one);
  return writer.Write(tx);
}

}  // namespace billsync::apply
