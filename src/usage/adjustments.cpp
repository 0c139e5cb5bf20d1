#include "billsync/usage/adjustments.h"

#include "usage/close_sql.h"

namespace billsync::usage {
namespace {

std::optional<std::string> FirstDay(const std::optional<billing::Month>& month) {
  return month ? std::optional(month->FirstDay()) : std::nullopt;
}

}  // namespace

std::vector<Adjustment> ListAdjustments(db::Session& session, const AdjustmentFilter& filter) {
  db::Transaction tx(session, {.read_only = true});
  std::vector<Adjustment> out;
  const auto params = db::Params::Of(FirstDay(filter.origin), FirstDay(filter.booked), filter.user_id);
  for (const db::Row row : tx.Exec(sql::kListAdjustments, params)) {
    Adjustment one;
    one.id = row.Int("id");
    one.kind = row.Text("kind");
    one.user_id = row.Text("user_id");
    one.email = row.OptText("email");
    one.origin_period = row.Text("origin_period");
    one.booked_period = row.Text("booked_period");
    one.total_runs = row.Int("total_runs");
    one.failed_runs = row.Int("failed_runs");
    one.cancelled_runs = row.Int("cancelled_runs");
    one.unpriced_runs = row.Int("unpriced_runs");
    one.total_tokens = row.Text("total_tokens");
    one.amount_usd = row.Text("amount_usd");
    one.amount_exact_usd = row.Text("amount_exact_usd");
    one.reason = row.Text("reason");
    one.booked_by = row.Text("booked_by");
    one.booked_at = row.At("booked_at");
    out.push_back(std::move(one));
  }
  tx.Commit();
  return out;
}

std::optional<int64_t> BookAdjustment(db::Transaction& tx, const std::string& user_id, const billing::Month& origin,
                                      const std::string& amount_usd, const std::string& reason, const std::string& by,
                                      Instant now) {
  const auto rows =
      tx.Exec(sql::kBookManualAdjustment,
              db::Params::Of(user_id, origin.FirstDay(), billing::Month::Of(now).FirstDay(), amount_usd, reason, by));
  return rows.empty() ? std::nullopt : std::optional(rows.Only().Int("id"));
}

}  // namespace billsync::usage
