// The shape of each report: its columns, the query behind them, its order and its key.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "billsync/db/query.h"
#include "billsync/report/request.h"

namespace billsync::report {

// What a cell holds. The query renders each as text: dates as YYYY-MM-DD, timestamps as YYYY-MM-DDThh:mm:ssZ, numbers
// as PostgreSQL prints them (a minus is not a formula), flags as true or false, texts as they are (each writer guards
// them).
enum class Cell { kText, kFlag, kJson, kDate, kTimestamp, kInteger, kDecimal, kShare };

struct Column {
  std::string name;  // in the file
  Cell cell = Cell::kText;
  int scale = 0;          // digits behind the point of kDecimal and kShare; -1: as they come
  bool totalled = false;  // has a control total
  std::string sql = {};   // in the query, when the name is another
  const std::string& SqlName() const { return sql.empty() ? name : sql; }
};

struct ReportShape {
  std::string title;  // "usage wide": a sheet's name
  std::vector<Column> columns;
  const db::Query* query = nullptr;   // its columns in this order, then the row's key
  std::string order;                  // of the rows, by columns of the query
  std::vector<std::string> key;       // the columns that name a row
  std::vector<std::string> models{};  // of the wide layout: what the query's one column `costs` is split into
};

// The shape of a file; `models` matter for the wide layout only. `item` must not be refused.
ReportShape ShapeOf(const ReportItem& item, const std::vector<std::string>& models = {});

// What a column of one model is called in the wide layout: "cost_usd:gpt-4o".
inline constexpr std::string_view kModelColumnPrefix = "cost_usd:";

}  // namespace billsync::report
