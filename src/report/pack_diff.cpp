#include <algorithm>
#include <array>
#include <fstream>
#include <numeric>
#include <set>
#include <stdexcept>
#include <unordered_map>

#include "billsync/report/pack.h"
#include "columns.h"
#include "csv_records.h"
#include "manifest_file.h"

namespace billsync::report {
namespace {

bool IsCsv(const FileSummary& file) {
  return file.item.format == Format::kCsv || file.item.format == Format::kFocus;
}

// A file's report and layout, whatever its period.
std::string KindOf(const FileSummary& file) {
  return std::string(Name(file.item.report)) + "/" + std::string(Name(file.item.layout)) + "/" +
         std::string(Name(file.item.format));
}

// A CSV file whose rows have names.
class NamedRows {
 public:
  using Taker = std::function<void(const std::string& key, const std::vector<std::string>& header,
                                   const std::vector<std::string>& cells)>;

  static void Read(const std::string& path, const FileSummary& file, const Taker& take) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path);
    const auto names = ShapeOf(file.item).key;
    std::vector<size_t> places;
    const std::vector<std::string>* header = nullptr;
    CsvRecords records([&](const std::vector<std::string>& cells) {
      if (places.empty()) places = PlacesOf(names, *header, path);
      std::string key;
      for (const size_t place : places) key += (key.empty() ? "" : " ") + (*header)[place] + "=" + cells[place];
      take(key, *header, cells);
    });
    header = &records.header();
    std::array<char, size_t{64} << 10U> piece;
    while (in) {
      in.read(piece.data(), piece.size());
      records.Read({piece.data(), static_cast<size_t>(in.gcount())});
    }
    records.Finish();
  }

 private:
  static std::vector<size_t> PlacesOf(const std::vector<std::string>& names, const std::vector<std::string>& header,
                                      const std::string& path) {
    std::vector<size_t> places;
    for (const auto& name : names) {
      const auto at = std::ranges::find(header, name);
      if (at == header.end()) throw std::runtime_error(path + " has no column " + name);
      places.push_back(static_cast<size_t>(at - header.begin()));
    }
    return places;
  }
};

// The files themselves: one that was changed by hand still has its old digest in the manifest.
bool SameBytes(const std::string& one, const std::string& other) {
  std::ifstream a(one, std::ios::binary), b(other, std::ios::binary);
  if (!a) throw std::runtime_error("cannot read " + one);
  if (!b) throw std::runtime_error("cannot read " + other);
  std::array<char, size_t{64} << 10U> from_a{}, from_b{};
  while (a && b) {
    a.read(from_a.data(), from_a.size());
    b.read(from_b.data(), from_b.size());
    if (a.gcount() != b.gcount() || !std::equal(from_a.begin(), from_a.begin() + a.gcount(), from_b.begin())) {
      return false;
    }
  }
  return a.eof() && b.eof();
}

using NamedCells = std::map<std::string, std::string>;

// What is not empty; so a column that one of the packs does not have differs only where it says something.
NamedCells Named(const std::vector<std::string>& header, const std::vector<std::string>& cells) {
  NamedCells named;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i].empty()) named.emplace(header[i], cells[i]);
  }
  return named;
}

size_t NumberOf(const NamedCells& cells) {
  std::string text;
  for (const auto& [name, value] : cells) text += name + '\x1f' + value + '\x1e';
  return std::hash<std::string>{}(text);
}

std::vector<RowDifference::Value> Compare(const NamedCells& before, const NamedCells& after) {
  std::set<std::string> names;
  for (const auto& [name, value] : before) names.insert(name);
  for (const auto& [name, value] : after) names.insert(name);
  std::vector<RowDifference::Value> values;
  for (const auto& name : names) {
    const auto b = before.find(name), a = after.find(name);
    const std::string was = b == before.end() ? "" : b->second, is = a == after.end() ? "" : a->second;
    if (was != is) values.push_back({name, was, is});
  }
  return values;
}

class Comparison {
 public:
  Comparison(PackDiff& diff, size_t listed) : diff_(diff), listed_(listed) {}

  void CompareFiles(const std::string& before_path, const FileSummary& before, const std::string& after_path,
                    const FileSummary& after) {
    CompareTotals(before, after);
    if (SameBytes(before_path, after_path)) return;
    std::unordered_map<std::string, size_t> rows;
    NamedRows::Read(before_path, before, [&](const auto& key, const auto& header, const auto& cells) {
      rows[key] = NumberOf(Named(header, cells));
    });
    std::map<std::string, NamedCells> changed;
    NamedRows::Read(after_path, after, [&](const auto& key, const auto& header, const auto& cells) {
      const auto at = rows.find(key);
      if (at == rows.end()) {
        ++diff_.added;
        List({RowDifference::Kind::kAdded, after.name, key});
        return;
      }
      NamedCells named = Named(header, cells);
      if (at->second != NumberOf(named)) {
        ++diff_.changed;
        if (diff_.rows.size() + changed.size() < listed_) changed.emplace(key, std::move(named));
      }
      rows.erase(at);
    });
    diff_.removed += static_cast<int64_t>(rows.size());
    ReadChanged(before_path, before, changed, rows);
  }

 private:
  void List(RowDifference row) {
    if (diff_.rows.size() < listed_) diff_.rows.push_back(std::move(row));
  }

  // A second look at the earlier file, for what the listed rows were, in its order.
  void ReadChanged(const std::string& path, const FileSummary& before, const std::map<std::string, NamedCells>& changed,
                   const std::unordered_map<std::string, size_t>& removed) {
    if (changed.empty() && removed.empty()) return;
    NamedRows::Read(path, before, [&](const auto& key, const auto& header, const auto& cells) {
      if (removed.contains(key)) List({RowDifference::Kind::kRemoved, before.name, key});
      const auto at = changed.find(key);
      if (at == changed.end()) return;
      List({RowDifference::Kind::kChanged, before.name, key, Compare(Named(header, cells), at->second)});
    });
  }

  void CompareTotals(const FileSummary& before, const FileSummary& after) {
    std::set<std::pair<std::string, std::string>> names;
    for (const auto* file : {&before, &after}) {
      for (const auto& [currency, totals] : file->totals) {
        for (const auto& [name, value] : totals) names.emplace(currency, name);
      }
    }
    const auto of = [](const FileSummary& file, const std::string& currency, const std::string& name) {
      const auto totals = file.totals.find(currency);
      if (totals == file.totals.end()) return std::string();
      const auto value = totals->second.find(name);
      return value == totals->second.end() ? std::string() : value->second;
    };
    for (const auto& [currency, name] : names) {
      const std::string was = of(before, currency, name), is = of(after, currency, name);
      if (was != is) diff_.totals.push_back({after.name, currency, name, was, is});
    }
  }

  PackDiff& diff_;
  const size_t listed_;
};

}  // namespace

PackDiff DiffPacks(const std::string& before, const std::string& after, size_t listed) {
  const Manifest was = ReadManifest(before + "/manifest.json"), is = ReadManifest(after + "/manifest.json");
  PackDiff diff;
  Comparison comparison(diff, listed);
  std::set<std::string> compared;
  for (const auto& file : was.files) {
    const auto other = std::ranges::find_if(is.files, [&](const auto& f) { return KindOf(f) == KindOf(file); });
    if (other == is.files.end()) {
      diff.only_before.push_back(file.name);
      continue;
    }
    compared.insert(KindOf(file));
    if (IsCsv(file)) comparison.CompareFiles(before + "/" + file.name, file, after + "/" + other->name, *other);
  }
  for (const auto& file : is.files) {
    if (!compared.contains(KindOf(file))) diff.only_after.push_back(file.name);
  }
  if (std::ranges::none_of(was.files, IsCsv)) {
    throw std::runtime_error(before + " has no CSV files to compare; export it with --format csv");
  }
  return diff;
}

}  // namespace billsync::report
