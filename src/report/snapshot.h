// One moment of the database, and the reports read from it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "billsync/db/session.h"
#include "billsync/report/export.h"
#include "columns.h"
#include "row_sink.h"

namespace billsync::report {

// A REPEATABLE READ transaction that only reads. For one thread.
class Snapshot {
 public:
  Snapshot(db::Session& session, const PeriodRange& period);

  // What a manifest says of this moment; no files yet.
  const Manifest& facts() const { return facts_; }

  // The item's shape, with the models of the period where it needs them. Throws std::invalid_argument when the item is
  // refused, or has more models than a wide file can have columns.
  ReportShape Shape(const ReportItem& item);

  // Control totals, and the number of rows they are of.
  std::pair<Totals, int64_t> ReadTotals(const ReportShape& shape, const RowFilter& filter);

  // Every row, in order, to each of the sinks; returns how many. `progress` is told the rows so far.
  int64_t ReadRows(const ReportShape& shape, const RowFilter& filter, const std::vector<RowSink*>& sinks,
                   const std::function<void(int64_t)>& progress);

  // At most `limit` rows behind the key `after` (empty: from the beginning) to the sink; returns the last one's key,
  // empty when there are no more rows.
  std::string ReadPage(const ReportShape& shape, const RowFilter& filter, const std::string& after, int64_t limit,
                       RowSink& sink);

  // Ends the transaction.
  void Finish() { tx_.Commit(); }

 private:
  db::Params ParamsOf(const ReportShape& shape, const RowFilter& filter, const std::string& after) const;

  db::Transaction tx_;
  const PeriodRange period_;
  Manifest facts_;
};

}  // namespace billsync::report
