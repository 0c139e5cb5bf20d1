#include "admin/reading_sql.h"
#include "admin/user_reading_sql.h"
#include "billsync/admin/reading.h"
#include "billsync/base/json_writer.h"
#include "columns.h"

namespace billsync::admin {

std::optional<UserPage> FindUserPage(db::Session& session, const std::string& user_id, Instant now) {
  UserPage page;
  {
    db::Transaction tx(session, {.read_only = true, .snapshot = true});
    const auto of_user = db::Params::Of(user_id);
    page.user = MakeListing(columns::kUsers, tx.Exec(sql::kFindUser, of_user));
    if (page.user.rows.empty()) return std::nullopt;
    page.customers = MakeListing(columns::kCustomers, tx.Exec(sql::kCustomersOfUser, of_user));
    page.overrides = MakeListing(columns::kOverrides, tx.Exec(sql::kQuotaOverrideOfUser, db::Params::Of(user_id, now)));
    page.plan_changes = MakeListing(columns::kPlanChanges, tx.Exec(sql::kPlanChangesOfUser, of_user));
    page.quota_resets = MakeListing(columns::kResets, tx.Exec(sql::kQuotaResetsOfUser, of_user));
    page.usage = MakeListing(columns::kUsageOfUser, tx.Exec(sql::kUsageOfUser, of_user));
    page.adjustments = MakeListing(columns::kAdjustmentsOfUser, tx.Exec(sql::kAdjustmentsOfUser, of_user));
    page.runs = MakeListing(columns::kRunsOfUser, tx.Exec(sql::kRunsOfUser, of_user));
    tx.Commit();
  }
  const auto search = SearchText{.user_id = user_id};
  page.subscriptions = ListSubscriptions(session, {.search = search}, {.limit = 20});
  page.invoices = ListInvoices(session, {.search = search}, {.limit = 24});
  if (auto entitlement = usage::FindEntitlement(session, user_id, now)) page.entitlement = *entitlement;
  return page;
}

std::string UserPage::Json() const {
  JsonObject json;
  json.AddRaw("user", user.RowsJson()).Add("decision", usage::Name(entitlement.Decide()));
  json.Add("reserved", entitlement.reserved).AddRaw("customers", customers.RowsJson());
  json.AddRaw("overrides", overrides.RowsJson()).AddRaw("subscriptions", subscriptions.RowsJson());
  json.AddRaw("plan_changes", plan_changes.RowsJson()).AddRaw("quota_resets", quota_resets.RowsJson());
  json.AddRaw("usage", usage.RowsJson()).AddRaw("invoices", invoices.RowsJson());
  return json.AddRaw("adjustments", adjustments.RowsJson()).AddRaw("runs", runs.RowsJson()).Text();
}

}  // namespace billsync::admin
