// A file that appears under its name only when it is whole and on disk.
#pragma once

#include <fstream>
#include <string>

namespace billsync::report {

// Writes to a temporary name beside `path`; Publish flushes it to disk and renames it. Destroyed unpublished, it
// leaves nothing behind.
class DurableFile {
 public:
  // Throws std::runtime_error naming the file when it cannot be created.
  explicit DurableFile(std::string path);
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  std::ostream& out() { return out_; }
  void Publish();

 private:
  const std::string path_, temporary_;
  std::ofstream out_;
  bool published_ = false;
};

}  // namespace billsync::report
