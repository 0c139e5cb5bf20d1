// XLSX by libxlsxwriter, a row at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "billsync/base/instant.h"
#include "columns.h"
#include "row_sink.h"

namespace billsync::report {

// How a workbook is made. The same options, rows and totals give the same bytes.
struct XlsxOptions {
  std::string path;                   // of the workbook
  std::string temporary_directory;    // rows wait there until the workbook is put together
  Instant created;                    // what the document says of itself; a moment of the period, never now
  uint32_t rows_per_sheet = 1048000;  // a sheet ends at 1,048,576 rows, the header and totals included
  bool huge = false;                  // more than 4 GiB before compression
};

// One sheet, and further ones for the rows that do not fit: a bold header that stays in sight, filters, widths, cells
// of numbers, currency and dates; after the last row one row of totals for each currency, as PostgreSQL added them up.
//
// A cell of a number is a double: one that would lose a digit (more than 15 significant ones) is written as text. A
// text beyond Excel's 32,767 characters is cut and says so; CSV and JSON Lines have the whole.
class XlsxWriter : public RowSink {
 public:
  // Throws std::runtime_error when the workbook cannot be made.
  XlsxWriter(const ReportShape& shape, const XlsxOptions& options);
  ~XlsxWriter() override;
  void Row(const Cells& cells) override;
  // Writes the file.
  void Finish(const Totals& totals) override;

 private:
  struct Book;
  std::unique_ptr<Book> book_;
};

// Whether a decimal text keeps its value as a double: at most 15 significant digits.
bool FitsDouble(std::string_view number);

}  // namespace billsync::report
