#include "copy_line.h"

namespace billsync::db {
namespace {

// What a letter behind a backslash stands for; other characters stand for themselves.
char Meaning(char letter) {
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return letter;
  }
}

}  // namespace

const std::vector<std::optional<std::string_view>>& CopyLine::Split(std::string_view line) {
  fields_.clear();
  unescaped_.clear();
  unescaped_.reserve(line.size());
  while (true) {
    const size_t tab = line.find('\t');
    const std::string_view field = line.substr(0, tab);
    if (field == "\\N") {
      fields_.emplace_back(std::nullopt);
    } else {
      fields_.emplace_back(field.find('\\') == std::string_view::npos ? field : Unescaped(field));
    }
    if (tab == std::string_view::npos) return fields_;
    line.remove_prefix(tab + 1);
  }
}

std::string_view CopyLine::Unescaped(std::string_view field) {
  const size_t start = unescaped_.size();
  for (size_t i = 0; i < field.size(); ++i) {
    const bool escape = field[i] == '\\' && i + 1 < field.size();
    if (escape) ++i;
    unescaped_ += escape ? Meaning(field[i]) : field[i];
  }
  return std::string_view(unescaped_).substr(start);
}

}  // namespace billsync::db
