#include "billsync/app/month_close.h"

#include <filesystem>

#include "billsync/usage/rollup.h"

namespace billsync::app {

using usage::CloseStep;

tl::expected<MonthCloseOutcome, usage::NotClosed> RunMonthClose(db::Session& session, const billing::Month& month,
                                                                const MonthCloseOptions& options, const Clock& clock,
                                                                const MonthCloseProgress& progress) {
  const auto note = [&](CloseStep step, const std::string& detail) {
    usage::RecordStep(session, month, step, options.by, detail);
  };
  progress.begun(CloseStep::kRollup);
  usage::FillHistory(session, clock, [](int64_t, int64_t) {});
  const int64_t changed = usage::Rollup(session, clock());
  note(CloseStep::kRollup, std::to_string(changed) + " rows changed");
  progress.begun(CloseStep::kClose);
  auto period = usage::CloseMonth(session, month, options.by, clock());
  if (!period) return tl::unexpected(std::move(period.error()));
  note(CloseStep::kVerify, "recomputed without a difference");
  note(CloseStep::kClose, "sha256 " + period->usage_sha256);

  MonthCloseOutcome outcome{.period = std::move(*period)};
  progress.begun(CloseStep::kReset);
  outcome.quotas_reset = usage::ResetQuotas(session, std::nullopt, [](const auto&) {});
  note(CloseStep::kReset, std::to_string(outcome.quotas_reset) + " users");
  if (options.export_directory) {
    progress.begun(CloseStep::kExport);
    const std::string directory = *options.export_directory + "/" + month.Text();
    const report::ExportRequest pack{.period = report::PeriodRange::Of(month),
                                     .items = report::PackItems({report::Format::kCsv, report::Format::kXlsx})};
    std::filesystem::create_directories(*options.export_directory);
    outcome.exported = report::ExportPack(session, pack, directory, progress.exporting);
    note(CloseStep::kExport, directory);
  }
  return outcome;
}

}  // namespace billsync::app
