#include "item_rows.h"

#include <set>

#include "apply/items_sql.h"

namespace billsync::apply {
namespace {

struct Said {
  std::string_view meaning;
  std::optional<std::string_view> tier;
};

Said Say(const billing::PriceMeaning& meaning) {
  if (const auto* tier = std::get_if<billing::Tier>(&meaning)) return {"tier", billing::Name(*tier)};
  if (std::holds_alternative<billing::AddOn>(meaning)) return {"add_on", std::nullopt};
  return {"unknown", std::nullopt};
}

}  // namespace

void ItemRows::Add(const SubscriptionWork& work, const SubscriptionPlan& plan) {
  const auto& s = work.fold.current;
  subscriptions_.push_back(s.id);
  std::set<std::string> seen;
  for (const auto& item : s.items) {
    if (!seen.insert(item.id).second) continue;  // no payload of Stripe's has an item twice; a key allows it once
    const auto& p = item.price;
    const auto [meaning, tier] = Say(plan.MeaningOf(item));
    kept_.AddRow(db::Params::Of(s.id, item.id));
    rows_.AddRow(db::Params::Of(s.id, item.id, work.user_id, p.id, plan.FactsOf(item).product, item.quantity,
                                p.currency, p.unit_amount, p.unit_amount_decimal, p.interval, p.interval_count,
                                p.metered, p.tiered, item.period_start, item.period_end, meaning, tier));
  }
}

void ItemRows::Write(db::Transaction& tx) const {
  if (subscriptions_.empty()) return;
  const auto kept = kept_.ToParams().values();
  db::Params gone = db::Params::Of(subscriptions_);
  for (const auto& column : kept) gone.Add(column);
  tx.Exec(sql::kDeleteItems, gone);
  tx.Exec(sql::kUpsertItems, rows_.ToParams());
}

}  // namespace billsync::apply
