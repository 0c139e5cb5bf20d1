#include "text_writers.h"

#include "billsync/base/log.h"

namespace billsync::report {
namespace {

constexpr size_t kPieceBytes = size_t{64} << 10U;

void WriteFullPiece(DigestStream& out, std::string& lines) {
  if (lines.size() < kPieceBytes) return;
  out.Write(lines);
  lines.clear();
}

}  // namespace

CsvWriter::CsvWriter(const ReportShape& shape, DigestStream& out) : shape_(shape), out_(out) {
  for (const Column& column : shape.columns) {
    if (!lines_.empty()) lines_ += ',';
    AppendCsvCell(column.name, lines_);
  }
  lines_ += "\r\n";
}

void CsvWriter::Row(const Cells& cells) {
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) lines_ += ',';
    if (!cells[i]) continue;
    switch (shape_.columns[i].cell) {
      case Cell::kText:
      case Cell::kJson:
        AppendCsvCell(*cells[i], lines_);
        break;
      case Cell::kFlag:
      case Cell::kDate:
      case Cell::kTimestamp:
      case Cell::kInteger:
      case Cell::kDecimal:
      case Cell::kShare:
        lines_ += *cells[i];
        break;
    }
  }
  lines_ += "\r\n";
  WriteFullPiece(out_, lines_);
}

void CsvWriter::Finish(const Totals&) {
  out_.Write(lines_);
  lines_.clear();
}

void AppendJsonRow(const ReportShape& shape, const Cells& cells, std::string& out) {
  out += '{';
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    out += JsonQuote(shape.columns[i].name);
    out += ':';
    if (!cells[i]) {
      out += "null";
      continue;
    }
    switch (shape.columns[i].cell) {
      case Cell::kFlag:
      case Cell::kJson:
      case Cell::kInteger:
        out += *cells[i];
        break;
      case Cell::kText:
      case Cell::kDate:
      case Cell::kTimestamp:
      case Cell::kDecimal:
      case Cell::kShare:
        out += JsonQuote(*cells[i]);
        break;
    }
  }
  out += '}';
}

JsonLinesWriter::JsonLinesWriter(const ReportShape& shape, DigestStream& out) : shape_(shape), out_(out) {}

void JsonLinesWriter::Row(const Cells& cells) {
  AppendJsonRow(shape_, cells, lines_);
  lines_ += '\n';
  WriteFullPiece(out_, lines_);
}

void JsonLinesWriter::Finish(const Totals&) {
  out_.Write(lines_);
  lines_.clear();
}

}  // namespace billsync::report
