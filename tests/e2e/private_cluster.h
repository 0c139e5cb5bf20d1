// A PostgreSQL of a test's own, to be taken away from under the program.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace billsync::testing {

// A cluster of config/postgres-cluster.sh below the build directory, durable as in production. Runs when constructed;
// its database is empty and not migrated.
class PrivateCluster {
 public:
  PrivateCluster();
  ~PrivateCluster();
  PrivateCluster(const PrivateCluster&) = delete;
  PrivateCluster& operator=(const PrivateCluster&) = delete;

  const std::string& url() const { return url_; }
  void Stop();
  void Start();
  // As a power cut would: every process of the server ends now, and the next Start recovers.
  void StopAtOnce();
  // Suspends every process of the server: connections stay open, new ones are taken by the kernel, nobody answers.
  void Suspend();
  void Resume();

  // The single value of a query by a session of its own; "" while the server is away.
  std::string Value(const std::string& sql) const;

 private:
  std::filesystem::path Location() const;
  std::vector<pid_t> Processes() const;

  const std::string directory_;
  std::string url_;
  std::vector<pid_t> suspended_;
};

}  // namespace billsync::testing
