#include "staging.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace billsync::report {
namespace {

[[noreturn]] void Fail(const std::string& what, const std::string& path) {
  throw std::runtime_error(what + " " + path + ": " + std::strerror(errno));
}

void FlushToDisk(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) Fail("cannot open", path);
  const int failed = ::fsync(fd);
  ::close(fd);
  if (failed != 0) Fail("cannot flush", path);
}

void FlushDirectory(const std::filesystem::path& path) {
  FlushToDisk(path.empty() ? "." : path.string(), O_RDONLY | O_DIRECTORY);
}

}  // namespace

Staging::Staging(std::string path) : path_(std::move(path)) {
  std::error_code error;
  std::filesystem::remove_all(path_, error);  // of a process with this number that was killed
  if (!std::filesystem::create_directories(path_, error)) {
    throw std::runtime_error("cannot create " + path_ + ": " + error.message());
  }
}

Staging::~Staging() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void Staging::Flush(const std::vector<std::string>& names) const {
  for (const auto& name : names) FlushToDisk(path_ + "/" + name, O_RDONLY);
  FlushDirectory(path_);
}

void Staging::MoveFiles(const std::vector<std::string>& names, const std::string& directory) {
  for (const auto& name : names) {
    const std::string to = directory + "/" + name;
    if (std::rename((path_ + "/" + name).c_str(), to.c_str()) != 0) Fail("cannot rename to", to);
  }
  FlushDirectory(directory);
}

void Staging::BecomeDirectory(const std::string& directory) {
  const std::filesystem::path target(directory);
  if (!std::filesystem::exists(target)) {
    if (std::rename(path_.c_str(), directory.c_str()) != 0) Fail("cannot rename to", directory);
  } else if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, directory.c_str(), RENAME_EXCHANGE) != 0) {
    // A filesystem without that: the earlier one steps aside for a moment.
    const std::string aside = path_ + ".before";
    if (std::rename(directory.c_str(), aside.c_str()) != 0) Fail("cannot rename", directory);
    if (std::rename(path_.c_str(), directory.c_str()) != 0) {
      std::rename(aside.c_str(), directory.c_str());
      Fail("cannot rename to", directory);
    }
    std::error_code ignored;
    std::filesystem::remove_all(aside, ignored);
  }
  FlushDirectory(target.parent_path());
}

}  // namespace billsync::report
