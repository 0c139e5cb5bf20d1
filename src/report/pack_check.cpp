#include <array>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <set>
#include <stdexcept>

#include "billsync/report/pack.h"
#include "csv_sums.h"
#include "digest_stream.h"
#include "manifest_file.h"

namespace billsync::report {
namespace {

// Hashes what passes and reads it as CSV or counts its lines.
class FileReader {
 public:
  explicit FileReader(const FileSummary& said)
      : said_(said), sums_(TotalledColumns(said)), nowhere_(&sums_), digest_(sink_) {
    nowhere_.exceptions(std::ios::badbit);
  }

  void Read(std::string_view piece) {
    digest_.Write(piece);
    switch (said_.item.format) {
      case Format::kCsv:
      case Format::kFocus:
        if (csv_fault_.empty()) ReadCsv(piece);
        break;
      case Format::kJsonLines:
        lines_ += std::count(piece.begin(), piece.end(), '\n');
        break;
      case Format::kXlsx:
        break;  // its bytes are known, which is all there is to know
    }
  }

  std::vector<std::string> Faults() {
    std::vector<std::string> faults;
    if (digest_.bytes() != said_.bytes) {
      faults.push_back("has " + std::to_string(digest_.bytes()) + " bytes, the manifest says " +
                       std::to_string(said_.bytes));
    }
    if (const std::string found = digest_.Sha256(); found != said_.sha256) {
      faults.push_back("has the SHA-256 " + found + ", the manifest says " + said_.sha256);
    }
    CheckContents(faults);
    return faults;
  }

 private:
  // Takes and forgets.
  class Nowhere : public std::streambuf {
   protected:
    int_type overflow(int_type c) override { return traits_type::not_eof(c); }
    std::streamsize xsputn(const char*, std::streamsize size) override { return size; }
  };

  static std::vector<std::string> TotalledColumns(const FileSummary& said) {
    std::set<std::string> names;
    for (const auto& [currency, totals] : said.totals) {
      for (const auto& [name, value] : totals) names.insert(name);
    }
    return {names.begin(), names.end()};
  }

  void ReadCsv(std::string_view piece) {
    try {
      nowhere_.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    } catch (const std::runtime_error& e) {
      csv_fault_ = e.what();
    }
  }

  void CheckContents(std::vector<std::string>& faults) {
    const bool csv = said_.item.format == Format::kCsv || said_.item.format == Format::kFocus;
    if (!csv && said_.item.format != Format::kJsonLines) return;
    if (csv) {
      try {
        sums_.Finish();
      } catch (const std::runtime_error& e) {
        if (csv_fault_.empty()) csv_fault_ = e.what();
      }
    }
    if (!csv_fault_.empty()) {
      faults.push_back("cannot be read as CSV: " + csv_fault_);
      return;
    }
    const int64_t rows = csv ? sums_.rows() : lines_;
    if (rows != said_.rows) {
      faults.push_back("has " + std::to_string(rows) + " rows, the manifest says " + std::to_string(said_.rows));
    }
    if (csv) CheckTotals(faults);
  }

  void CheckTotals(std::vector<std::string>& faults) const {
    for (const auto& [currency, totals] : said_.totals) {
      for (const auto& [name, value] : totals) {
        DecimalSum said;
        try {
          said.Add(value);
        } catch (const std::runtime_error&) {
          faults.push_back("the manifest's total of " + name + " is no number: " + value);
          continue;
        }
        if (const DecimalSum found = sums_.Of(currency, name); !(found == said)) {
          faults.push_back(name + " adds up to " + found.Text() + " " + currency + ", the manifest says " + value);
        }
      }
    }
  }

  const FileSummary& said_;
  CsvSums sums_;
  std::ostream nowhere_;
  Nowhere forgotten_;
  std::ostream sink_{&forgotten_};
  DigestStream digest_;
  int64_t lines_ = 0;
  std::string csv_fault_;
};

void CheckFile(const std::string& directory, const FileSummary& said, std::vector<PackFault>& faults,
               const std::function<void(int64_t)>& progress) {
  std::ifstream in(directory + "/" + said.name, std::ios::binary);
  if (!in) {
    faults.push_back({said.name, "is missing or cannot be read"});
    return;
  }
  FileReader reader(said);
  std::array<char, size_t{64} << 10U> piece;
  while (in) {
    in.read(piece.data(), piece.size());
    reader.Read({piece.data(), static_cast<size_t>(in.gcount())});
    progress(in.gcount());
  }
  if (!in.eof()) faults.push_back({said.name, "cannot be read to its end"});
  for (auto& fault : reader.Faults()) faults.push_back({said.name, std::move(fault)});
}

}  // namespace

PackCheck VerifyPack(const std::string& directory, const PackProgress& progress) {
  PackCheck check{.manifest = ReadManifest(directory + "/manifest.json"), .faults = {}};
  std::set<std::string> known = {"manifest.json"};
  int64_t done = 0, total = 0;
  for (const auto& file : check.manifest.files) total += file.bytes;
  for (const auto& file : check.manifest.files) {
    known.insert(file.name);
    CheckFile(directory, file, check.faults, [&](int64_t bytes) { progress(done += bytes, total); });
  }
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (!known.contains(name)) check.faults.push_back({name, "is not in the manifest"});
  }
  return check;
}

}  // namespace billsync::report
