#include "billsync/db/session.h"

namespace billsync::db {

Params& Params::Add(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) throw Bug("a text parameter holds a NUL byte", "22021");
  values_.emplace_back(std::string(text));
  return *this;
}

Params& Params::Add(int64_t number) {
  values_.emplace_back(std::to_string(number));
  return *this;
}

Params& Params::Add(bool value) {
  values_.emplace_back(value ? "t" : "f");
  return *this;
}

Params& Params::Add(Instant at) {
  values_.emplace_back(FormatInstant(at));
  return *this;
}

Params& Params::Add(std::nullptr_t) {
  values_.emplace_back(std::nullopt);
  return *this;
}

Params& Params::Add(const std::vector<std::string>& values) {
  return Add(std::vector<std::optional<std::string>>(values.begin(), values.end()));
}

Params& Params::Add(const std::vector<std::optional<std::string>>& values) {
  return Add(std::string_view(ArrayLiteral(values)));
}

void ArrayColumns::AddRow(const Params& row) {
  if (row.values().size() != columns_.size()) throw Bug("a row has another number of values than the statement", "");
  for (size_t i = 0; i < columns_.size(); ++i) columns_[i].push_back(row.values()[i]);
}

Params ArrayColumns::ToParams() const {
  Params params;
  for (const auto& column : columns_) params.Add(column);
  return params;
}

std::string Literal(const std::optional<std::string>& value) {
  if (!value) return "NULL";
  std::string out = " E'";  // means the same whatever standard_conforming_strings is
  for (const char c : *value) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + '\'';
}

std::string ArrayLiteral(const std::vector<std::optional<std::string>>& values) {
  std::string out = "{";
  for (const auto& value : values) {
    if (out.size() > 1) out += ',';
    if (!value) {
      out += "NULL";
      continue;
    }
    out += '"';
    for (const char c : *value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + '}';
}

}  // namespace billsync::db
