// Finance's files: reports of one moment, in several formats, with a manifest.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/billing/month.h"
#include "billsync/db/session.h"
#include "billsync/report/request.h"

namespace billsync::report {

// What one file holds: its entry in manifest.json.
struct FileSummary {
  ReportItem item{Report::kUsage};
  std::string name;  // "usage-2026-10.csv"
  int64_t rows = 0;  // without header and totals
  int64_t bytes = 0;
  std::string sha256;  // of the whole file, lowercase hex
  // Control totals: "USD" → {"total_cost_usd" → "2.50"}. Exact decimals, added up by PostgreSQL over the same rows in
  // the same snapshot.
  std::map<std::string, std::map<std::string, std::string>> totals{};
  // The moment of its snapshot, where that is not the manifest's: of a file that was there when others joined it.
  std::optional<Instant> as_of{};
};

// A month of the period.
struct MonthState {
  std::string month;  // "2026-10"
  bool closed = false;
  std::string usage_sha256{};  // of a closed one

  bool operator==(const MonthState&) const = default;
};

// manifest.json: what was exported, from which moment, with which totals.
struct Manifest {
  PeriodRange period;
  std::string period_state{};  // "open", "closed" or "partly closed"; what is closed is the same bytes for ever
  std::vector<MonthState> months{};
  RowFilter filter{};
  // The snapshot's moment, one for all files; of a closed period the moment it was closed, after which nothing in it
  // changed.
  Instant as_of{};
  int schema_version = 0;
  std::string program_version{};
  std::vector<FileSummary> files{};

  // Pretty JSON, with a final newline.
  std::string Json() const;
};

// Told now and then how many rows are written, of how many; of several files, of all of them.
using ExportProgress = std::function<void(int64_t rows, int64_t total)>;

// One report on its way to a stream, from one snapshot, which is taken when this is made. For one thread.
class ExportStream {
 public:
  // `request` has one item. Throws db::Error, and std::invalid_argument when the item is refused.
  ExportStream(db::Session& session, const ExportRequest& request);
  ~ExportStream();
  ExportStream(const ExportStream&) = delete;
  ExportStream& operator=(const ExportStream&) = delete;

  // Period, state, moment; no files.
  const Manifest& facts() const;
  // A name for the bytes that WriteTo will write, where they are the same for ever; else empty.
  std::string FixedTag() const;
  // Writes the file, once. Memory does not grow with the rows; XLSX waits in the temporary directory of the system.
  // Throws db::Error, or std::runtime_error when `out` fails.
  Manifest WriteTo(std::ostream& out, const ExportProgress& progress);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// ExportStream at once. CSV is UTF-8, RFC 4180 with CRLF, ISO dates, decimals with a fixed scale; a text cell that
// starts with = + - @, tab or CR is preceded by an apostrophe, so that no spreadsheet runs it.
Manifest ExportToStream(db::Session& session, const ExportRequest& request, std::ostream& out,
                        const ExportProgress& progress);

// Writes each item's file and manifest.json into a directory, all from one snapshot, each under its name only when all
// are complete and flushed to disk; creates the directory. Throws as ExportStream does, and std::runtime_error naming
// the file that could not be written or the other export that the directory holds already.
Manifest ExportToDirectory(db::Session& session, const ExportRequest& request, const std::string& directory,
                           const ExportProgress& progress);

// The same, but the directory as a whole appears when all is complete: there is never half a pack. Replaces an earlier
// pack of the same request; throws std::runtime_error when something else has that name.
Manifest ExportPack(db::Session& session, const ExportRequest& request, const std::string& directory,
                    const ExportProgress& progress);

// Rows of a report for a page of a program or a person, from a snapshot of their own.
struct ReportPage {
  Manifest facts;                 // period, state, moment; no files
  std::vector<std::string> rows;  // JSON objects, as JSON Lines have them
  std::string next;               // the key to continue behind; empty: there are no more
};
ReportPage ReadPage(db::Session& session, const ExportRequest& request, const std::string& after, int64_t limit);

// One CSV field, quoted and guarded as said above.
std::string CsvCell(std::string_view text);

}  // namespace billsync::report
