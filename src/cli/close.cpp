#include <iostream>
#include <memory>
#include <stdexcept>

#include "billsync/app/month_close.h"
#include "billsync/base/json_writer.h"
#include "billsync/jobs/scheduler.h"
#include "context.h"
#include "drift_table.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

struct CloseOptions {
  std::optional<std::string> period;
  std::optional<std::string> output;
};

// A line for each step, and a bar where the step says how far it is.
class CloseWatch {
 public:
  explicit CloseWatch(bool quiet) : quiet_(quiet) {}
  Progress Watch() {
    return [this, bar = bar_.Watch()](std::string_view what, int64_t done, int64_t total) {
      if (total > 0) {
        bar(what, done, total);
      } else if (!quiet_ && what != said_) {
        said_ = what;
        std::cout << what << " …" << std::endl;
      }
    };
  }

 private:
  const bool quiet_;
  std::string said_;
  ProgressBar bar_;
};

void PrintOutcome(const Context& context, const app::MonthCloseOutcome& outcome) {
  const auto& period = outcome.period;
  if (context.json) {
    JsonObject one;
    one.Add("period", period.month.Text()).Add("closed_at", FormatInstant(*period.closed_at));
    one.Add("closed_by", period.closed_by).Add("users", period.users).Add("total_runs", period.total_runs);
    one.Add("total_tokens", period.total_tokens).Add("total_cost_usd", period.total_cost_usd);
    one.Add("total_cost_exact_usd", period.total_cost_exact_usd).Add("usage_sha256", period.usage_sha256);
    std::cout << one.Add("quotas_reset", outcome.quotas_reset).Text() << "\n";
    return;
  }
  std::cout << period.month.Text() << " is closed since " << FormatInstant(*period.closed_at).substr(0, 19) << "Z by "
            << period.closed_by << ": " << period.users << " users, " << period.total_runs << " runs, USD "
            << period.total_cost_usd << "\n  sha256 " << period.usage_sha256 << "\n";
  if (outcome.quotas_reset > 0) std::cout << outcome.quotas_reset << " users' quotas reset\n";
  if (!outcome.exported) return;
  for (const auto& file : outcome.exported->files) {
    std::cout << file.name << ": " << file.rows << " rows, sha256 " << file.sha256 << "\n";
  }
}

int Refuse(const Context& context, const billing::Month& month, const usage::NotClosed& refusal) {
  switch (refusal.reason) {
    case usage::NotClosed::Reason::kNotOver:
      throw CliError(kUsage, month.Text() + " is not over yet (UTC)");
    case usage::NotClosed::Reason::kWaiting:
      throw std::runtime_error(month.Text() +
                               " is not closed: usage of a user waits, whose row in users another transaction holds; "
                               "try again when it is done");
    case usage::NotClosed::Reason::kDrift:
      break;
  }
  if (context.json) {
    std::cout << CheckJson(refusal.check) << "\n";
  } else {
    PrintDrifts({refusal.check});
  }
  std::cerr << "billsync: " << month.Text() << " is not closed: its usage differs from its runs in "
            << refusal.check.drifts.size() << " places; `billsync rollup --full --period " << month.Text()
            << "` puts it right\n";
  return kNeedsAttention;
}

int Close(const Context& context, const CloseOptions& options) {
  const auto config = context.Load(app::MissingForDatabase);
  std::vector<billing::Month> months;
  if (options.period) {
    const auto month = billing::Month::Parse(*options.period);
    if (!month) throw CliError(kUsage, "PERIOD must be a month such as 2026-10, not '" + *options.period + "'");
    months.push_back(*month);
  }
  auto session = context.Connect("close");
  BeginAudited(context, session);
  app::MonthCloseOptions batch{.by = Who(), .export_directory = options.output};
  if (!batch.export_directory && !config.export_directory.empty()) batch.export_directory = config.export_directory;
  const auto last = batch.export_directory ? usage::CloseStep::kExport : usage::CloseStep::kReset;
  if (!options.period) months = usage::MonthsToClose(session, SystemNow(), config.close_after.count(), last);
  if (months.empty() && !context.json) std::cout << "No month is due to be closed.\n";
  for (const auto& month : months) {
    CloseWatch watch(context.json);
    const auto outcome = app::RunMonthClose(session, month, batch, SystemNow, watch.Watch());
    if (!outcome) return Refuse(context, month, outcome.error());
    PrintOutcome(context, *outcome);
  }
  return kDone;
}

}  // namespace

void AddClose(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand(
      "close", "close a month for good: roll up, verify, freeze, reset quotas, export (exit 3 if it has drifted)");
  const auto options = std::make_shared<CloseOptions>();
  command->add_option("PERIOD", options->period, "the month, YYYY-MM; without it every month that is due");
  command->add_option("--output", options->output,
                      "write the month's files to DIR/YYYY-MM; without it to usage.export_directory, if that is set");
  AddJsonFlag(*command, context);
  command->callback([&context, options] {
    context.audited = {"close", options->period.value_or("every month that is due"), true};
    context.run = [&context, options] { return Close(context, *options); };
  });
}

}  // namespace billsync::cli
