#include "billsync/report/export.h"
#include "text_writers.h"

namespace billsync::report {

void AppendCsvCell(std::string_view text, std::string& out) {
  constexpr std::string_view kFormulaStarts = "=+-@\t\r";
  const bool guarded = !text.empty() && kFormulaStarts.find(text.front()) != std::string_view::npos;
  if (text.find_first_of("\",\r\n") == std::string_view::npos) {
    if (guarded) out += '\'';
    out += text;
    return;
  }
  out += '"';
  if (guarded) out += '\'';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

std::string CsvCell(std::string_view text) {
  std::string cell;
  AppendCsvCell(text, cell);
  return cell;
}

}  // namespace billsync::report
