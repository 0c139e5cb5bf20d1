// One file of an export while it is written.
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>

#include "billsync/base/instant.h"
#include "columns.h"
#include "digest_stream.h"
#include "row_sink.h"

namespace billsync::report {

// A writer of the format, for text formats on top of `out`. Both must outlive it.
std::unique_ptr<RowSink> MakeTextWriter(Format format, const ReportShape& shape, DigestStream& out);

// Writes a file at `path`, whatever its format. Not flushed to disk.
class ReportFile {
 public:
  // `cells`: about how many there will be; `created`: see XlsxOptions. Throws std::runtime_error.
  ReportFile(Format format, ReportShape shape, std::string path, const std::string& temporary_directory,
             Instant created, int64_t cells);

  RowSink& sink() { return *sink_; }
  // After sink().Finish().
  void Close();
  int64_t bytes() const { return bytes_; }
  const std::string& sha256() const { return sha256_; }

 private:
  const Format format_;
  const ReportShape shape_;
  const std::string path_;
  std::ofstream out_;
  std::unique_ptr<DigestStream> digest_;
  std::unique_ptr<RowSink> sink_;
  int64_t bytes_ = 0;
  std::string sha256_;
};

// Copies a file into a stream that counts and hashes. Throws std::runtime_error.
void CopyFile(const std::string& path, DigestStream& out);

}  // namespace billsync::report
