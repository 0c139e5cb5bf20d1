#include "event_file.h"

#include <fstream>
#include <optional>
#include <sstream>

#include "billsync/base/parse.h"
#include "billsync/stripe/json.h"
#include "context.h"

namespace billsync::cli {
namespace {

bool IsJson(std::string_view text) {
  return stripe::JsonDocument::Parse(text).has_value();
}

// Where each piece of an array ends: a comma or the closing bracket outside of strings and of what is nested. None if
// the brackets do not match, or something follows the array.
std::optional<std::vector<std::string_view>> Elements(std::string_view array) {
  std::vector<std::string_view> elements;
  size_t depth = 0, begin = 1;
  bool in_string = false;
  for (size_t i = 0; i < array.size(); ++i) {
    const char c = array[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth-- == 0) return std::nullopt;
    if (depth > 1 || (depth == 1 && c != ',')) continue;
    elements.push_back(Trim(array.substr(begin, i - begin)));
    begin = i + 1;
    if (depth > 0) continue;
    if (i + 1 < array.size()) return std::nullopt;
    if (elements.size() == 1 && elements.front().empty()) elements.clear();
    return elements;
  }
  return std::nullopt;
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (const auto line = Trim(text.substr(0, end)); !line.empty()) lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The next line that is not blank, without blanks around it; none at the end.
std::optional<std::string> NextLine(std::istream& in) {
  for (std::string line; std::getline(in, line);) {
    if (const auto text = Trim(line); !text.empty()) return std::string(text);
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> SplitEvents(std::string_view text) {
  if (const auto trimmed = Trim(text); trimmed.starts_with('[')) {
    if (const auto elements = Elements(trimmed)) return {elements->begin(), elements->end()};
  } else if (!IsJson(text)) {
    const auto lines = Lines(text);
    if (!lines.empty() && IsJson(lines.front())) return {lines.begin(), lines.end()};
  }
  return {std::string(text)};
}

std::vector<std::string> ReadEventFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) throw CliError(kUsage, path + " cannot be read or is empty");
  return SplitEvents(text.view());
}

void ForEachEvent(const std::string& path, const std::function<void(std::string)>& visit) {
  std::ifstream in(path, std::ios::binary);
  const auto first = NextLine(in);
  // The first line alone is an event, and more follows; a file of one event is that event, blanks and all.
  auto next = first && !first->starts_with('[') && IsJson(*first) ? NextLine(in) : std::nullopt;
  if (!next) {
    for (auto& event : ReadEventFile(path)) visit(std::move(event));
    return;
  }
  visit(*first);
  for (; next; next = NextLine(in)) visit(*next);
  if (in.bad()) throw CliError(kFailed, path + " cannot be read to its end");
}

}  // namespace billsync::cli
