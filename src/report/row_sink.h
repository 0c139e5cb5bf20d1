// Where the rows of a report go: one writer a format.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace billsync::report {

// A row in the order of the shape's columns, none for NULL; the views live until the call returns.
using Cells = std::vector<std::optional<std::string_view>>;

// Control totals: "USD" → {"total_cost_usd" → "2.50"}.
using Totals = std::map<std::string, std::map<std::string, std::string>>;

// Takes the rows of one report, then its totals, once. Throws std::runtime_error when it cannot write.
class RowSink {
 public:
  RowSink() = default;
  virtual ~RowSink() = default;
  RowSink(const RowSink&) = delete;
  RowSink& operator=(const RowSink&) = delete;

  virtual void Row(const Cells& cells) = 0;
  // After the last row.
  virtual void Finish(const Totals& totals) = 0;
};

}  // namespace billsync::report
