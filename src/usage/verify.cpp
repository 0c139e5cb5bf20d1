#include "billsync/usage/verify.h"

#include <algorithm>
#include <functional>
#include <future>
#include <iterator>

#include "month_check.h"
#include "rollup_steps.h"
#include "usage/verify_sql.h"

namespace billsync::usage {
namespace {

constexpr std::chrono::hours kPatience{1};

void AddDrifts(const db::Result& rows, DriftKind kind, std::vector<Drift>& drifts) {
  for (const db::Row row : rows) {
    drifts.push_back({.kind = kind,
                      .user_id = row.Text("user_id"),
                      .model = kind == DriftKind::kUnrecorded ? row.Text("model") : "",
                      .completed_runs = row.Int("completed_runs"),
                      .failed_runs = row.Int("failed_runs"),
                      .cancelled_runs = row.Int("cancelled_runs"),
                      .unpriced_runs = row.Int("unpriced_runs"),
                      .tokens = row.Text("tokens"),
                      .cost_usd = row.Text("cost_usd")});
  }
}

// What the month's runs say, what is recorded and what is published of some users, compared; by kind, then user.
std::vector<Drift> CompareUsers(db::Transaction& tx, const billing::Month& month, const UserRange& users) {
  const auto params = db::Params::Of(month.FirstDay(), users.from, users.to);
  std::vector<Drift> drifts;
  AddDrifts(tx.Exec(sql::kUnrecordedUsage, params), DriftKind::kUnrecorded, drifts);
  AddDrifts(tx.Exec(sql::kUnpublishedUsage, params), DriftKind::kUnpublished, drifts);
  return drifts;
}

// The same in a session of its own, which sees what the exporter of `snapshot` sees.
std::vector<Drift> CompareUsersElsewhere(const db::ConnectOptions& options, const std::string& snapshot,
                                         const billing::Month& month, const UserRange& users) {
  db::Session session(options);
  db::Transaction tx(session, {.read_only = true, .snapshot = true, .statement_timeout = kPatience});
  tx.ExecScript("adopt snapshot", "SET TRANSACTION SNAPSHOT " + db::Literal(snapshot));
  PlanForOnePass(tx);
  auto drifts = CompareUsers(tx, month, users);
  tx.Commit();
  return drifts;
}

MonthCheck Check(db::Transaction& tx, const billing::Month& month, const std::function<std::vector<Drift>()>& compare) {
  const auto rows = tx.Exec(sql::kPeriodState, db::Params::Of(month.FirstDay()));
  const db::Row state = rows.Only();
  MonthCheck check{
      .month = month, .closed = state.Bool("closed"), .foreign_rows = state.Int("foreign_rows"), .drifts = {}};
  if (!state.Bool("filled")) {
    check.drifts.push_back({.kind = DriftKind::kUnfilled, .user_id = "", .model = ""});
    return check;
  }
  if (!state.Bool("unchanged")) {
    check.drifts.push_back({.kind = DriftKind::kRewritten, .user_id = "", .model = ""});
  }
  std::ranges::move(compare(), std::back_inserter(check.drifts));
  if (!DaysAreEven(tx, month)) {
    check.drifts.push_back({.kind = DriftKind::kUnevenDays, .user_id = "", .model = ""});
  }
  return check;
}

}  // namespace

std::string_view Name(DriftKind kind) {
  switch (kind) {
    case DriftKind::kUnrecorded:
      return "unrecorded";
    case DriftKind::kUnpublished:
      return "unpublished";
    case DriftKind::kRewritten:
      return "rewritten";
    case DriftKind::kUnevenDays:
      return "uneven days";
    case DriftKind::kUnfilled:
      return "unfilled";
  }
  return "";
}

bool IsRewritten(db::Transaction& tx, const billing::Month& month) {
  return !tx.Exec(sql::kPeriodState, db::Params::Of(month.FirstDay())).Only().Bool("unchanged");
}

std::vector<billing::Month> RewrittenMonths(db::Session& session) {
  db::Transaction tx(session, {.read_only = true, .statement_timeout = kPatience});
  std::vector<billing::Month> months;
  for (const db::Row row : tx.Exec(sql::kRewrittenMonths)) {
    months.push_back(billing::Month::Parse(row.Text("month")).value());
  }
  tx.Commit();
  return months;
}

MonthCheck CheckMonth(db::Transaction& tx, const billing::Month& month) {
  PlanForOnePass(tx);
  return Check(tx, month, [&] { return CompareUsers(tx, month, kAllUsers); });
}

MonthCheck VerifyMonth(db::Session& session, const billing::Month& month) {
  db::Transaction tx(session, {.read_only = true, .snapshot = true, .statement_timeout = kPatience});
  PlanForOnePass(tx);
  auto check = Check(tx, month, [&] {
    const auto snapshot = tx.Exec(sql::kExportSnapshot).Only().Text("snapshot");
    auto upper = std::async(std::launch::async, CompareUsersElsewhere, session.options(), snapshot, month, kUpperUsers);
    auto drifts = CompareUsers(tx, month, kLowerUsers);
    std::ranges::move(upper.get(), std::back_inserter(drifts));
    std::ranges::stable_sort(drifts, {}, &Drift::kind);
    return drifts;
  });
  tx.Commit();
  return check;
}

void RecordCheck(db::Session& session, const MonthCheck& check) {
  db::Transaction tx(session);
  tx.Exec(sql::kRecordCheck, db::Params::Of(check.month.FirstDay(), static_cast<int64_t>(check.drifts.size())));
  tx.Commit();
}

DriftSummary LastChecks(db::Session& session) {
  db::Transaction tx(session, {.read_only = true});
  const auto rows = tx.Exec(sql::kDriftSummary);
  const DriftSummary summary{rows.Only().Int("drifts"), rows.Only().Int("months")};
  tx.Commit();
  return summary;
}

}  // namespace billsync::usage
