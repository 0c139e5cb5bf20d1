#include "billsync/report/export.h"

#include <iostream>
#include <memory>
#include <vector>

#include "billsync/base/parse.h"
#include "context.h"
#include "export_pack.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

struct ExportOptions {
  std::vector<std::string> reports;
  std::string period;
  std::vector<std::string> formats = {"csv"};
  std::string layout = "breakdown";
  std::optional<std::string> user, tier, team;
  std::string output = ".";
};

report::ExportRequest ReadRequest(const ExportOptions& options) {
  report::ExportRequest request{.period = ReadPeriod(options.period),
                                .filter = {options.user, options.tier, options.team}};
  const auto layout = *report::ParseLayout(options.layout);
  for (const auto format : ReadFormats(options.formats)) {
    for (const auto& name : options.reports) {
      const report::Report wanted = *report::ParseReport(name);
      // The layout is of usage; the other reports beside it have none.
      const bool laid_out = wanted == report::Report::kUsage || options.reports.size() == 1;
      const report::ReportItem item{wanted, laid_out ? layout : report::Layout::kBreakdown, format};
      if (const auto refusal = report::Refusal(item)) throw CliError(kUsage, *refusal);
      request.items.push_back(item);
    }
  }
  return request;
}

int Export(const Context& context, const ExportOptions& options) {
  if (options.reports.empty()) {
    throw CliError(kUsage, "name a report: usage, invoices, subscriptions, margin, adjustments; or: export pack");
  }
  const auto request = ReadRequest(options);
  if (options.output == "-" && request.items.size() != 1) {
    throw CliError(kUsage, "standard output takes one report in one format; give --output a directory");
  }
  auto session = context.Connect("export");
  BeginAudited(context, session);
  ProgressBar bar("rows");
  const auto progress = [&](int64_t rows, int64_t total) { bar.Update(rows, total); };
  try {
    if (options.output == "-") {
      report::ExportToStream(session, request, std::cout, progress);
      return kDone;
    }
    PrintManifest(context, report::ExportToDirectory(session, request, options.output, progress), options.output);
    return kDone;
  } catch (const std::invalid_argument& e) {
    throw CliError(kUsage, e.what());
  }
}

}  // namespace

void AddExport(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("export", "finance's files with a manifest; also: pack, verify, diff");
  const auto options = std::make_shared<ExportOptions>();
  const auto uuid = [](const std::string& text) { return IsUuid(text) ? std::string() : "must be a UUID"; };
  command
      ->add_option("REPORT", options->reports,
                   "usage, invoices, subscriptions, margin, adjustments: one or several, from one snapshot")
      ->check(CLI::IsMember({"usage", "invoices", "subscriptions", "margin", "adjustments"}));
  command->add_option("--period", options->period, "YYYY-MM or YYYY-MM..YYYY-MM; without it the current month (UTC)");
  command->add_option("--format", options->formats, "csv, jsonl, xlsx, focus: one or several with commas")
      ->delimiter(',')
      ->capture_default_str();
  command
      ->add_option("--layout", options->layout,
                   "of usage: breakdown (models in one cell), wide (a column each), long (a row each)")
      ->check(CLI::IsMember({"breakdown", "wide", "long"}))
      ->capture_default_str();
  command->add_option("--user", options->user, "only rows of this user (UUID)")->check(uuid);
  command->add_option("--tier", options->tier, "only rows of this plan tier")
      ->check(CLI::IsMember({"free", "pro", "enterprise"}));
  command->add_option("--team", options->team, "only rows of the members of this team (UUID)")->check(uuid);
  command->add_option("--output", options->output, "a directory, or - for standard output")->capture_default_str();
  AddJsonFlag(*command, context);
  command->callback([command, &context, options] {
    if (!command->get_subcommands().empty()) return;
    context.audited = {"export", JoinWords(options->reports) + " " + options->period};
    context.run = [&context, options] { return Export(context, *options); };
  });
  AddPackCommands(*command, context);
}

}  // namespace billsync::cli
