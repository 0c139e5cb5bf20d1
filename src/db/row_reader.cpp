#include "row_reader.h"

#include "billsync/base/parse.h"

namespace billsync::db {
namespace {

[[noreturn]] void Refuse(const char* column, const char* why) {
  throw Bug(std::string("column ") + column + " " + why, "");
}

pqxx::field FieldOf(const pqxx::result& rows, int index, const char* column) {
  try {
    return rows[static_cast<pqxx::result::size_type>(index)][column];
  } catch (const pqxx::argument_error&) {
    Refuse(column, "is not in the result");
  }
}

std::string_view ViewOf(const pqxx::field& field) {
  return {field.c_str(), field.size()};
}

// "2026-11-22 13:04:05.123456+00", the ISO output of a session in UTC.
std::optional<Instant> ParseTimestamp(std::string_view text) {
  if (!text.ends_with("+00") || text.size() < 22 || text[10] != ' ') return std::nullopt;
  std::string iso(text.substr(0, text.size() - 3));
  iso[10] = 'T';
  return ParseInstant(iso + 'Z');
}

}  // namespace

Result MakeResult(const pqxx::result& rows) {
  return Result(std::make_shared<const Result::Impl>(Result::Impl{rows}));
}

Result::Result(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

int Result::size() const {
  return static_cast<int>(impl_->rows.size());
}

int64_t Result::affected() const {
  return static_cast<int64_t>(impl_->rows.affected_rows());
}

Row Result::Only() const {
  if (size() != 1) throw Bug("expected one row, got " + std::to_string(size()), "");
  return (*this)[0];
}

bool Row::IsNull(const char* column) const {
  return FieldOf(result_->impl_->rows, index_, column).is_null();
}

std::string_view Row::View(const char* column) const {
  const auto field = FieldOf(result_->impl_->rows, index_, column);
  if (field.is_null()) Refuse(column, "is NULL");
  return ViewOf(field);
}

std::string Row::Text(const char* column) const {
  return std::string(View(column));
}

std::optional<std::string> Row::OptText(const char* column) const {
  if (IsNull(column)) return std::nullopt;
  return Text(column);
}

int64_t Row::Int(const char* column) const {
  const auto value = ParseInt<int64_t>(View(column));
  if (!value) Refuse(column, "is not a 64-bit integer");
  return *value;
}

std::optional<int64_t> Row::OptInt(const char* column) const {
  if (IsNull(column)) return std::nullopt;
  return Int(column);
}

bool Row::Bool(const char* column) const {
  const auto text = View(column);
  if (text != "t" && text != "f") Refuse(column, "is not a boolean");
  return text == "t";
}

Instant Row::At(const char* column) const {
  const auto at = ParseTimestamp(View(column));
  if (!at) Refuse(column, "is not a UTC timestamp");
  return *at;
}

std::optional<Instant> Row::OptAt(const char* column) const {
  if (IsNull(column)) return std::nullopt;
  return At(column);
}

std::optional<std::string_view> Row::Raw(int index) const {
  const auto field =
      result_->impl_->rows[static_cast<pqxx::result::size_type>(index_)][static_cast<pqxx::row::size_type>(index)];
  if (field.is_null()) return std::nullopt;
  return ViewOf(field);
}

}  // namespace billsync::db
