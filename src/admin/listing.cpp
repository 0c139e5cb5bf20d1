#include "billsync/admin/listing.h"

#include <algorithm>
#include <stdexcept>

#include "billsync/base/json_writer.h"
#include "billsync/base/parse.h"
#include "billsync/billing/month.h"

namespace billsync::admin {
namespace {

std::string CellJson(Kind kind, const Cell& cell) {
  if (!cell) return "null";
  switch (kind) {
    case Kind::kInteger:
      return *cell;
    case Kind::kFlag:
      return *cell == "t" || *cell == "true" ? "true" : "false";
    case Kind::kText:
    case Kind::kUser:
    case Kind::kEmail:
    case Kind::kEvent:
    case Kind::kObject:
    case Kind::kDecimal:
    case Kind::kUsd:
    case Kind::kTime:
    case Kind::kDay:
    case Kind::kMonth:
    case Kind::kStatus:
      return JsonQuote(*cell);
  }
  return "null";
}

std::vector<Cell> ReadCells(std::span<const Column> columns, const db::Row& row) {
  std::vector<Cell> cells;
  cells.reserve(columns.size());
  for (const Column& column : columns) cells.push_back(row.OptText(column.name));
  return cells;
}

bool IsKeyTime(const std::string& text) {
  return text == "-infinity" || ParseInstant(text);
}

// Digits, with a sign and a point if need be: what a numeric parameter takes.
bool IsDecimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const size_t point = std::min(text.find('.'), text.size());
  const auto digits = [](std::string_view part) {
    return !part.empty() && part.size() <= 100 &&
           std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
  };
  return digits(text.substr(0, point)) && (point == text.size() || digits(text.substr(point + 1)));
}

bool Fits(KeyShape shape, const std::string& first, const std::string& second) {
  switch (shape) {
    case KeyShape::kTimeText:
      return IsKeyTime(first);
    case KeyShape::kTimeNumber:
      return IsKeyTime(first) && ParseInt<int64_t>(second);
    case KeyShape::kTextUser:
      return IsUuid(second);
    case KeyShape::kDecimalUser:
      return IsDecimal(first) && IsUuid(second);
    case KeyShape::kNumber:
      return ParseInt<int64_t>(first).has_value();
    case KeyShape::kMonth:
      return billing::Month::Parse(first).has_value();
  }
  return false;
}

}  // namespace

const Cell& Listing::At(size_t row, std::string_view name) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return rows.at(row).at(i);
  }
  throw std::logic_error("the listing has no column " + std::string(name));
}

std::string Listing::RowsJson() const {
  JsonArray list;
  for (const auto& cells : rows) {
    JsonObject one;
    for (size_t i = 0; i < columns.size(); ++i) one.AddRaw(columns[i].name, CellJson(columns[i].kind, cells[i]));
    list.AddRaw(one.Text());
  }
  return list.Text();
}

std::string Listing::Json(std::string_view name) const {
  return JsonObject().AddRaw(name, RowsJson()).Add("next", next).Text();
}

tl::expected<PageKey, BadQuestion> PageKey::Read(const http::Request& request, KeyShape shape) {
  PageKey key;
  if (const auto text = QueryText(request, "limit")) {
    const auto number = ParseInt<int64_t>(*text);
    if (!number || *number < 1 || *number > 1000) {
      return tl::unexpected(BadQuestion{"bad_limit", "limit must be a whole number from 1 to 1000."});
    }
    key.limit = *number;
  }
  if (const auto text = QueryText(request, "after")) {
    const size_t at = text->rfind('~');  // an address may hold one, the second part never
    key.first = text->substr(0, at);
    key.second = at == std::string::npos ? "" : text->substr(at + 1);
    if (at == std::string::npos || !Fits(shape, *key.first, *key.second)) {
      return tl::unexpected(BadQuestion{"bad_after", "after must be what `next` said on the page before."});
    }
  }
  return key;
}

Listing MakeListing(std::span<const Column> columns, const db::Result& result) {
  Listing listing{.columns = columns, .rows = {}};
  for (const db::Row row : result) listing.rows.push_back(ReadCells(columns, row));
  return listing;
}

Listing MakePage(std::span<const Column> columns, const db::Result& result, int64_t limit) {
  Listing listing{.columns = columns, .rows = {}};
  for (const db::Row row : result) {
    if (static_cast<int64_t>(listing.rows.size()) == limit) {
      const db::Row last = result[static_cast<int>(limit) - 1];
      listing.next = last.Text("key_1") + "~" + last.Text("key_2");
      break;
    }
    listing.rows.push_back(ReadCells(columns, row));
  }
  return listing;
}

std::optional<std::string> QueryText(const http::Request& request, std::string_view name) {
  const auto value = request.FindQuery(name);
  if (!value || value->empty()) return std::nullopt;
  return std::string(*value);
}

}  // namespace billsync::admin
