// An export read back and added up again, by a reader that shares nothing with the writer.
#pragma once

#include <string>
#include <vector>

#include "billsync/report/export.h"

namespace billsync::report {

// A sum that is not what the control totals say.
struct TotalMismatch {
  std::string currency, column, in_file, in_tables;
};

// Writes a report of the period, reads the CSV back as it comes and adds up every column that has a control total; the
// differences to what PostgreSQL added up over the tables, in the same snapshot. In constant memory. Throws as
// ExportToStream does.
std::vector<TotalMismatch> ReadBack(db::Session& session, Report report, const billing::Month& period);

}  // namespace billsync::report
