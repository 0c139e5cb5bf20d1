#include "csv_sums.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "billsync/base/parse.h"

namespace billsync::report {
namespace {

constexpr int64_t kMillion = 1'000'000;

}  // namespace

void DecimalSum::Add(std::string_view text) {
  const bool negative = text.starts_with('-');
  const std::string_view digits = text.substr(negative ? 1 : 0);
  const size_t point = digits.find('.');
  std::string fraction(point == std::string_view::npos ? "" : digits.substr(point + 1));
  const bool too_fine = fraction.size() > 6;
  fraction.resize(6, '0');
  const auto whole = ParseInt<int64_t>(digits.substr(0, point));
  const auto micros = ParseInt<int64_t>(fraction);
  if (!whole || !micros || too_fine || *whole < 0 || *micros < 0) {
    throw std::runtime_error("not a number that can be added up: " + std::string(text));
  }
  whole_ += negative ? -*whole : *whole;
  micros_ += negative ? -*micros : *micros;
  whole_ += micros_ / kMillion;
  micros_ %= kMillion;
}

bool DecimalSum::operator==(const DecimalSum& other) const {
  const int64_t micros = micros_ - other.micros_;
  return micros % kMillion == 0 && whole_ - other.whole_ + micros / kMillion == 0;
}

std::string DecimalSum::Text() const {
  int64_t whole = whole_, micros = micros_;
  if (whole > 0 && micros < 0) {
    --whole;
    micros += kMillion;
  } else if (whole < 0 && micros > 0) {
    ++whole;
    micros -= kMillion;
  }
  const std::string digits = std::to_string(std::abs(micros));
  return std::string(whole < 0 || micros < 0 ? "-" : "") + std::to_string(std::abs(whole)) + "." +
         std::string(6 - digits.size(), '0') + digits;
}

DecimalSum CsvSums::Of(const std::string& currency, const std::string& column) const {
  const auto found = sums_.find(currency);
  if (found == sums_.end()) return {};
  const auto sum = found->second.find(column);
  return sum == found->second.end() ? DecimalSum{} : sum->second;
}

CsvSums::int_type CsvSums::overflow(int_type c) {
  if (!traits_type::eq_int_type(c, traits_type::eof())) Take(traits_type::to_char_type(c));
  return traits_type::not_eof(c);
}

std::streamsize CsvSums::xsputn(const char* text, std::streamsize size) {
  for (std::streamsize i = 0; i < size; ++i) Take(text[i]);
  return size;
}

void CsvSums::Take(char c) {
  if (c == '"') {
    if (!quoted_ && quote_before_) cell_ += c;  // two of them inside quotes are one
    quoted_ = !quoted_;
    quote_before_ = !quoted_;
    return;
  }
  quote_before_ = false;
  if (quoted_) {
    cell_ += c;
  } else if (c == ',') {
    EndCell();
  } else if (c == '\n') {
    EndCell();
    EndRecord();
  } else if (c != '\r') {
    cell_ += c;
  }
}

void CsvSums::EndCell() {
  cells_.push_back(std::move(cell_));
  cell_.clear();
}

void CsvSums::EndRecord() {
  if (header_.empty()) {
    header_ = std::move(cells_);
    cells_.clear();
    return;
  }
  if (cells_.size() != header_.size()) throw std::runtime_error("a record of an export has lost a column");
  const auto at = std::ranges::find(header_, "currency");
  const std::string currency = at == header_.end() ? "USD" : cells_[static_cast<size_t>(at - header_.begin())];
  for (size_t i = 0; i < cells_.size(); ++i) {
    const bool summed = std::ranges::find(columns_, header_[i]) != columns_.end();
    if (summed && !cells_[i].empty()) sums_[currency][header_[i]].Add(cells_[i]);
  }
  cells_.clear();
}

}  // namespace billsync::report
