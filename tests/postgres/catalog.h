// What a database is made of and what its rows are, as texts to compare.
#pragma once

#include <string>
#include <vector>

#include "support/postgres.h"

namespace billsync::testing {

// One line for each table, column, constraint, index, trigger, policy, view, function, comment and privilege of the
// schema public, sorted. Without llm_calls and its partitions: an existing one stays unpartitioned on purpose.
std::vector<std::string> CatalogLines(TestDatabase& database);

// Lines of `a` that `b` has not, as one text.
std::string Missing(const std::vector<std::string>& a, const std::vector<std::string>& b);

// A table and its columns.
struct TableShape {
  std::string name, columns;  // columns: comma separated, quoted
};
std::vector<TableShape> TablesOf(TestDatabase& database);

// Number of rows and a digest of these columns of all rows: "3 d41d8…".
std::string RowsDigest(TestDatabase& database, const TableShape& table);

}  // namespace billsync::testing
