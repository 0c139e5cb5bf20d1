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
  ProgressBar bar;
  return usage::FillHistory(session, SystemNow, bar.Watch());
}

struct RollupOptions {
  std::optional<std::string> period;
  bool full = false, take_over = false, allow_decrease = false;
};

struct Recomputed {
  int64_t changed = 0;
  std::vector<std::pair<billing::Month, int64_t>> refused;  // with the pairs of user and model that would lose
};

Recomputed Recompute(db::Session& session, const std::vector<billing::Month>& months, Instant now,
                     const usage::RecomputeOptions& options) {
  ProgressBar progress("months");
  Recomputed result;
  for (size_t i = 0; i < months.size(); ++i) {
    const auto changed = usage::RecomputeMonth(session, months[i], now, options);
    if (changed) {
      result.changed += *changed;
    } else {
      result.refused.emplace_back(months[i], changed.error().pairs);
    }
    progress.Update(static_cast<int64_t>(i + 1), static_cast<int64_t>(months.size()));
  }
  return result;
}

void TellRefused(const Recomputed& recomputed) {
  for (const auto& [month, pairs] : recomputed.refused) {
    std::cerr << "billsync: " << month.Text() << " is left as it is: more is recorded than its runs say, for " << pairs
              << (pairs == 1 ? " pair" : " pairs")
              << " of user and model. Was a partition of agent_runs dropped or detached without "
                 "billing_retire_runs_of()? `billsync verify usage --period "
              << month.Text() << "` lists it; --allow-decrease takes the runs' word.\n";
  }
}

int Rollup(const Context& context, const RollupOptions& options) {
  const Instant now = SystemNow();
  std::optional<billing::Month> only;
  if (options.period) {
    only = billing::Month::Parse(*options.period);
    if (!only) throw CliError(kUsage, "--period must be a month such as 2026-10, not '" + *options.period + "'");
  }
  if (!options.full && (options.take_over || options.allow_decrease)) {
    throw CliError(kUsage, "--take-over and --allow-decrease belong to --full");
  }
  auto session = context.Connect("rollup");
  BeginAudited(context, session);
  const int64_t filled = Fill(session);
  int64_t changed = 0;
  {
    ProgressBar bar;
    changed = usage::Rollup(session, now, only, bar.Watch());
  }
  Recomputed recomputed;
  if (options.full) {
    recomputed = Recompute(session, only ? std::vector{*only} : usage::MonthsOfUsage(session), now,
                           {.foreign = options.take_over ? usage::ForeignRows::kTakeOver : usage::ForeignRows::kKeep,
                            .allow_decrease = options.allow_decrease});
    changed += recomputed.changed;
  } else if (!only) {
    changed += usage::RestoreOpenMonths(session, now, usage::Restored::kTouched);
  }
  if (context.json) {
    std::cout << JsonObject().Add("rows_changed", changed).Add("months_filled", filled).Text() << "\n";
  } else {
    if (filled > 0) std::cout << "first fill: " << filled << " months of history taken in\n";
    std::cout << "billing_usage: " << changed << " rows changed\n";
  }
  TellRefused(recomputed);
  return recomputed.refused.empty() ? kDone : kNeedsAttention;
}

}  // namespace

void AddRollup(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("rollup", "bring billing_usage up to date from agent_runs");
  const auto options = std::make_shared<RollupOptions>();
  command->add_option("--period", options->period, "only this month, YYYY-MM");
  command->add_flag("--full", options->full, "recompute from the runs instead of adding what is new");
  command->add_flag("--take-over", options->take_over,
                    "with --full: overwrite rows of older months that the platform wrote (runs purged since are lost)");
  command->add_flag("--allow-decrease", options->allow_decrease,
                    "with --full: take the runs' word where more is recorded than they say");
  AddJsonFlag(*command, context);
  command->callback([&context, options] {
    context.audited = {"rollup", options->period.value_or("") + (options->full ? " full" : "")};
    context.run = [&context, options] { return Rollup(context, *options); };
  });
}

}  // namespace billsync::cli
