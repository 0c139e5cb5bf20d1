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

CsvSums::CsvSums(std::vector<std::string> columns)
    : columns_(std::move(columns)), records_([this](const auto& cells) { AddRecord(cells); }) {}

CsvSums::int_type CsvSums::overflow(int_type c) {
  const char one = traits_type::to_char_type(c);
  if (!traits_type::eq_int_type(c, traits_type::eof())) records_.Read({&one, 1});
  return traits_type::not_eof(c);
}

std::streamsize CsvSums::xsputn(const char* text, std::streamsize size) {
  records_.Read({text, static_cast<size_t>(size)});
  return size;
}

void CsvSums::AddRecord(const std::vector<std::string>& cells) {
  const auto& header = records_.header();
  if (rows_++ == 0) {
    for (size_t i = 0; i < header.size(); ++i) {
      if (header[i] == "currency") currency_at_ = i;
      if (std::ranges::find(columns_, header[i]) != columns_.end()) summed_.push_back(i);
    }
  }
  auto& sums = sums_[currency_at_ ? cells[*currency_at_] : "USD"];
  for (const size_t i : summed_) {
    if (!cells[i].empty()) sums[header[i]].Add(cells[i]);
  }
}

}  // namespace billsync::report
