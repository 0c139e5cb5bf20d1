#include "billsync/usage/adjustments.h"

#include <algorithm>

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

bool IsAdjustmentAmount(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const size_t point = std::min(text.find('.'), text.size());
  const auto digits = [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
  };
  return point <= 12 && digits(text.substr(0, point)) &&
         (point == text.size() || (text.size() - point == 3 && digits(text.substr(point + 1)))) &&
         text.find_first_not_of("0.") != std::string_view::npos;
}

tl::expected<int64_t, NotBooked> BookAdjustment(db::Transaction& tx, const std::string& user_id,
                                                const billing::Month& origin, const std::string& amount_usd,
                                                const std::string& reason, const std::string& by, Instant now) {
  const auto rows =
      tx.Exec(sql::kBookManualAdjustment,
              db::Params::Of(user_id, origin.FirstDay(), billing::Month::Of(now).FirstDay(), amount_usd, reason, by));
  if (!rows.empty()) return rows.Only().Int("id");
  const auto state = tx.Exec(sql::kFindPeriod, db::Params::Of(origin.FirstDay()));
  const bool closed = !state.empty() && state.Only().OptAt("closed_at");
  return tl::unexpected(closed ? NotBooked::kNoSuchUser : NotBooked::kNotClosed);
}

}  // namespace billsync::usage
