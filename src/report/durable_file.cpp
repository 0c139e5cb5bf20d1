#include "durable_file.h"

#include <fcntl.h>
#include <unistd.h>

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

}  // namespace

DurableFile::DurableFile(std::string path)
    : path_(std::move(path)),
      temporary_(path_ + ".partial-" + std::to_string(::getpid())),
      out_(temporary_, std::ios::binary | std::ios::trunc) {
  if (!out_) Fail("cannot create", temporary_);
}

DurableFile::~DurableFile() {
  if (published_) return;
  out_.close();
  std::remove(temporary_.c_str());
}

void DurableFile::Publish() {
  out_.close();
  if (!out_) Fail("cannot write", temporary_);
  FlushToDisk(temporary_, O_RDONLY);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) Fail("cannot rename to", path_);
  published_ = true;
  const auto parent = std::filesystem::path(path_).parent_path();
  FlushToDisk(parent.empty() ? "." : parent.string(), O_RDONLY | O_DIRECTORY);  // the rename itself
}

}  // namespace billsync::report
