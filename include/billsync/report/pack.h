// Packs looked at again: whether one is what its manifest says, and what differs between two.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "billsync/report/export.h"

namespace billsync::report {

// What is wrong with a file of a pack: "usage-2026-10.csv", "has another SHA-256 than the manifest says".
struct PackFault {
  std::string file, what;
};

struct PackCheck {
  Manifest manifest;
  std::vector<PackFault> faults;  // none: the pack is as it was written
};

// Told how many bytes are read, of how many.
using PackProgress = std::function<void(int64_t bytes, int64_t total)>;

// Reads every file the manifest names once: size, SHA-256, and of text formats the rows, of CSV the control totals
// added up again. Names files the manifest does not know. Throws std::runtime_error when there is no readable manifest.
PackCheck VerifyPack(const std::string& directory, const PackProgress& progress);

// A row that is in one pack only, or in both with other values.
struct RowDifference {
  enum class Kind { kAdded, kRemoved, kChanged };
  struct Value {
    std::string column, before, after;
  };
  Kind kind;
  std::string file, key;        // "usage-2026-10.csv", "period=2026-10 user_id=…"
  std::vector<Value> values{};  // of kChanged: the columns that differ
};

struct TotalDifference {
  std::string file, currency, total, before, after;  // "" where it is missing
};

struct PackDiff {
  std::vector<std::string> only_before, only_after;  // files
  std::vector<TotalDifference> totals;
  std::vector<RowDifference> rows;  // the first ones; the counts are of all
  int64_t added = 0, removed = 0, changed = 0;
  bool Same() const {
    return only_before.empty() && only_after.empty() && totals.empty() && added + removed + changed == 0;
  }
};

// Compares the CSV files of two packs row by row, by the columns that name a row, wherever it stands; the periods may
// differ. Remembers a key and a number for each row of `before`, and `listed` rows. Throws std::runtime_error when a
// pack cannot be read.
PackDiff DiffPacks(const std::string& before, const std::string& after, size_t listed);

}  // namespace billsync::report
