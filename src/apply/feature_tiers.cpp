#include "feature_tiers.h"

#include "apply/entitlements_sql.h"

namespace billsync::apply {

std::map<std::string, FeatureTier> ReadFeatureTiers(db::Transaction& tx, const std::vector<std::string>& user_ids,
                                                    const billing::PlanMap& plans) {
  std::map<std::string, FeatureTier> tiers;
  if (!plans.NamesFeatures()) return tiers;
  // In a fixed order, and only a higher tier replaces one: the cause does not depend on the order of the rows.
  for (const db::Row row : tx.Exec(sql::kReadFeatures, db::Params::Of(user_ids))) {
    FeatureTier& user = tiers[row.Text("user_id")];
    if (!user.event) user.event = row.Text("last_event_id");
    user.truncated |= row.Bool("truncated");
    const auto key = row.OptText("lookup_key");
    const auto tier = key ? plans.FeatureTier(*key) : std::nullopt;
    if (!tier || *tier <= user.tier) continue;
    user.tier = *tier;
    user.cause = row.Text("stripe_customer_id") + " is entitled to the feature " + *key;
    user.event = row.Text("last_event_id");
  }
  return tiers;
}

}  // namespace billsync::apply
