#include "billsync/report/export.h"

#include <iostream>
#include <memory>
#include <vector>

#include "context.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

struct ExportOptions {
  std::vector<std::string> reports;
  std::string period;
  std::string format = "csv";
  std::string output = ".";
};

std::vector<report::Report> ParseReports(const std::vector<std::string>& names) {
  std::vector<report::Report> reports;
  for (const auto& name : names) reports.push_back(*report::ParseReport(name));
  return reports;
}

void PrintTotals(const report::Manifest& manifest, std::ostream& out) {
  for (const auto& file : manifest.files) {
    out << file.name << ": " << file.rows << " rows, sha256 " << file.sha256 << "\n";
    for (const auto& [currency, totals] : file.totals) {
      out << "  " << currency;
      for (const auto& [name, value] : totals) out << "  " << name << " " << value;
      out << "\n";
    }
  }
}

int Export(const Context& context, const ExportOptions& options) {
  const auto period =
      options.period.empty() ? std::optional(billing::Month::Of(SystemNow())) : billing::Month::Parse(options.period);
  if (!period) throw CliError(kUsage, "--period must be a month such as 2026-10, not '" + options.period + "'");
  const auto reports = ParseReports(options.reports);
  auto session = context.Connect("export");
  ProgressBar bar("rows");
  const auto progress = [&](int64_t rows, int64_t total) { bar.Update(rows, total); };
  if (options.output == "-") {
    if (reports.size() != 1) throw CliError(kUsage, "standard output takes one report; give --output a directory");
    report::ExportToStream(session, reports.front(), *period, std::cout, progress);
    return kDone;
  }
  const auto manifest = report::ExportToDirectory(session, reports, *period, options.output, progress);
  if (context.json) {
    std::cout << manifest.Json();
  } else {
    PrintTotals(manifest, std::cout);
    std::cout << "written to " << options.output << " with manifest.json\n";
  }
  return kDone;
}

}  // namespace

void AddExport(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("export", "finance's files with a manifest: usage, invoices, adjustments");
  const auto options = std::make_shared<ExportOptions>();
  command->add_option("REPORT", options->reports, "usage, invoices, adjustments: one or several, from one snapshot")
      ->required()
      ->check(CLI::IsMember({"usage", "invoices", "adjustments"}));
  command->add_option("--period", options->period, "the month, YYYY-MM; without it the current one (UTC)");
  command->add_option("--format", options->format, "csv")->check(CLI::IsMember({"csv"}))->capture_default_str();
  command->add_option("--output", options->output, "a directory, or - for standard output")->capture_default_str();
  AddJsonFlag(*command, context);
  command->callback([&context, options] { context.run = [&context, options] { return Export(context, *options); }; });
}

}  // namespace billsync::cli
