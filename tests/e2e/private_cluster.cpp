#include "e2e/private_cluster.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "billsync/base/parse.h"
#include "billsync/db/session.h"

namespace billsync::testing {
namespace {

std::string Script(const std::string& command, const std::string& directory) {
  const std::string line = "'" BILLSYNC_SOURCE_DIR "/config/postgres-cluster.sh' " + command + " '" + directory + "'";
  FILE* pipe = ::popen((line + " 2>/dev/null").c_str(), "r");
  std::string out;
  std::array<char, 4096> piece{};
  while (pipe != nullptr && std::fgets(piece.data(), piece.size(), pipe) != nullptr) out += piece.data();
  if (pipe == nullptr || ::pclose(pipe) != 0) throw std::runtime_error("failed: " + line);
  return std::string(Trim(out));
}

}  // namespace

PrivateCluster::PrivateCluster()
    : directory_(BILLSYNC_BINARY_DIR "/test-clusters/private-" + std::to_string(::getpid())) {
  Start();
  url_ = Script("url", directory_);
}

// Where the cluster really lies: elsewhere, with a link, when the server's user cannot enter our directory.
std::filesystem::path PrivateCluster::Location() const {
  const auto link = std::filesystem::path(directory_) / "cluster";
  return std::filesystem::canonical(std::filesystem::exists(link) ? link : std::filesystem::path(directory_));
}

PrivateCluster::~PrivateCluster() {
  Resume();
  std::error_code ignored;
  std::filesystem::path data;
  try {
    data = Location();
    Stop();
  } catch (const std::exception&) {  // a destructor has nobody to tell; what stays is below the build directory
    return;
  }
  std::filesystem::remove_all(data, ignored);
  std::filesystem::remove_all(directory_, ignored);
}

void PrivateCluster::Stop() {
  Script("stop", directory_);
}

void PrivateCluster::StopAtOnce() {
  std::ifstream in(Location() / "data" / "postmaster.pid");
  pid_t postmaster = 0;
  if (!(in >> postmaster)) throw std::runtime_error("the server does not run");
  ::kill(postmaster, SIGQUIT);  // PostgreSQL's immediate shutdown
  while (::kill(postmaster, 0) == 0) ::usleep(10'000);
}

void PrivateCluster::Start() {
  Script("start", directory_);
}

// A PostgreSQL process works in its data directory.
std::vector<pid_t> PrivateCluster::Processes() const {
  const auto data = Location() / "data";
  std::vector<pid_t> pids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto pid = ParseInt<pid_t>(entry.path().filename().string());
    std::error_code ignored;
    if (pid && std::filesystem::read_symlink(entry.path() / "cwd", ignored) == data) pids.push_back(*pid);
  }
  return pids;
}

void PrivateCluster::Suspend() {
  suspended_ = Processes();
  if (suspended_.empty()) throw std::runtime_error("no process of the server was found");
  for (const pid_t pid : suspended_) ::kill(pid, SIGSTOP);
}

void PrivateCluster::Resume() {
  for (const pid_t pid : suspended_) ::kill(pid, SIGCONT);
  suspended_.clear();
}

std::string PrivateCluster::Value(const std::string& sql) const {
  try {
    db::Session session({.url = url_, .role = "test"});
    db::Transaction tx(session);
    const auto rows = tx.Exec("test", sql, {});
    tx.Commit();
    return rows.empty() ? "" : std::string(rows[0].Raw(0).value_or(""));
  } catch (const db::Transient&) {
    return "";
  }
}

}  // namespace billsync::testing
