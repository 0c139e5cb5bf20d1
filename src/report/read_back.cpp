#include "billsync/report/read_back.h"

#include <ostream>

#include "columns.h"
#include "csv_sums.h"

namespace billsync::report {

std::vector<TotalMismatch> ReadBack(db::Session& session, Report report, const billing::Month& period) {
  std::vector<std::string> columns;
  for (const auto& column : ShapeOf({report}).columns) {
    if (column.totalled) columns.push_back(column.name);
  }
  CsvSums sums(columns);
  std::ostream out(&sums);
  out.exceptions(std::ios::badbit);  // what is wrong with a record is to be heard, and not only a flag
  const ExportRequest request{.period = PeriodRange::Of(period), .items = {{report}}};
  const auto manifest = ExportToStream(session, request, out, [](int64_t, int64_t) {});
  std::vector<TotalMismatch> mismatches;
  for (const auto& file : manifest.files) {
    for (const auto& [currency, totals] : file.totals) {
      for (const auto& [column, total] : totals) {
        DecimalSum expected;
        expected.Add(total);
        const DecimalSum found = sums.Of(currency, column);
        if (!(found == expected)) mismatches.push_back({currency, column, found.Text(), total});
      }
    }
  }
  return mismatches;
}

}  // namespace billsync::report
