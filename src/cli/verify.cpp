#include "billsync/usage/verify.h"

#include <algorithm>
#include <iostream>
#include <memory>

#include "billsync/base/json_writer.h"
#include "billsync/base/log.h"
#include "billsync/report/read_back.h"
#include "billsync/usage/money.h"
#include "billsync/usage/rollup.h"
#include "context.h"
#include "drift_table.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

std::optional<billing::Month> MonthOf(const std::optional<std::string>& period) {
  if (!period) return std::nullopt;
  const auto month = billing::Month::Parse(*period);
  if (!month) throw CliError(kUsage, "--period must be a month such as 2026-10, not '" + *period + "'");
  return month;
}

// A role that may only read verifies all the same.
void KeepOutcome(db::Session& session, const usage::MonthCheck& check) {
  try {
    usage::RecordCheck(session, check);
  } catch (const db::Bug& e) {
    Log(LogLevel::kWarning, "the outcome is not kept for the metric", {{"error", e.what()}});
  }
}

std::vector<usage::MonthCheck> Verify(db::Session& session, const std::vector<billing::Month>& months) {
  ProgressBar progress("months");
  std::vector<usage::MonthCheck> checks;
  for (const auto& month : months) {
    checks.push_back(usage::VerifyMonth(session, month));
    KeepOutcome(session, checks.back());
    progress.Update(static_cast<int64_t>(checks.size()), static_cast<int64_t>(months.size()));
  }
  return checks;
}

int VerifyUsage(const Context& context, const std::optional<std::string>& period) {
  const auto only = MonthOf(period);
  auto session = context.Connect("verify");
  const auto checks = Verify(session, only ? std::vector{*only} : usage::MonthsOfUsage(session));
  int64_t drifts = 0, rewritten = 0, foreign_rows = 0;
  for (const auto& check : checks) {
    rewritten += std::ranges::count(check.drifts, usage::DriftKind::kRewritten, &usage::Drift::kind);
    drifts += static_cast<int64_t>(check.drifts.size());
    foreign_rows += check.foreign_rows;
  }
  if (context.json) {
    for (const auto& check : checks) std::cout << CheckJson(check) << "\n";
  } else {
    PrintDrifts(checks);
    std::cout << checks.size() << " months recomputed: "
              << (drifts == 0 ? Good("no difference") : Bad(std::to_string(drifts) + " differences")) << "\n";
    if (foreign_rows > 0) std::cout << foreign_rows << " rows the platform wrote itself were not compared\n";
    if (drifts > rewritten) {
      std::cout
          << "A figure says how much there should be more. `billsync rollup --full --period MONTH` puts an open month "
             "right and books adjustments for a closed one; it refuses to take away.\n";
    }
    if (rewritten > 0) {
      std::cout
          << "A rewritten month was changed after it was closed, by somebody who switched its triggers off: its rows "
             "do not fit the SHA-256 in billing_periods. Restore them from a backup or from the closed month's "
             "files.\n";
    }
  }
  return drifts == 0 ? kDone : kNeedsAttention;
}

constexpr int64_t kListedRuns = 50;

// One month's money, and its exports read back.
struct MonthMoney {
  usage::MoneyCheck check;
  std::vector<std::pair<std::string, report::TotalMismatch>> exports;  // report, difference
  bool Clean() const { return check.Clean() && exports.empty(); }
};

MonthMoney CheckMoney(db::Session& session, const billing::Month& month) {
  MonthMoney money{.check = usage::VerifyMoney(session, month, kListedRuns), .exports = {}};
  for (const auto report : report::kAllReports) {
    for (const auto& mismatch : report::ReadBack(session, report, month)) {
      money.exports.emplace_back(report::Name(report), mismatch);
    }
  }
  return money;
}

void PrintMoney(const std::vector<MonthMoney>& months) {
  Table models({"MONTH", "MODEL", "RUNS WITH CALLS", "DIFFERING", "RUNS USD", "CALLS USD"});
  Table runs({"MONTH", "RUN", "USER", "MODEL", "CALLS", "RUN USD", "CALLS USD"});
  Table uneven({"MONTH", "ROW", "BREAKDOWN", "EXACT", "CENTS OR LINES"});
  Table exports({"MONTH", "REPORT", "CURRENCY", "COLUMN", "IN FILE", "IN TABLES"});
  for (const auto& [check, files] : months) {
    const std::string month = check.month.Text();
    for (const auto& m : check.models) {
      models.AddRow({month, m.model, std::to_string(m.runs), std::to_string(m.differing), m.run_cost, m.calls_cost});
    }
    for (const auto& r : check.mismatches) {
      runs.AddRow({month, r.run_id, r.user_id, r.model, std::to_string(r.calls), r.run_cost, r.calls_cost});
    }
    for (const auto& u : check.uneven) uneven.AddRow({month, u.row, u.breakdown, u.exact, u.other});
    for (const auto& [report, d] : files) exports.AddRow({month, report, d.currency, d.column, d.in_file, d.in_tables});
  }
  for (const Table* table : {&models, &runs, &uneven, &exports}) {
    if (!table->empty()) table->Print();
  }
}

std::string MoneyJson(const MonthMoney& money) {
  const auto& check = money.check;
  JsonArray models, runs, uneven, exports;
  for (const auto& m : check.models) {
    JsonObject one;
    one.Add("model", m.model).Add("runs", m.runs).Add("differing", m.differing).Add("run_cost", m.run_cost);
    models.AddRaw(one.Add("calls_cost", m.calls_cost).Text());
  }
  for (const auto& r : check.mismatches) {
    JsonObject one;
    one.Add("run_id", r.run_id).Add("user_id", r.user_id).Add("model", r.model).Add("calls", r.calls);
    runs.AddRaw(one.Add("run_cost", r.run_cost).Add("calls_cost", r.calls_cost).Text());
  }
  for (const auto& u : check.uneven) {
    JsonObject one;
    one.Add("row", u.row).Add("breakdown", u.breakdown).Add("exact", u.exact);
    uneven.AddRaw(one.Add("other", u.other).Text());
  }
  for (const auto& [report, d] : money.exports) {
    JsonObject one;
    one.Add("report", report).Add("currency", d.currency).Add("column", d.column).Add("in_file", d.in_file);
    exports.AddRaw(one.Add("in_tables", d.in_tables).Text());
  }
  JsonObject json;
  json.Add("month", check.month.Text()).AddRaw("models", models.Text()).AddRaw("runs", runs.Text());
  json.Add("runs_without_calls", check.runs_without_calls).Add("calls_without_run", check.calls_without_run);
  return json.AddRaw("uneven", uneven.Text()).AddRaw("exports", exports.Text()).Text();
}

int VerifyMoney(const Context& context, const std::optional<std::string>& period) {
  const auto only = MonthOf(period);
  auto session = context.Connect("verify");
  const auto months = only ? std::vector{*only} : usage::MonthsOfUsage(session);
  ProgressBar progress("months");
  std::vector<MonthMoney> all;
  for (const auto& month : months) {
    all.push_back(CheckMoney(session, month));
    progress.Update(static_cast<int64_t>(all.size()), static_cast<int64_t>(months.size()));
  }
  const bool clean = std::ranges::all_of(all, &MonthMoney::Clean);
  if (context.json) {
    for (const auto& money : all) std::cout << MoneyJson(money) << "\n";
    return clean ? kDone : kNeedsAttention;
  }
  PrintMoney(all);
  int64_t differing = 0, uncovered = 0;
  for (const auto& money : all) {
    differing += money.check.Differing();
    uncovered += money.check.runs_without_calls;
  }
  std::cout << all.size() << " months: " << (clean ? Good("the money adds up") : Bad("the money does not add up"));
  if (differing > 0)
    std::cout << "; " << differing << " runs differ from their LLM calls, at most 50 a month are listed";
  std::cout << "\n";
  if (uncovered > 0) std::cout << uncovered << " runs have a cost and no LLM calls to compare it with\n";
  return clean ? kDone : kNeedsAttention;
}

}  // namespace

void AddVerify(CLI::App& app, Context& context) {
  auto* verify = app.add_subcommand("verify", "recompute independently and print the drift (exit 3 if any)");
  verify->require_subcommand(1);
  auto* of_usage = verify->add_subcommand("usage", "billing_usage against the runs, to the last digit");
  const auto period = std::make_shared<std::optional<std::string>>();
  of_usage->add_option("--period", *period, "only this month, YYYY-MM");
  AddJsonFlag(*of_usage, context);
  auto* money = verify->add_subcommand(
      "money", "costs of runs against their LLM calls, breakdowns against totals, exports against tables");
  money->add_option("--period", *period, "only this month, YYYY-MM");
  AddJsonFlag(*money, context);
  money->callback([&context, period] { context.run = [&context, period] { return VerifyMoney(context, *period); }; });
  of_usage->callback(
      [&context, period] { context.run = [&context, period] { return VerifyUsage(context, *period); }; });
}

}  // namespace billsync::cli
