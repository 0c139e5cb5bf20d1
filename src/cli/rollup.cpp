#include "billsync/usage/rollup.h"

#include <iostream>
#include <memory>
#include <vector>

#include "billsync/base/json_writer.h"
#include "context.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

int64_t Fill(db::Session& session) {
  ProgressBar progress("months of history");
  return usage::FillHistory(session, SystemNow, [&](int64_t done, int64_t total) { progress.Update(done, total); });
}

int64_t Recompute(db::Session& session, const std::vector<billing::Month>& months, Instant now) {
  ProgressBar progress("months");
  int64_t changed = 0;
  for (size_t i = 0; i < months.size(); ++i) {
    changed += usage::RecomputeMonth(session, months[i], now, usage::ForeignRows::kTakeOver);
    progress.Update(static_cast<int64_t>(i + 1), static_cast<int64_t>(months.size()));
  }
  return changed;
}

int Rollup(const Context& context, const std::optional<std::string>& period, bool full) {
  const Instant now = SystemNow();
  std::optional<billing::Month> only;
  if (period) {
    only = billing::Month::Parse(*period);
    if (!only) throw CliError(kUsage, "--period must be a month such as 2026-10, not '" + *period + "'");
  }
  auto session = context.Connect("rollup");
  const int64_t filled = Fill(session);
  int64_t changed = usage::Rollup(session, now, only);
  if (full) {
    changed += Recompute(session, only ? std::vector{*only} : usage::MonthsOfUsage(session), now);
  } else if (!only) {
    changed += usage::RestoreOpenMonths(session, now);
  }
  if (context.json) {
    std::cout << JsonObject().Add("rows_changed", changed).Add("months_filled", filled).Text() << "\n";
  } else {
    if (filled > 0) std::cout << "first fill: " << filled << " months of history taken in\n";
    std::cout << "billing_usage: " << changed << " rows changed\n";
  }
  return kDone;
}

}  // namespace

void AddRollup(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("rollup", "bring billing_usage up to date from agent_runs");
  const auto period = std::make_shared<std::optional<std::string>>();
  command->add_option("--period", *period, "only this month, YYYY-MM");
  const auto full = std::make_shared<bool>(false);
  command->add_flag("--full", *full,
                    "recompute from the runs instead of adding what is new, and overwrite rows that billsync did not "
                    "write (runs purged since are lost)");
  AddJsonFlag(*command, context);
  command->callback(
      [&context, period, full] { context.run = [&context, period, full] { return Rollup(context, *period, *full); }; });
}

}  // namespace billsync::cli
