#include "billsync/usage/rollup.h"

#include "usage/rollup_sql.h"

namespace billsync::usage {

int64_t RollupMonth(db::Session& session, const billing::Month& month, ForeignRows foreign) {
  db::Transaction tx(session, {.statement_timeout = std::chrono::minutes(30)});
  tx.Exec(sql::kLockRollup);
  const bool take_over = foreign == ForeignRows::kTakeOver;
  const int64_t changed = tx.Exec(sql::kRollupMonth, db::Params::Of(month.Start(), month.End(), take_over)).affected();
  tx.Commit();
  return changed;
}

std::vector<billing::Month> MonthsWithRuns(db::Session& session, Instant now) {
  const auto first_sane = billing::Month::Parse("2000-01")->Start();
  const auto last_sane = billing::Month::Of(now).Next().End();
  db::Transaction tx(session, {.read_only = true});
  const auto ends = tx.Exec(sql::kMonthsWithRuns, db::Params::Of(first_sane, last_sane));
  tx.Commit();
  const auto first = ends.Only().OptText("first_month");
  const auto last = ends.Only().OptText("last_month");
  std::vector<billing::Month> months;
  if (!first || !last) return months;
  const auto from = billing::Month::Parse(*first);
  const auto to = billing::Month::Parse(*last);
  if (!from || !to) return months;
  for (auto month = *from; month <= *to; month = month.Next()) months.push_back(month);
  return months;
}

std::vector<billing::Month> OpenMonths(Instant now) {
  const auto current = billing::Month::Of(now);
  return {current.Previous(), current};
}

}  // namespace billsync::usage
