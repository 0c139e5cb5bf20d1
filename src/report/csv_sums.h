// Adds up columns of a CSV text as it comes by, by a reader that shares nothing with the writer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

#include "csv_records.h"

namespace billsync::report {

// A sum of decimals with up to 18 digits before and 6 behind the point, exact.
class DecimalSum {
 public:
  // Throws std::runtime_error when `text` is no such number.
  void Add(std::string_view text);
  bool operator==(const DecimalSum& other) const;
  // With six digits behind the point.
  std::string Text() const;

 private:
  int64_t whole_ = 0, micros_ = 0;  // micros_ within a million of 0, perhaps of another sign
};

// Behind a std::ostream: keeps sums and nothing else. The first record names the columns; a column "currency" keeps the
// sums of each currency apart, and without one everything is in USD.
class CsvSums : public std::streambuf {
 public:
  explicit CsvSums(std::vector<std::string> columns);
  // The sum of a column; zero when there was nothing to add.
  DecimalSum Of(const std::string& currency, const std::string& column) const;
  // Records without the header.
  int64_t rows() const { return rows_; }
  // No more text; throws std::runtime_error when the last record has no end.
  void Finish() const { records_.Finish(); }

 protected:
  // Throw std::runtime_error when a record has lost a column or holds no number where one is added up.
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;

 private:
  void AddRecord(const std::vector<std::string>& cells);

  const std::vector<std::string> columns_;
  CsvRecords records_;
  std::vector<size_t> summed_;
  std::optional<size_t> currency_at_;
  int64_t rows_ = 0;
  std::map<std::string, std::map<std::string, DecimalSum>> sums_;
};

}  // namespace billsync::report
