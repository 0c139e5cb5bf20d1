#include "xlsx_writer.h"

#include <xlsxwriter.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "billsync/base/parse.h"

namespace billsync::report {
namespace {

constexpr size_t kLongestText = 32'000;  // bytes, and so never more characters than Excel takes

void Demand(lxw_error error, const std::string& path) {
  if (error != LXW_NO_ERROR) throw std::runtime_error("cannot write " + path + ": " + lxw_strerror(error));
}

// What XML 1.0 cannot hold becomes U+FFFD; a text that is too long ends with a note.
std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool noncharacter = byte == 0xEF && i + 2 < text.size() && text[i + 1] == '\xBF' &&
                              (text[i + 2] == '\xBE' || text[i + 2] == '\xBF');
    if (noncharacter) i += 2;
    if (noncharacter || (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r')) {
      out += "\xEF\xBF\xBD";
    } else {
      out += text[i];
    }
  }
  if (out.size() <= kLongestText) return out;
  size_t end = kLongestText;
  while ((static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
  return out.substr(0, end) + " … (cut: CSV and JSON Lines have the whole)";
}

int Digits(std::string_view text) {
  return ParseInt<int>(text).value_or(0);
}

// "2026-10-31" or "2026-10-31T23:59:59Z".
lxw_datetime DateTime(std::string_view text) {
  lxw_datetime at{};
  at.year = Digits(text.substr(0, 4));
  at.month = Digits(text.substr(5, 2));
  at.day = Digits(text.substr(8, 2));
  if (text.size() < 19) return at;
  at.hour = Digits(text.substr(11, 2));
  at.min = Digits(text.substr(14, 2));
  at.sec = Digits(text.substr(17, 2));
  return at;
}

std::string NumberFormat(const Column& column) {
  switch (column.cell) {
    case Cell::kText:
    case Cell::kFlag:
    case Cell::kJson:
      return "";
    case Cell::kDate:
      return "yyyy-mm-dd";
    case Cell::kTimestamp:
      return "yyyy-mm-dd hh:mm:ss";
    case Cell::kInteger:
      return "#,##0";
    case Cell::kShare:
      return "0.00%";
    case Cell::kDecimal:
      break;
  }
  if (column.scale < 0) return "General";
  const std::string digits = "#,##0." + std::string(static_cast<size_t>(column.scale), '0');
  const bool dollars = column.name.find("usd") != std::string::npos || column.name.ends_with("Cost");
  return dollars ? "[$$-409]" + digits + ";[Red]-[$$-409]" + digits : digits;
}

double Width(const Column& column) {
  const auto wide = [&](size_t least) { return static_cast<double>(std::max(least, column.name.size() + 3)); };
  switch (column.cell) {
    case Cell::kText:
      return wide(column.name.ends_with("user_id") || column.name == "email" ? 36 : 16);
    case Cell::kFlag:
      return wide(16);
    case Cell::kJson:
      return wide(48);
    case Cell::kDate:
      return wide(12);
    case Cell::kTimestamp:
      return wide(20);
    case Cell::kInteger:
    case Cell::kShare:
      return wide(12);
    case Cell::kDecimal:
      return wide(16);
  }
  return wide(12);
}

}  // namespace

bool FitsDouble(std::string_view number) {
  std::string digits;
  for (const char c : number) {
    if (c >= '0' && c <= '9' && (c != '0' || !digits.empty())) digits += c;
  }
  if (number.find('.') != std::string_view::npos) digits.erase(digits.find_last_not_of('0') + 1);
  return digits.size() <= 15;
}

struct XlsxWriter::Book {
  const ReportShape& shape;
  const XlsxOptions options;
  std::string temporary_directory;
  lxw_workbook* workbook = nullptr;
  lxw_worksheet* sheet = nullptr;
  lxw_format* header = nullptr;
  std::vector<lxw_format*> formats{}, total_formats{};
  uint32_t rows = 0;  // of this sheet, the header included
  int sheets = 0;

  Book(const ReportShape& of, const XlsxOptions& given)
      : shape(of), options(given), temporary_directory(given.temporary_directory) {}

  lxw_format* Format(const Column& column, bool total) const {
    lxw_format* format = workbook_add_format(workbook);
    if (const std::string text = NumberFormat(column); !text.empty()) format_set_num_format(format, text.c_str());
    if (total) {
      format_set_bold(format);
      format_set_top(format, LXW_BORDER_THIN);
    }
    return format;
  }

  void AddSheet() {
    EndSheet();
    ++sheets;
    const std::string name = shape.title + (sheets == 1 ? "" : " " + std::to_string(sheets));
    sheet = workbook_add_worksheet(workbook, name.c_str());
    if (sheet == nullptr) throw std::runtime_error("cannot add the sheet " + name + " to " + options.path);
    for (size_t i = 0; i < shape.columns.size(); ++i) {
      const auto column = static_cast<lxw_col_t>(i);
      Demand(worksheet_set_column(sheet, column, column, Width(shape.columns[i]), nullptr), options.path);
      Demand(worksheet_write_string(sheet, 0, column, Printable(shape.columns[i].name).c_str(), header), options.path);
    }
    worksheet_freeze_panes(sheet, 1, 0);
    rows = 1;
  }

  void EndSheet() {
    if (sheet == nullptr) return;
    Demand(worksheet_autofilter(sheet, 0, 0, rows - 1, static_cast<lxw_col_t>(shape.columns.size() - 1)), options.path);
  }

  void Write(size_t index, std::string_view text, lxw_format* format) {
    const auto column = static_cast<lxw_col_t>(index);
    switch (shape.columns[index].cell) {
      case Cell::kText:
      case Cell::kFlag:
      case Cell::kJson:
        return WriteText(column, text, format);
      case Cell::kDate:
      case Cell::kTimestamp: {
        lxw_datetime at = DateTime(text);
        if (at.year < 1900 || at.year > 9999) return WriteText(column, text, format);
        Demand(worksheet_write_datetime(sheet, rows, column, &at, format), options.path);
        return;
      }
      case Cell::kInteger:
      case Cell::kDecimal:
      case Cell::kShare:
        break;
    }
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || at != end || !FitsDouble(text)) return WriteText(column, text, format);
    Demand(worksheet_write_number(sheet, rows, column, number, format), options.path);
  }

  void WriteText(lxw_col_t column, std::string_view text, lxw_format* format) {
    if (!text.empty())
      Demand(worksheet_write_string(sheet, rows, column, Printable(text).c_str(), format), options.path);
  }
};

XlsxWriter::XlsxWriter(const ReportShape& shape, const XlsxOptions& options)
    : book_(std::make_unique<Book>(shape, options)) {
  lxw_workbook_options settings{};
  settings.constant_memory = LXW_TRUE;
  settings.tmpdir = book_->temporary_directory.data();
  settings.use_zip64 = options.huge ? LXW_TRUE : LXW_FALSE;
  book_->workbook = workbook_new_opt(options.path.c_str(), &settings);
  if (book_->workbook == nullptr) throw std::runtime_error("cannot make " + options.path);
  lxw_doc_properties about{};
  about.created = static_cast<time_t>(UnixSeconds(options.created));
  Demand(workbook_set_properties(book_->workbook, &about), options.path);
  book_->header = workbook_add_format(book_->workbook);
  format_set_bold(book_->header);
  format_set_bottom(book_->header, LXW_BORDER_THIN);
  for (const Column& column : shape.columns) {
    book_->formats.push_back(book_->Format(column, false));
    book_->total_formats.push_back(book_->Format(column, true));
  }
  book_->AddSheet();
}

XlsxWriter::~XlsxWriter() {
  if (book_->workbook != nullptr) lxw_workbook_free(book_->workbook);
}

void XlsxWriter::Row(const Cells& cells) {
  if (book_->rows > book_->options.rows_per_sheet) book_->AddSheet();
  for (size_t i = 0; i < cells.size(); ++i) {
    if (cells[i]) book_->Write(i, *cells[i], book_->formats[i]);
  }
  ++book_->rows;
}

void XlsxWriter::Finish(const Totals& totals) {
  book_->EndSheet();
  for (const auto& [currency, sums] : totals) {
    for (size_t i = 0; i < book_->shape.columns.size(); ++i) {
      const Column& column = book_->shape.columns[i];
      if (i == 0) {
        book_->WriteText(0, "Total " + currency, book_->total_formats[0]);
      } else if (const auto sum = sums.find(column.name); sum != sums.end()) {
        book_->Write(i, sum->second, book_->total_formats[i]);
      } else if (column.name == "currency") {
        book_->WriteText(static_cast<lxw_col_t>(i), currency, book_->total_formats[i]);
      }
    }
    ++book_->rows;
  }
  lxw_workbook* const workbook = book_->workbook;
  book_->workbook = nullptr;  // closing frees it, however it ends
  Demand(workbook_close(workbook), book_->options.path);
}

}  // namespace billsync::report
