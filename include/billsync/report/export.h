// Finance's files: one report, one period, one snapshot, with a manifest.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/billing/month.h"
#include "billsync/db/session.h"

namespace billsync::report {

enum class Report { kUsage, kInvoices, kAdjustments };

// "usage", "invoices", "adjustments"
std::string_view Name(Report report);
std::optional<Report> ParseReport(std::string_view name);

// What one file holds: its entry in manifest.json.
struct FileSummary {
  std::string report;  // "usage"
  std::string name;    // "usage-2026-10.csv"
  int64_t rows = 0;    // without the header
  int64_t bytes = 0;
  std::string sha256;  // of the whole file, lowercase hex
  // Control totals: "USD" → {"total_cost_usd" → "2.50"}. Exact decimals, computed by PostgreSQL over the same snapshot.
  std::map<std::string, std::map<std::string, std::string>> totals;
};

// manifest.json: what was exported, from which moment, with which totals.
struct Manifest {
  billing::Month period;
  std::string period_state;  // "open" or "closed"; the usage of a closed one is the same for ever
  Instant as_of;             // the snapshot's moment, one for all files
  int schema_version = 0;
  std::string program_version;
  std::vector<FileSummary> files;

  // Pretty JSON, with a final newline.
  std::string Json() const;
};

// Told now and then how many rows are written.
using ExportProgress = std::function<void(int64_t rows, int64_t total)>;

// Writes one report as CSV to `out`: UTF-8, RFC 4180, CRLF line ends, fixed column order, ISO dates, decimals as text
// with a fixed scale; a text cell that starts with = + - @, tab or CR is preceded by an apostrophe, so that no
// spreadsheet runs it. Reads one snapshot through a cursor: memory does not grow with the rows. Throws db::Error, or
// std::runtime_error when `out` fails.
Manifest ExportToStream(db::Session& session, Report report, const billing::Month& period, std::ostream& out,
                        const ExportProgress& progress);

// Writes DIR/<report>-<period>.csv for each report and DIR/manifest.json, all from one snapshot, each under its name
// only when complete and flushed to disk; creates DIR. Throws as ExportToStream, and std::runtime_error naming the file
// that could not be written or the other export that DIR holds already.
Manifest ExportToDirectory(db::Session& session, const std::vector<Report>& reports, const billing::Month& period,
                           const std::string& directory, const ExportProgress& progress);

// One CSV field, quoted and guarded as said above.
std::string CsvCell(std::string_view text);

}  // namespace billsync::report
