#include "billsync/usage/close.h"

#include "month_check.h"
#include "rollup_steps.h"
#include "usage/close_sql.h"

namespace billsync::usage {
namespace {

Period ReadPeriod(const db::Row& row) {
  Period period{.month = billing::Month::Parse(row.Text("month")).value(), .closed_at = row.OptAt("closed_at")};
  period.closed_by = row.OptText("closed_by").value_or("");
  period.users = row.OptInt("users").value_or(0);
  period.total_runs = row.OptText("total_runs").value_or("0");
  period.total_tokens = row.OptText("total_tokens").value_or("0");
  period.total_cost_usd = row.OptText("total_cost_usd").value_or("0.00");
  period.total_cost_exact_usd = row.OptText("total_cost_exact_usd").value_or("0.0000");
  period.usage_sha256 = row.OptText("usage_sha256").value_or("");
  return period;
}

Period GetPeriod(db::Transaction& tx, const billing::Month& month) {
  const auto rows = tx.Exec(sql::kFindPeriod, db::Params::Of(month.FirstDay()));
  return ReadPeriod(rows.Only());
}

std::vector<CloseRequest> ReadRequests(db::Session& session, const std::optional<std::string>& first_day) {
  db::Transaction tx(session, {.read_only = true});
  std::vector<CloseRequest> requests;
  for (const db::Row row : tx.Exec(sql::kListCloseRequests, db::Params::Of(first_day))) {
    CloseRequest request{.month = billing::Month::Parse(row.Text("month")).value(),
                         .audit_id = row.Int("audit_id"),
                         .requested_by = row.Text("requested_by"),
                         .requested_at = row.At("requested_at")};
    request.finished_at = row.OptAt("finished_at");
    request.outcome = row.OptText("outcome");
    request.detail = row.OptText("detail");
    requests.push_back(std::move(request));
  }
  tx.Commit();
  return requests;
}

}  // namespace

std::vector<Period> ListPeriods(db::Session& session) {
  db::Transaction tx(session, {.read_only = true});
  std::vector<Period> periods;
  for (const db::Row row : tx.Exec(sql::kListPeriods)) {
    if (billing::Month::Parse(row.Text("month"))) periods.push_back(ReadPeriod(row));
  }
  tx.Commit();
  return periods;
}

tl::expected<Period, NotClosed> CloseMonth(db::Session& session, const billing::Month& month, const std::string& by,
                                           Instant now) {
  const auto refusal = [&](NotClosed::Reason reason, std::vector<Drift> drifts = {}) {
    return tl::unexpected(NotClosed{.reason = reason, .check = {.month = month, .drifts = std::move(drifts)}});
  };
  if (now < month.End()) return refusal(NotClosed::Reason::kNotOver);
  db::Transaction tx(session, {.statement_timeout = std::chrono::hours(1)});
  LockRollup(tx);
  // Rows before the month, as whoever else writes them locks the two.
  BringUpToDate(tx, month, now);
  tx.Exec(sql::kLockPeriod, db::Params::Of(month.FirstDay()));
  if (auto found = GetPeriod(tx, month); found.closed_at) {
    if (IsRewritten(tx, month))
      return refusal(NotClosed::Reason::kDrift, {{.kind = DriftKind::kRewritten, .user_id = "", .model = ""}});
    tx.Commit();
    return found;
  }
  if (tx.Exec(sql::kDeltasWait, db::Params::Of(month.FirstDay())).Only().Bool("wait")) {
    return refusal(NotClosed::Reason::kWaiting);
  }
  auto check = CheckMonth(tx, month);
  if (!check.drifts.empty()) return refusal(NotClosed::Reason::kDrift, std::move(check.drifts));
  tx.Exec(sql::kKeepClosedReports, db::Params::Of(month.FirstDay()));
  tx.Exec(sql::kFreezePeriod, db::Params::Of(month.FirstDay(), by));
  auto closed = GetPeriod(tx, month);
  tx.Commit();
  return closed;
}

std::string_view Name(CloseStep step) {
  switch (step) {
    case CloseStep::kRollup:
      return "rollup";
    case CloseStep::kVerify:
      return "verify";
    case CloseStep::kClose:
      return "close";
    case CloseStep::kReset:
      return "reset";
    case CloseStep::kExport:
      return "export";
  }
  return "";
}

void RecordStep(db::Session& session, const billing::Month& month, CloseStep step, const std::string& by,
                const std::string& detail) {
  db::Transaction tx(session);
  tx.Exec(sql::kRecordCloseStep, db::Params::Of(month.FirstDay(), Name(step), by, detail));
  tx.Commit();
}

std::vector<StepDone> ListSteps(db::Session& session, const billing::Month& month) {
  db::Transaction tx(session, {.read_only = true});
  std::vector<StepDone> steps;
  for (const db::Row row : tx.Exec(sql::kListCloseSteps, db::Params::Of(month.FirstDay()))) {
    steps.push_back({row.Text("step"), row.Text("done_by"), row.Text("detail"), row.At("done_at")});
  }
  tx.Commit();
  return steps;
}

std::string_view Name(CloseOutcome outcome) {
  switch (outcome) {
    case CloseOutcome::kDone:
      return "done";
    case CloseOutcome::kRefused:
      return "refused";
    case CloseOutcome::kFailed:
      return "failed";
  }
  return "";
}

bool RequestClose(db::Transaction& tx, const billing::Month& month, int64_t audit_id) {
  return tx.Exec(sql::kRequestClose, db::Params::Of(month.FirstDay(), audit_id)).affected() == 1;
}

std::vector<CloseRequest> OpenCloseRequests(db::Session& session) {
  return ReadRequests(session, std::nullopt);
}

std::optional<CloseRequest> FindCloseRequest(db::Session& session, const billing::Month& month) {
  auto found = ReadRequests(session, month.FirstDay());
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

void SettleCloseRequest(db::Transaction& tx, const CloseRequest& request, CloseOutcome outcome,
                        const std::string& detail) {
  tx.Exec(sql::kSettleCloseRequest, db::Params::Of(request.month.FirstDay(), request.audit_id, Name(outcome), detail));
}

std::vector<billing::Month> MonthsToClose(db::Session& session, Instant now, int64_t after_days, CloseStep last) {
  db::Transaction tx(session, {.read_only = true});
  std::vector<billing::Month> months;
  for (const db::Row row : tx.Exec(sql::kMonthsToClose, db::Params::Of(now, after_days, Name(last)))) {
    if (const auto month = billing::Month::Parse(row.Text("month"))) months.push_back(*month);
  }
  tx.Commit();
  return months;
}

}  // namespace billsync::usage
