#include "billsync/usage/money.h"

#include "usage/money_sql.h"

namespace billsync::usage {
namespace {

void ReadCalls(db::Transaction& tx, const db::Params& ends, const db::Params& limited, MoneyCheck& check) {
  for (const db::Row row : tx.Exec(sql::kCallsByModel, ends)) {
    check.models.push_back(
        {row.Text("model"), row.Int("runs"), row.Int("differing"), row.Text("run_cost"), row.Text("calls_cost")});
  }
  for (const db::Row row : tx.Exec(sql::kRunsAgainstCalls, limited)) {
    check.mismatches.push_back({row.Text("run_id"), row.Text("user_id"), row.Text("model"), row.Text("run_cost"),
                                row.Text("calls_cost"), row.Int("calls")});
  }
  const auto rows = tx.Exec(sql::kUncoveredMoney, ends);
  check.runs_without_calls = rows.Only().Int("runs_without_calls");
  check.calls_without_run = rows.Only().Int("calls_without_run");
}

}  // namespace

int64_t MoneyCheck::Differing() const {
  int64_t differing = 0;
  for (const auto& model : models) differing += model.differing;
  return differing;
}

MoneyCheck VerifyMoney(db::Session& session, const billing::Month& month, int64_t listed) {
  db::Transaction tx(session, {.read_only = true, .snapshot = true, .statement_timeout = std::chrono::hours(1)});
  MoneyCheck check{.month = month, .models = {}, .mismatches = {}, .uneven = {}};
  ReadCalls(tx, db::Params::Of(month.Start(), month.End()), db::Params::Of(month.Start(), month.End(), listed), check);
  for (const db::Row row : tx.Exec(sql::kUnevenUsage, db::Params::Of(month.FirstDay()))) {
    check.uneven.push_back(
        {"usage of " + row.Text("user_id"), row.Text("breakdown"), row.Text("exact"), row.Text("cents")});
  }
  for (const db::Row row : tx.Exec(sql::kUnevenAdjustments, db::Params::Of(month.FirstDay()))) {
    check.uneven.push_back(
        {"adjustment " + std::to_string(row.Int("id")), row.Text("breakdown"), row.Text("exact"), row.Text("lines")});
  }
  tx.Commit();
  return check;
}

}  // namespace billsync::usage
