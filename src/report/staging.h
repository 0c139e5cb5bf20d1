// A directory that files are written in before they appear under their names.
#pragma once

#include <string>
#include <vector>

namespace billsync::report {

// Exists until it is published or destroyed; then nothing of it is left.
class Staging {
 public:
  // Throws std::runtime_error naming the directory when it cannot be made.
  explicit Staging(std::string path);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  const std::string& path() const { return path_; }
  // Flushes the files (names in this directory) to disk.
  void Flush(const std::vector<std::string>& names) const;
  // Moves the files into `directory`, in this order, each at once.
  void MoveFiles(const std::vector<std::string>& names, const std::string& directory);
  // Takes the place of `directory`, which may exist: whoever looks sees the one or the other, whole.
  void BecomeDirectory(const std::string& directory);

 private:
  const std::string path_;
};

}  // namespace billsync::report
