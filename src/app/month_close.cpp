#include "billsync/app/month_close.h"

#include <filesystem>

#include "billsync/usage/rollup.h"

namespace billsync::app {

using usage::CloseStep;

namespace {

std::string_view Doing(CloseStep step) {
  switch (step) {
    case CloseStep::kRollup:
      return "bringing usage up to date";
    case CloseStep::kVerify:
    case CloseStep::kClose:
      return "recomputing, comparing and freezing";
    case CloseStep::kReset:
      return "resetting quotas that are due";
    case CloseStep::kExport:
      return "writing files";
  }
  return "";
}

// The month and the step before what the step itself counts.
Progress Within(const billing::Month& month, CloseStep step, const Progress& progress) {
  const std::string place = month.Text() + ", " + std::string(Doing(step));
  progress(place, 0, 0);
  return [place, &progress](std::string_view what, int64_t done, int64_t total) {
    progress(place + ", " + std::string(what), done, total);
  };
}

}  // namespace

tl::expected<MonthCloseOutcome, usage::NotClosed> RunMonthClose(db::Session& session, const billing::Month& month,
                                                                const MonthCloseOptions& options, const Clock& clock,
                                                                const Progress& progress) {
  const auto note = [&](CloseStep step, const std::string& detail) {
    usage::RecordStep(session, month, step, options.by, detail);
  };
  const auto rolling = Within(month, CloseStep::kRollup, progress);
  usage::FillHistory(session, clock, rolling);
  const int64_t changed = usage::Rollup(session, clock(), std::nullopt, rolling);
  note(CloseStep::kRollup, std::to_string(changed) + " rows changed");
  Within(month, CloseStep::kClose, progress);
  auto period = usage::CloseMonth(session, month, options.by, clock());
  if (!period) return tl::unexpected(std::move(period.error()));
  note(CloseStep::kVerify, "recomputed without a difference");
  note(CloseStep::kClose, "sha256 " + period->usage_sha256);

  MonthCloseOutcome outcome{.period = std::move(*period)};
  const auto resetting = Within(month, CloseStep::kReset, progress);
  outcome.quotas_reset = usage::ResetQuotas(session, std::nullopt, nullptr, resetting);
  note(CloseStep::kReset, std::to_string(outcome.quotas_reset) + " users");
  if (options.export_directory) {
    const auto exporting = Within(month, CloseStep::kExport, progress);
    const std::string directory = *options.export_directory + "/" + month.Text();
    const report::ExportRequest pack{.period = report::PeriodRange::Of(month),
                                     .items = report::PackItems({report::Format::kCsv, report::Format::kXlsx})};
    std::filesystem::create_directories(*options.export_directory);
    outcome.exported = report::ExportPack(session, pack, directory,
                                          [&](int64_t rows, int64_t total) { exporting("rows", rows, total); });
    note(CloseStep::kExport, directory);
  }
  return outcome;
}

}  // namespace billsync::app
