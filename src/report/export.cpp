#include "billsync/report/export.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

#include "billsync/base/log.h"
#include "billsync/base/version.h"
#include "billsync/db/migrator.h"
#include "columns.h"
#include "digest_stream.h"
#include "durable_file.h"
#include "report/report_sql.h"

namespace billsync::report {
namespace {

std::string HeaderLine(const ReportShape& shape) {
  std::string line;
  for (const Column& column : shape.columns) {
    if (!line.empty()) line += ',';
    line += column.name;
  }
  return line + "\r\n";
}

std::string RowLine(const ReportShape& shape, const db::Row& row) {
  std::string line;
  for (size_t i = 0; i < shape.columns.size(); ++i) {
    if (i > 0) line += ',';
    const auto value = row.Raw(static_cast<int>(i));
    if (!value) continue;
    if (shape.columns[i].cell == Cell::kNumber) {
      line += *value;
    } else {
      line += CsvCell(*value);
    }
  }
  return line + "\r\n";
}

// Control totals and the number of rows to come.
int64_t ReadTotals(db::Transaction& tx, const ReportShape& shape, const db::Params& period, FileSummary& file) {
  int64_t rows = 0;
  for (const db::Row row : tx.Exec(*shape.totals, period)) {
    rows += row.Int("rows");
    auto& totals = file.totals[row.Text("currency")];
    for (const std::string_view name : shape.total_columns) {
      totals.emplace(name, row.Text(std::string(name).c_str()));
    }
  }
  return rows;
}

std::string FileName(Report report, const billing::Month& period) {
  return std::string(Name(report)) + "-" + period.Text() + ".csv";
}

// Reads everything from one moment.
class Snapshot {
 public:
  Snapshot(db::Session& session, const billing::Month& period)
      : tx_(session, {.read_only = true, .snapshot = true, .statement_timeout = std::chrono::hours(1)}),
        manifest_{.period = period,
                  .period_state = tx_.Exec(sql::kPeriodState, db::Params::Of(period.Start())).Only().Text("state"),
                  .as_of = tx_.Exec(sql::kSnapshotMoment).Only().At("as_of"),
                  .schema_version = db::SchemaVersion(),
                  .program_version = ProgramVersion(),
                  .files = {}} {}

  void Write(Report report, std::ostream& out, const ExportProgress& progress) {
    const ReportShape& shape = ShapeOf(report);
    const auto ends = db::Params::Of(manifest_.period.Start(), manifest_.period.End());
    FileSummary file{
        .report = std::string(Name(report)), .name = FileName(report, manifest_.period), .sha256 = {}, .totals = {}};
    const int64_t total = ReadTotals(tx_, shape, ends, file);
    tx_.Exec(*shape.declare, ends);
    DigestStream digest(out);
    digest.Write(HeaderLine(shape));
    for (auto rows = tx_.Exec(sql::kFetchRows); !rows.empty(); rows = tx_.Exec(sql::kFetchRows)) {
      std::string lines;
      for (const db::Row row : rows) lines += RowLine(shape, row);
      digest.Write(lines);
      file.rows += rows.size();
      progress(file.rows, total);
    }
    tx_.Exec(sql::kCloseRows);
    if (file.rows != total) throw std::logic_error("the report " + file.report + " does not tie to its control totals");
    out.flush();
    if (!out) throw std::runtime_error("the export could not be written: disk full, or the reader went away");
    file.bytes = digest.bytes();
    file.sha256 = digest.Sha256();
    manifest_.files.push_back(std::move(file));
  }

  Manifest Finish() {
    tx_.Commit();
    return std::move(manifest_);
  }

 private:
  db::Transaction tx_;
  Manifest manifest_;
};

// A directory holds one export: a manifest that does not describe its neighbours is worse than none.
void RefuseOtherExport(const std::string& directory, const std::vector<Report>& reports, const billing::Month& period) {
  std::ifstream in(directory + "/manifest.json", std::ios::binary);
  if (!in) return;
  std::ostringstream text;
  text << in.rdbuf();
  const std::string manifest = text.str();
  size_t listed = 0;
  for (size_t at = manifest.find("\"sha256\""); at != std::string::npos; at = manifest.find("\"sha256\"", at + 1)) {
    ++listed;
  }
  const bool same = listed == reports.size() && std::ranges::all_of(reports, [&](Report report) {
                      return manifest.find(JsonQuote(FileName(report, period))) != std::string::npos;
                    });
  if (!same) {
    throw std::runtime_error(directory +
                             " holds the export of other reports or another period; choose an empty directory");
  }
}

std::string TotalsJson(const FileSummary& file) {
  std::string out = "{";
  const char* comma = "\n";
  for (const auto& [currency, totals] : file.totals) {
    out += comma + std::string("        ") + JsonQuote(currency) + ": {";
    const char* inner = "";
    for (const auto& [name, value] : totals) {
      out += inner + JsonQuote(name) + ": " + JsonQuote(value);
      inner = ", ";
    }
    out += "}";
    comma = ",\n";
  }
  return out + (file.totals.empty() ? "}" : "\n      }");
}

std::string FileJson(const FileSummary& file) {
  return "    {\n      \"report\": " + JsonQuote(file.report) + ",\n      \"name\": " + JsonQuote(file.name) +
         ",\n      \"rows\": " + std::to_string(file.rows) + ",\n      \"bytes\": " + std::to_string(file.bytes) +
         ",\n      \"sha256\": " + JsonQuote(file.sha256) + ",\n      \"control_totals\": " + TotalsJson(file) +
         "\n    }";
}

}  // namespace

Manifest ExportToStream(db::Session& session, Report report, const billing::Month& period, std::ostream& out,
                        const ExportProgress& progress) {
  Snapshot snapshot(session, period);
  snapshot.Write(report, out, progress);
  return snapshot.Finish();
}

Manifest ExportToDirectory(db::Session& session, const std::vector<Report>& wanted, const billing::Month& period,
                           const std::string& directory, const ExportProgress& progress) {
  std::vector<Report> reports;
  for (const Report report : wanted) {
    if (std::ranges::find(reports, report) == reports.end()) reports.push_back(report);
  }
  std::filesystem::create_directories(directory);
  RefuseOtherExport(directory, reports, period);
  std::vector<std::unique_ptr<DurableFile>> files;
  Snapshot snapshot(session, period);
  for (const Report report : reports) {
    files.push_back(std::make_unique<DurableFile>(directory + "/" + FileName(report, period)));
    snapshot.Write(report, files.back()->out(), progress);
  }
  Manifest manifest = snapshot.Finish();
  std::filesystem::remove(directory + "/manifest.json");  // it describes the files that are replaced now
  for (const auto& file : files) file->Publish();
  DurableFile beside(directory + "/manifest.json");
  beside.out() << manifest.Json();
  beside.Publish();
  return manifest;
}

std::string Manifest::Json() const {
  std::string out = "{\n  \"period\": " + JsonQuote(period.Text()) +
                    ",\n  \"period_start\": " + JsonQuote(FormatInstant(period.Start())) +
                    ",\n  \"period_end\": " + JsonQuote(FormatInstant(period.End())) +
                    ",\n  \"period_state\": " + JsonQuote(period_state) +
                    ",\n  \"as_of\": " + JsonQuote(FormatInstant(as_of)) +
                    ",\n  \"schema_version\": " + std::to_string(schema_version) +
                    ",\n  \"program_version\": " + JsonQuote(program_version) + ",\n  \"files\": [\n";
  for (size_t i = 0; i < files.size(); ++i) out += (i == 0 ? "" : ",\n") + FileJson(files[i]);
  return out + "\n  ]\n}\n";
}

}  // namespace billsync::report
