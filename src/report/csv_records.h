// Reads CSV as it comes, by a reader that shares nothing with the writer.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace billsync::report {

// RFC 4180, in pieces of any size; lines end with LF or CRLF.
class CsvRecords {
 public:
  // Told every record after the header, with as many cells as the header has.
  using Taker = std::function<void(const std::vector<std::string>& cells)>;
  explicit CsvRecords(Taker take) : take_(std::move(take)) {}

  // Throws std::runtime_error when a record has lost or gained a column.
  void Read(std::string_view text);
  // No more text: throws std::runtime_error when the last record has no end.
  void Finish() const;
  // The first record; empty before it has ended.
  const std::vector<std::string>& header() const { return header_; }

 private:
  void Take(char c);
  void EndRecord();

  const Taker take_;
  std::vector<std::string> header_, cells_;
  std::string cell_;
  bool quoted_ = false, quote_before_ = false;
};

}  // namespace billsync::report
