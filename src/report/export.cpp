#include "billsync/report/export.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "manifest_file.h"
#include "report_file.h"
#include "snapshot.h"
#include "staging.h"
#include "text_writers.h"

namespace billsync::report {
namespace {

constexpr const char* kManifestName = "manifest.json";

// A file that may be another format of the same rows: those are read once.
struct Writing {
  FileSummary summary;
  std::unique_ptr<ReportFile> file;
};

bool SameRows(const ReportItem& a, const ReportItem& b) {
  return a.report == b.report && a.layout == b.layout && (a.format == Format::kFocus) == (b.format == Format::kFocus);
}

// What a workbook says of when it was made: the period's end, so that the same rows are the same bytes.
Instant CreatedOf(const PeriodRange& period) {
  return period.last.End();
}

// Rows and totals of one report, read once and written to every format that is asked for.
class ReportSet {
 public:
  ReportSet(Snapshot& snapshot, const ExportRequest& request) : snapshot_(snapshot), request_(request) {
    for (const auto& item : request.items) {
      const bool twice = std::ranges::any_of(groups_, [&](const Group& group) {
        return std::ranges::any_of(
            group.items, [&](const ReportItem& other) { return SameRows(item, other) && item.format == other.format; });
      });
      if (!twice) GroupOf(item).items.push_back(item);
    }
    for (auto& group : groups_) {
      group.shape = snapshot.Shape(group.items.front());
      std::tie(group.totals, group.rows) = snapshot.ReadTotals(group.shape, request.filter);
      total_ += group.rows;
    }
  }

  std::vector<FileSummary> WriteTo(const std::string& directory, const ExportProgress& progress) {
    std::vector<FileSummary> files;
    for (const auto& group : groups_) {
      for (auto& summary : WriteGroup(group, directory, progress)) files.push_back(std::move(summary));
      done_ += group.rows;
    }
    // In the order they were asked for.
    std::vector<FileSummary> ordered;
    for (const auto& item : request_.items) {
      const auto at = std::ranges::find(files, FileName(item, request_.period), &FileSummary::name);
      if (at == files.end()) continue;
      ordered.push_back(std::move(*at));
      files.erase(at);
    }
    return ordered;
  }

 private:
  struct Group {
    std::vector<ReportItem> items{};
    ReportShape shape{};
    Totals totals{};
    int64_t rows = 0;
  };

  Group& GroupOf(const ReportItem& item) {
    for (auto& group : groups_) {
      if (SameRows(group.items.front(), item)) return group;
    }
    return groups_.emplace_back();
  }

  std::vector<FileSummary> WriteGroup(const Group& group, const std::string& directory,
                                      const ExportProgress& progress) {
    std::vector<Writing> files;
    std::vector<RowSink*> sinks;
    for (const auto& item : group.items) {
      FileSummary summary{.item = item, .name = FileName(item, request_.period), .sha256 = {}, .totals = group.totals};
      const auto cells = group.rows * static_cast<int64_t>(group.shape.columns.size());
      auto file = std::make_unique<ReportFile>(item.format, group.shape, directory + "/" + summary.name, directory,
                                               CreatedOf(request_.period), cells);
      sinks.push_back(&file->sink());
      files.push_back({std::move(summary), std::move(file)});
    }
    const int64_t rows = snapshot_.ReadRows(group.shape, request_.filter, sinks,
                                            [&](int64_t so_far) { progress(done_ + so_far, total_); });
    if (rows != group.rows) throw std::logic_error(group.shape.title + " does not tie to its control totals");
    std::vector<FileSummary> summaries;
    for (auto& [summary, file] : files) {
      file->sink().Finish(group.totals);
      file->Close();
      summary.rows = rows;
      summary.bytes = file->bytes();
      summary.sha256 = file->sha256();
      summaries.push_back(std::move(summary));
    }
    return summaries;
  }

  Snapshot& snapshot_;
  const ExportRequest& request_;
  std::vector<Group> groups_;
  int64_t total_ = 0, done_ = 0;
};

bool SameRows(const RowFilter& one, const RowFilter& other) {
  return one.user_id == other.user_id && one.plan_tier == other.plan_tier && one.team_id == other.team_id;
}

// Of the export that is in `directory`, if there is one, the files that `request` does not replace.
std::vector<FileSummary> FilesBeside(const std::string& directory, const ExportRequest& request) {
  if (!std::filesystem::exists(directory + "/" + kManifestName)) return {};
  Manifest there = ReadManifest(directory + "/" + kManifestName);
  const std::string refused = directory + " holds the export of other ";
  if (!SameRows(there.filter, request.filter)) {
    throw std::runtime_error(refused + "rows; choose an empty directory");
  }
  std::erase_if(there.files, [&](const FileSummary& file) {
    return std::ranges::any_of(request.items,
                               [&](const auto& item) { return FileName(item, request.period) == file.name; });
  });
  if (!there.files.empty() && there.period.Text() != request.period.Text()) {
    throw std::runtime_error(refused + "months (" + there.period.Text() + "); choose an empty directory");
  }
  for (auto& file : there.files) file.as_of = file.as_of.value_or(there.as_of);
  return there.files;
}

// A manifest tells the state of its months once: files from before a month was closed cannot be beside ones from after.
void RefuseOtherState(const std::string& directory, const Manifest& now) {
  if (ReadManifest(directory + "/" + kManifestName).months == now.months) return;
  throw std::runtime_error(directory + " holds files of " + now.period.Text() +
                           " from before a month of it was closed; export them again, or choose an empty directory");
}

// Takes the snapshot and writes the files, and the manifest of them and of those that stay in `directory`, into
// `staging`. The result is about what was written.
Manifest WriteAll(db::Session& session, const ExportRequest& request, const Staging& staging,
                  const std::string& directory, std::vector<FileSummary> beside, const ExportProgress& progress) {
  Snapshot snapshot(session, request.period);
  Manifest manifest = snapshot.facts();
  if (!beside.empty()) RefuseOtherState(directory, manifest);
  manifest.filter = request.filter;
  manifest.files = ReportSet(snapshot, request).WriteTo(staging.path(), progress);
  snapshot.Finish();
  std::vector<std::string> names = {kManifestName};
  for (const auto& file : manifest.files) names.push_back(file.name);
  Manifest whole = manifest;
  for (auto& file : beside) {
    if (file.as_of == whole.as_of) file.as_of.reset();
    whole.files.push_back(std::move(file));
  }
  std::ofstream out(staging.path() + "/" + kManifestName, std::ios::binary);
  out << whole.Json();
  out.close();
  if (!out) throw std::runtime_error("cannot write " + staging.path() + "/" + kManifestName);
  staging.Flush(names);
  return manifest;
}

std::string Sibling(const std::string& directory) {
  std::filesystem::path path(directory);
  if (!path.has_filename()) path = path.parent_path();
  return path.string() + ".partial-" + std::to_string(::getpid());
}

// A directory of the system's for a file that has no place of its own.
std::string TemporaryDirectory() {
  std::string path = (std::filesystem::temp_directory_path() / "billsync-export-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) {
    throw std::runtime_error("cannot make a temporary directory: " + std::string(std::strerror(errno)));
  }
  return path;
}

}  // namespace

struct ExportStream::Parts {
  Parts(db::Session& session, const ExportRequest& given)
      : request(given), item(request.items.at(0)), snapshot(session, request.period), shape(snapshot.Shape(item)) {}
  const ExportRequest request;
  const ReportItem item;
  Snapshot snapshot;
  const ReportShape shape;
};

ExportStream::ExportStream(db::Session& session, const ExportRequest& request)
    : parts_(std::make_unique<Parts>(session, request)) {}

ExportStream::~ExportStream() = default;

const Manifest& ExportStream::facts() const {
  return parts_->snapshot.facts();
}

std::string ExportStream::FixedTag() const {
  const Manifest& said = facts();
  if (said.period_state != "closed") return "";
  std::string of = FileName(parts_->item, parts_->request.period) + "|" + std::to_string(said.schema_version) + "|" +
                   said.program_version;
  const RowFilter& filter = parts_->request.filter;
  for (const auto& part : {filter.user_id, filter.plan_tier, filter.team_id}) of += "|" + part.value_or("");
  for (const auto& month : said.months) of += "|" + month.usage_sha256;
  return Sha256Of(of).substr(0, 32);
}

Manifest ExportStream::WriteTo(std::ostream& out, const ExportProgress& progress) {
  Parts& p = *parts_;
  const auto [totals, expected] = p.snapshot.ReadTotals(p.shape, p.request.filter);
  FileSummary summary{.item = p.item, .name = FileName(p.item, p.request.period), .sha256 = {}, .totals = totals};
  DigestStream digest(out);
  const auto read = [&, all = expected](RowSink& sink) {
    summary.rows = p.snapshot.ReadRows(p.shape, p.request.filter, {&sink}, [&](int64_t rows) { progress(rows, all); });
    if (summary.rows != all) throw std::logic_error(summary.name + " does not tie to its control totals");
    sink.Finish(summary.totals);
  };
  if (p.item.format == Format::kXlsx) {
    const Staging staging(TemporaryDirectory() + "/files");
    const std::filesystem::path parent = std::filesystem::path(staging.path()).parent_path();
    struct Removed {
      const std::filesystem::path& path;
      ~Removed() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
      }
    } removed{parent};
    ReportFile file(p.item.format, p.shape, staging.path() + "/" + summary.name, staging.path(),
                    CreatedOf(p.request.period), summary.rows * static_cast<int64_t>(p.shape.columns.size()));
    read(file.sink());
    CopyFile(staging.path() + "/" + summary.name, digest);
  } else {
    read(*MakeTextWriter(p.item.format, p.shape, digest));
  }
  out.flush();
  if (!out) throw std::runtime_error("the export could not be written: disk full, or the reader went away");
  p.snapshot.Finish();
  summary.bytes = digest.bytes();
  summary.sha256 = digest.Sha256();
  Manifest manifest = facts();
  manifest.filter = p.request.filter;
  manifest.files.push_back(std::move(summary));
  return manifest;
}

Manifest ExportToStream(db::Session& session, const ExportRequest& request, std::ostream& out,
                        const ExportProgress& progress) {
  return ExportStream(session, request).WriteTo(out, progress);
}

Manifest ExportToDirectory(db::Session& session, const ExportRequest& request, const std::string& directory,
                           const ExportProgress& progress) {
  std::filesystem::create_directories(directory);
  auto beside = FilesBeside(directory, request);
  Staging staging(directory + "/.partial-" + std::to_string(::getpid()));
  Manifest manifest = WriteAll(session, request, staging, directory, std::move(beside), progress);
  std::filesystem::remove(directory + "/" + kManifestName);  // it describes the files that are replaced now
  std::vector<std::string> names;
  for (const auto& file : manifest.files) names.push_back(file.name);
  names.push_back(kManifestName);
  staging.MoveFiles(names, directory);
  return manifest;
}

Manifest ExportPack(db::Session& session, const ExportRequest& request, const std::string& directory,
                    const ExportProgress& progress) {
  if (std::filesystem::exists(directory) && !std::filesystem::exists(directory + "/" + kManifestName) &&
      !std::filesystem::is_empty(directory)) {
    throw std::runtime_error(directory + " holds something else than a pack; choose another name");
  }
  if (!FilesBeside(directory, request).empty()) {
    throw std::runtime_error(directory + " holds the export of other reports; choose another name");
  }
  Staging staging(Sibling(directory));
  Manifest manifest = WriteAll(session, request, staging, directory, {}, progress);
  staging.BecomeDirectory(directory);
  return manifest;
}

namespace {

// Keeps each row as the JSON object it is.
class RowCollector : public RowSink {
 public:
  RowCollector(const ReportShape& shape, std::vector<std::string>& rows) : shape_(shape), rows_(rows) {}
  void Row(const Cells& cells) override { AppendJsonRow(shape_, cells, rows_.emplace_back()); }
  void Finish(const Totals&) override {}

 private:
  const ReportShape& shape_;
  std::vector<std::string>& rows_;
};

}  // namespace

ReportPage ReadPage(db::Session& session, const ExportRequest& request, const std::string& after, int64_t limit) {
  Snapshot snapshot(session, request.period);
  const ReportShape shape = snapshot.Shape(request.items.at(0));
  ReportPage page{.facts = snapshot.facts(), .rows = {}, .next = {}};
  RowCollector collector(shape, page.rows);
  page.next = snapshot.ReadPage(shape, request.filter, after, limit, collector);
  snapshot.Finish();
  return page;
}

}  // namespace billsync::report
