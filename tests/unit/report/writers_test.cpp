// Rows as files: JSON Lines, and XLSX read back by Python's zipfile and XML parser, which share nothing with the
// writer.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "report/digest_stream.h"
#include "report/text_writers.h"
#include "report/xlsx_writer.h"

namespace billsync::report {
namespace {

ReportShape Shape() {
  return {.title = "usage",
          .columns = {{.name = "user_id"},
                      {.name = "due", .cell = Cell::kDate},
                      {.name = "paid_at", .cell = Cell::kTimestamp},
                      {.name = "currency"},
                      {.name = "runs", .cell = Cell::kInteger, .totalled = true},
                      {.name = "cost_usd", .cell = Cell::kDecimal, .scale = 2, .totalled = true},
                      {.name = "share", .cell = Cell::kShare, .scale = 4},
                      {.name = "breakdown", .cell = Cell::kJson}},
          .order = {},
          .key = {}};
}

const Cells kRow = {"00123", "2026-10-31", "2026-10-31T12:00:00Z", "USD", "42", "-1234.50", "0.2500", R"({"m": 1.50})"};
const Cells kOdd = {"=1+1",
                    std::nullopt,
                    std::nullopt,
                    "EUR",
                    "9007199254740993",
                    "12345678901234.56",
                    std::nullopt,
                    "a\x01\xEF\xBF\xBF<&>\nb"};
const Totals kTotals = {{"EUR", {{"runs", "1"}, {"cost_usd", "12345678901234.56"}}},
                        {"USD", {{"runs", "42"}, {"cost_usd", "-1234.50"}}}};

TEST(JsonLines, KeepDecimalsAsTextsAndCountsAsNumbers) {
  const ReportShape shape = Shape();
  std::ostringstream out;
  DigestStream digest(out);
  JsonLinesWriter writer(shape, digest);
  writer.Row(kRow);
  writer.Row({"a\"b", std::nullopt, std::nullopt, std::nullopt, "1", "2.00", std::nullopt, std::nullopt});
  writer.Finish({});
  EXPECT_EQ(out.str(),
            R"({"user_id":"00123","due":"2026-10-31","paid_at":"2026-10-31T12:00:00Z","currency":"USD","runs":42,)"
            R"("cost_usd":"-1234.50","share":"0.2500","breakdown":{"m": 1.50}})"
            "\n"
            R"({"user_id":"a\"b","due":null,"paid_at":null,"currency":null,"runs":1,"cost_usd":"2.00","share":null,)"
            R"("breakdown":null})"
            "\n");
}

TEST(FitsDouble, CountsSignificantDigits) {
  for (const char* text :
       {"0", "-1234.50", "0.0000001", "123456789012345", "123456789012.500000", "999999999999.999"}) {
    EXPECT_TRUE(FitsDouble(text)) << text;
  }
  for (const char* text : {"9007199254740993", "12345678901234.56", "1000000000000000", "0.1234567890123456"}) {
    EXPECT_FALSE(FitsDouble(text)) << text;
  }
}

// Prints every sheet: its name, pane, filter, and each cell as "ref type style value".
constexpr const char* kReader = R"(
import sys, zipfile, xml.etree.ElementTree as E
M = '{http://schemas.openxmlformats.org/spreadsheetml/2006/main}'
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
for name in z.namelist():
    if name.endswith(('.xml', '.rels')): E.fromstring(z.read(name))
styles = E.fromstring(z.read('xl/styles.xml'))
formats = {f.get('numFmtId'): f.get('formatCode') for f in styles.iter(M + 'numFmt')}
formats |= {'0': '', '3': '#,##0', '10': '0.00%'}
styles = [formats.get(x.get('numFmtId'), '?') for x in styles.find(M + 'cellXfs')]
names = [s.get('name') for s in E.fromstring(z.read('xl/workbook.xml')).iter(M + 'sheet')]
core = E.fromstring(z.read('docProps/core.xml'))
print('created', [e.text for e in core if e.tag.endswith('created')][0])
for i, name in enumerate(names):
    sheet = E.fromstring(z.read(f'xl/worksheets/sheet{i + 1}.xml'))
    pane, filters = sheet.find(f'.//{M}pane'), sheet.find(f'{M}autoFilter')
    print('sheet', name, pane.get('ySplit'), pane.get('state'), filters.get('ref'), len(sheet.find(M + 'cols')))
    for c in sheet.iter(M + 'c'):
        text = ''.join(t.text or '' for t in c.iter(M + 't')) if c.get('t') else c.find(M + 'v').text
        assert c.find(M + 'f') is None
        print(c.get('r'), c.get('t') or 'n', styles[int(c.get('s') or 0)], repr(text))
)";

class XlsxTest : public ::testing::Test {
 protected:
  XlsxTest() {
    directory_ = (std::filesystem::temp_directory_path() / "billsync-xlsx-XXXXXX").string();
    if (::mkdtemp(directory_.data()) == nullptr) throw std::runtime_error("cannot make a temporary directory");
  }
  ~XlsxTest() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::vector<Cells>& rows, uint32_t rows_per_sheet = 1000) {
    const ReportShape shape = Shape();
    XlsxWriter writer(shape, {.path = directory_ + "/book.xlsx",
                              .temporary_directory = directory_,
                              .created = ParseInstant("2026-11-01").value(),
                              .rows_per_sheet = rows_per_sheet});
    for (const auto& row : rows) writer.Row(row);
    writer.Finish(kTotals);
    std::ifstream in(directory_ + "/book.xlsx", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string ReadBack() {
    std::ofstream(directory_ + "/read.py") << kReader;
    FILE* pipe = ::popen(("python3 " + directory_ + "/read.py " + directory_ + "/book.xlsx 2>&1").c_str(), "r");
    std::string out;
    std::array<char, 4096> piece{};
    for (size_t got = 0; (got = std::fread(piece.data(), 1, piece.size(), pipe)) > 0;) out.append(piece.data(), got);
    EXPECT_EQ(::pclose(pipe), 0) << out;
    return out;
  }
  static bool Has(const std::string& text, const std::string& line) {
    return text.find(line + "\n") != std::string::npos;
  }

  std::string directory_;
};

TEST_F(XlsxTest, HasRealNumbersCurrencyDatesAndTexts) {
  Write({kRow, kOdd});
  const std::string book = ReadBack();
  EXPECT_TRUE(Has(book, "created 2026-11-01T00:00:00Z")) << book;
  EXPECT_TRUE(Has(book, "sheet usage 1 frozen A1:H3 8")) << book;
  EXPECT_TRUE(Has(book, "A2 inlineStr  '00123'")) << "an id is no number" << book;
  EXPECT_TRUE(Has(book, "B2 n yyyy\\-mm\\-dd '46326'") || Has(book, "B2 n yyyy-mm-dd '46326'")) << book;
  EXPECT_TRUE(Has(book, "C2 n yyyy-mm-dd hh:mm:ss '46326.5'")) << book;
  EXPECT_TRUE(Has(book, "E2 n #,##0 '42'")) << book;
  EXPECT_TRUE(Has(book, "F2 n [$$-409]#,##0.00;[Red]-[$$-409]#,##0.00 '-1234.5'")) << book;
  EXPECT_TRUE(Has(book, "G2 n 0.00% '0.25'")) << book;
  EXPECT_TRUE(Has(book, "A3 inlineStr  '=1+1'")) << "a text, which no spreadsheet runs" << book;
}

TEST_F(XlsxTest, WritesANumberThatWouldLoseADigitAsText) {
  Write({kOdd});
  const std::string book = ReadBack();
  EXPECT_TRUE(Has(book, "E2 inlineStr #,##0 '9007199254740993'")) << book;
  EXPECT_NE(book.find("'12345678901234.56'"), std::string::npos) << book;
}

TEST_F(XlsxTest, EndsWithTheTotalsOfEachCurrencyOutsideTheFilter) {
  Write({kRow});
  const std::string book = ReadBack();
  EXPECT_TRUE(Has(book, "sheet usage 1 frozen A1:H2 8")) << book;
  EXPECT_TRUE(Has(book, "A3 inlineStr  'Total EUR'")) << book;
  EXPECT_TRUE(Has(book, "A4 inlineStr  'Total USD'")) << book;
  EXPECT_TRUE(Has(book, "D4 inlineStr  'USD'")) << book;
  EXPECT_TRUE(Has(book, "E4 n #,##0 '42'")) << book;
}

TEST_F(XlsxTest, GoesOnInFurtherSheetsAndHasItsTotalsOnce) {
  Write(std::vector<Cells>(7, kRow), 3);
  const std::string book = ReadBack();
  EXPECT_TRUE(Has(book, "sheet usage 1 frozen A1:H4 8")) << book;
  EXPECT_TRUE(Has(book, "sheet usage 2 1 frozen A1:H4 8")) << book;
  EXPECT_TRUE(Has(book, "sheet usage 3 1 frozen A1:H2 8")) << book;
  EXPECT_EQ(book.find("Total USD"), book.rfind("Total USD"));
}

TEST_F(XlsxTest, KeepsWhatXmlCannotHoldOut) {
  Write({kOdd});
  EXPECT_TRUE(Has(ReadBack(), "H2 inlineStr  'a\xEF\xBF\xBD\xEF\xBF\xBD<&>\\nb'")) << ReadBack();
}

TEST_F(XlsxTest, CutsATextThatIsTooLongAndSaysSo) {
  const std::string text(40000, 'x');
  Write({{"a", std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt, text}});
  EXPECT_NE(ReadBack().find("xxx … (cut: CSV and JSON Lines have the whole)'"), std::string::npos);
}

TEST_F(XlsxTest, IsTheSameBytesEachTime) {
  const std::string first = Write({kRow, kOdd});
  // Past the two seconds that a zip entry's time counts in, if it had one.
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  EXPECT_TRUE(Write({kRow, kOdd}) == first);
}

}  // namespace
}  // namespace billsync::report
