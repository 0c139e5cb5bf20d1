#include "report_file.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "text_writers.h"
#include "xlsx_writer.h"

namespace billsync::report {
namespace {

// Above this a sheet's XML may pass the 4 GiB that an ordinary zip entry can hold.
constexpr int64_t kCellsOfPlainZip = 25'000'000;

// Takes bytes and keeps nothing.
class NullBuffer : public std::streambuf {
 protected:
  int_type overflow(int_type c) override { return traits_type::not_eof(c); }
  std::streamsize xsputn(const char*, std::streamsize size) override { return size; }
};

}  // namespace

std::unique_ptr<RowSink> MakeTextWriter(Format format, const ReportShape& shape, DigestStream& out) {
  switch (format) {
    case Format::kCsv:
    case Format::kFocus:
      return std::make_unique<CsvWriter>(shape, out);
    case Format::kJsonLines:
      return std::make_unique<JsonLinesWriter>(shape, out);
    case Format::kXlsx:
      break;
  }
  throw std::logic_error("XLSX is no text");
}

ReportFile::ReportFile(Format format, ReportShape shape, std::string path, const std::string& temporary_directory,
                       Instant created, int64_t cells)
    : format_(format), shape_(std::move(shape)), path_(std::move(path)) {
  if (format_ == Format::kXlsx) {
    sink_ = std::make_unique<XlsxWriter>(shape_, XlsxOptions{.path = path_,
                                                             .temporary_directory = temporary_directory,
                                                             .created = created,
                                                             .huge = cells > kCellsOfPlainZip});
    return;
  }
  out_.open(path_, std::ios::binary | std::ios::trunc);
  if (!out_) throw std::runtime_error("cannot create " + path_ + ": " + std::strerror(errno));
  digest_ = std::make_unique<DigestStream>(out_);
  sink_ = MakeTextWriter(format_, shape_, *digest_);
}

void ReportFile::Close() {
  if (format_ == Format::kXlsx) {
    NullBuffer nowhere;
    std::ostream out(&nowhere);
    digest_ = std::make_unique<DigestStream>(out);
    CopyFile(path_, *digest_);
    bytes_ = digest_->bytes();
    sha256_ = digest_->Sha256();
    digest_.reset();
    return;
  }
  out_.close();
  if (!out_) throw std::runtime_error("cannot write " + path_ + ": " + std::strerror(errno));
  bytes_ = digest_->bytes();
  sha256_ = digest_->Sha256();
}

void CopyFile(const std::string& path, DigestStream& out) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path + ": " + std::strerror(errno));
  std::vector<char> piece(size_t{256} << 10U);
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    out.Write({piece.data(), static_cast<size_t>(in.gcount())});
  }
  if (!in.eof()) throw std::runtime_error("cannot read " + path);
}

}  // namespace billsync::report
