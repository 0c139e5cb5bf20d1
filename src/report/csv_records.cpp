#include "csv_records.h"

#include <stdexcept>

namespace billsync::report {

void CsvRecords::Read(std::string_view text) {
  for (const char c : text) Take(c);
}

void CsvRecords::Finish() const {
  if (quoted_ || !cell_.empty() || !cells_.empty()) throw std::runtime_error("the last record has no end");
}

void CsvRecords::Take(char c) {
  if (c == '"') {
    if (!quoted_ && quote_before_) cell_ += c;  // two of them inside quotes are one
    quoted_ = !quoted_;
    quote_before_ = !quoted_;
    return;
  }
  quote_before_ = false;
  if (quoted_) {
    cell_ += c;
  } else if (c == ',' || c == '\n') {
    cells_.push_back(std::move(cell_));
    cell_.clear();
    if (c == '\n') EndRecord();
  } else if (c != '\r') {
    cell_ += c;
  }
}

void CsvRecords::EndRecord() {
  if (header_.empty()) {
    header_ = std::move(cells_);
  } else {
    if (cells_.size() != header_.size()) throw std::runtime_error("a record has lost or gained a column");
    take_(cells_);
  }
  cells_.clear();
}

}  // namespace billsync::report
