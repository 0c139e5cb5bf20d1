// A line of COPY … TO STDOUT in PostgreSQL's text format, taken apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace billsync::db {

// Source of the format: PostgreSQL 15, COPY, "Text Format". Keeps its memory from line to line.
class CopyLine {
 public:
  // Fields of a line without its end; none for NULL. The views point into `line` or this, until the next call.
  const std::vector<std::optional<std::string_view>>& Split(std::string_view line);

 private:
  std::string_view Unescaped(std::string_view field);

  std::vector<std::optional<std::string_view>> fields_;
  std::string unescaped_;  // as long as the line at most, so that nothing in it moves
};

}  // namespace billsync::db
