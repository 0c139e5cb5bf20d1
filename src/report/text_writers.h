// CSV and JSON Lines.
#pragma once

#include <string>

#include "columns.h"
#include "digest_stream.h"
#include "row_sink.h"

namespace billsync::report {

// RFC 4180 with CRLF, a header line first. Texts are guarded, see CsvCell.
class CsvWriter : public RowSink {
 public:
  // Both must outlive the writer.
  CsvWriter(const ReportShape& shape, DigestStream& out);
  void Row(const Cells& cells) override;
  void Finish(const Totals& totals) override;

 private:
  const ReportShape& shape_;
  DigestStream& out_;
  std::string lines_;  // not written yet
};

// One JSON object a row. Whole numbers are numbers, decimals are strings with all their digits, NULL is null.
class JsonLinesWriter : public RowSink {
 public:
  JsonLinesWriter(const ReportShape& shape, DigestStream& out);
  void Row(const Cells& cells) override;
  void Finish(const Totals& totals) override;

 private:
  const ReportShape& shape_;
  DigestStream& out_;
  std::string lines_;
};

// A row as JsonLinesWriter writes it, without the line's end.
void AppendJsonRow(const ReportShape& shape, const Cells& cells, std::string& out);

// Appends what CsvCell returns.
void AppendCsvCell(std::string_view text, std::string& out);

}  // namespace billsync::report
