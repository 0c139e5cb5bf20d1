#include "billsync/apply/adoption.h"

#include <vector>

#include "apply/adoption_sql.h"
#include "apply/apply_sql.h"
#include "billsync/stripe/active_entitlements.h"
#include "billsync/stripe/event_use.h"
#include "reviews.h"

namespace billsync::apply {

void AdoptPlanMap(db::Session& session, const std::string& fingerprint, std::optional<int64_t> free_quota) {
  db::Transaction tx(session);
  tx.Exec(sql::kBoundLockWaits, db::Params::Of("10s"));
  tx.Exec(sql::kLockCrossObject);
  const auto rows = tx.Exec(sql::kFindPlanMap);
  const bool same = !rows.empty() && rows.Only().View("fingerprint") == fingerprint;
  const auto old_quota = rows.empty() ? std::nullopt : rows.Only().OptInt("free_quota");
  tx.Exec(sql::kSetPlanMap, db::Params::Of(fingerprint, free_quota));
  if (!same) RequestReviewOfAll(tx, old_quota != free_quota ? old_quota : std::nullopt);
  tx.Commit();
}

void AdoptReadTypes(db::Session& session) {
  std::vector<std::string> read;
  for (const auto type : stripe::ReadTypes()) read.emplace_back(type);
  db::Transaction tx(session);
  std::vector<std::string> added;
  for (const db::Row row : tx.Exec(sql::kAddReadTypes, db::Params::Of(read))) added.push_back(row.Text("type"));
  if (!added.empty()) RequestReviewOfIgnored(tx, added);
  tx.Commit();
}

void RequirePlanMap(db::Transaction& tx, const std::string& fingerprint) {
  if (fingerprint.empty()) return;
  const auto rows = tx.Exec(sql::kFindPlanMap);
  if (rows.empty() || rows.Only().View("fingerprint") == fingerprint) return;
  throw PlanMapSuperseded("another plan map is in force since " + FormatInstant(rows.Only().At("adopted_at")) +
                              "; start this process again with the configuration file that serve was last started with",
                          "");
}

}  // namespace billsync::apply
