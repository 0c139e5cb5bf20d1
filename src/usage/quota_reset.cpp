#include "billsync/usage/quota_reset.h"

#include "usage/quota_reset_sql.h"

namespace billsync::usage {
namespace {

std::vector<QuotaReset> ReadResets(const db::Result& rows) {
  std::vector<QuotaReset> resets;
  for (const db::Row row : rows) {
    resets.push_back({row.Text("user_id"), row.Text("email"), row.Text("period_start"),
                      row.OptInt("previous_used").value_or(0), row.Int("used"), row.OptText("previous_reset_date"),
                      row.Text("next_reset_date"), row.Int("months")});
  }
  return resets;
}

}  // namespace

std::vector<QuotaReset> ResetQuotas(db::Session& session, const std::optional<std::string>& as_of) {
  db::Transaction tx(session, {.statement_timeout = std::chrono::minutes(10)});
  if (as_of) {
    tx.Exec(sql::kResetQuotasAsOf, db::Params::Of(*as_of));
  } else {
    tx.Exec(sql::kResetMonthlyQuotas);
  }
  auto resets = ReadResets(tx.Exec(sql::kResetsOfThisTransaction));
  tx.Commit();
  return resets;
}

std::vector<QuotaReset> QuotasDue(db::Session& session, const std::string& as_of) {
  db::Transaction tx(session, {.read_only = true});
  auto due = ReadResets(tx.Exec(sql::kQuotasDue, db::Params::Of(as_of)));
  tx.Commit();
  return due;
}

}  // namespace billsync::usage
