// The columns of each report: names, order and what kind of cell each is.
#pragma once

#include <span>
#include <string_view>

#include "billsync/db/query.h"
#include "billsync/report/export.h"

namespace billsync::report {

// A number is written as PostgreSQL prints it (a minus is not a formula); a text is guarded.
enum class Cell { kText, kNumber };

struct Column {
  std::string_view name;
  Cell cell;
};

// One report: its columns stand in the order of the query's result.
struct ReportShape {
  std::span<const Column> columns;
  const db::Query* declare;  // the cursor; $1, $2: the period's ends
  const db::Query* totals;
  std::span<const std::string_view> total_columns;
};

const ReportShape& ShapeOf(Report report);

}  // namespace billsync::report
