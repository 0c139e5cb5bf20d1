#include "billsync/usage/rollup.h"

#include <iostream>
#include <memory>

#include "billsync/base/json_writer.h"
#include "context.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

int Rollup(const Context& context, const std::optional<std::string>& period, bool full) {
  const Instant now = SystemNow();
  std::vector<billing::Month> months;
  if (period) {
    const auto month = billing::Month::Parse(*period);
    if (!month) throw CliError(kUsage, "--period must be a month such as 2026-10, not '" + *period + "'");
    months.push_back(*month);
  }
  auto session = context.Connect("rollup");
  if (!period) months = usage::MonthsWithRuns(session, now);
  const auto open = usage::OpenMonths(now);
  ProgressBar progress("months");
  int64_t changed = 0;
  for (size_t i = 0; i < months.size(); ++i) {
    const bool ours = full || months[i] >= open.front();
    changed += usage::RollupMonth(session, months[i], ours ? usage::ForeignRows::kTakeOver : usage::ForeignRows::kKeep);
    progress.Update(static_cast<int64_t>(i + 1), static_cast<int64_t>(months.size()));
  }
  if (context.json) {
    std::cout << JsonObject().Add("months", static_cast<int64_t>(months.size())).Add("rows_changed", changed).Text()
              << "\n";
  } else {
    std::cout << "billing_usage: " << changed << " rows changed in " << months.size() << " months\n";
  }
  return kDone;
}

}  // namespace

void AddRollup(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("rollup", "bring billing_usage up to date from agent_runs");
  const auto period = std::make_shared<std::optional<std::string>>();
  command->add_option("--period", *period, "only this month, YYYY-MM; without it every month");
  const auto full = std::make_shared<bool>(false);
  command->add_flag("--full", *full,
                    "also recompute older rows that billsync did not write (runs purged since are lost)");
  AddJsonFlag(*command, context);
  command->callback(
      [&context, period, full] { context.run = [&context, period, full] { return Rollup(context, *period, *full); }; });
}

}  // namespace billsync::cli
