// Pages of rows: read by key, shown as JSON by the API and as tables by the console.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "billsync/db/session.h"
#include "billsync/http/request.h"

namespace billsync::admin {

// What a column holds: decides its type in JSON and its looks in a table.
enum class Kind {
  kText,
  kUser,     // users.id
  kEmail,    // a user's address; shown as the link to the user
  kEvent,    // evt_…
  kObject,   // another object of Stripe's
  kInteger,  // JSON number
  kDecimal,  // exact, as text
  kUsd,      // exact US dollars, as text
  kTime,     // "2026-11-22T13:04:05.123456Z"
  kDay,      // "2026-11-22"
  kMonth,    // "2026-11"
  kFlag,     // true or false
  kStatus,   // one of a few words
};

struct Column {
  const char* name;  // in SQL and JSON
  Kind kind;
  const char* title;  // of the table's column
  const char* about;  // a sentence for openapi.json
};

using Cell = std::optional<std::string>;

// A page of rows; `next` is what ?after= must say for the next one, none on the last page.
struct Listing {
  std::span<const Column> columns;
  std::vector<std::vector<Cell>> rows;
  std::optional<std::string> next{};

  // The cell of a row, by the column's name. Throws std::logic_error for an unknown one.
  const Cell& At(size_t row, std::string_view name) const;
  // [{…},…]
  std::string RowsJson() const;
  // {"<name>":[…],"next":…}
  std::string Json(std::string_view name) const;
};

// A fault in what was asked for: 400 with this code.
struct BadQuestion {
  std::string code, detail;
};

// What a listing is sorted by: the two parts of its key.
enum class KeyShape { kTimeText, kTimeNumber, kTextUser, kDecimalUser, kNumber, kMonth };

// ?limit= and ?after=: where a page begins and how long it is.
struct PageKey {
  int64_t limit = 50;
  std::optional<std::string> first{}, second{};  // the sort key of the last row of the page before

  // Reads both; `limit` from 1 to 1000, `after` of this shape.
  static tl::expected<PageKey, BadQuestion> Read(const http::Request& request, KeyShape shape);
};

// Makes a page of a statement that was asked for limit + 1 rows and ends with the columns key_1 and key_2 (text).
Listing MakePage(std::span<const Column> columns, const db::Result& result, int64_t limit);
// The rows of a statement that is not paged.
Listing MakeListing(std::span<const Column> columns, const db::Result& result);

// The first query parameter of this name; none if absent or empty.
std::optional<std::string> QueryText(const http::Request& request, std::string_view name);

}  // namespace billsync::admin
