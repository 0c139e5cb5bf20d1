// The real program as a child process, and an independent signer to talk to it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace billsync::testing {

// How much longer everything takes, built as this is: with a sanitizer, patience is stretched and crowds are smaller.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int kStretch = 10;
#else
inline constexpr int kStretch = 1;
#endif

struct ProgramResult {
  int status = -1;  // exit status; 128 + signal if it was killed
  std::string out, err;
};

// build/billsync with arguments and environment, killed if it still runs at the end of the test.
class Program {
 public:
  // Starts at once. Only `environment` and PATH reach the child.
  Program(std::vector<std::string> arguments, std::map<std::string, std::string> environment);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void Signal(int signal) const;
  // Waits for the end, at most `patience` (then it is killed and status is -1).
  ProgramResult Wait(std::chrono::milliseconds patience = std::chrono::seconds(60));
  // What it wrote so far.
  std::string Out() const;
  std::string Err() const;
  pid_t pid() const { return pid_; }

 private:
  std::string directory_;  // holds its output
  pid_t pid_ = -1;
  bool ended_ = false;
  int status_ = -1;
};

// Runs to the end.
ProgramResult RunProgram(std::vector<std::string> arguments, std::map<std::string, std::string> environment);

// `billsync serve` on free ports over a database, waited for until it serves. Secret and plan map of the demo, unless
// `environment` says otherwise (NAME_FILE instead of NAME included) or another configuration file is named.
class RunningService {
 public:
  explicit RunningService(const std::string& database_url, std::map<std::string, std::string> environment = {},
                          const std::string& config_file = BILLSYNC_SOURCE_DIR "/fixtures/demo/billsync.toml");

  uint16_t port() const { return port_; }
  uint16_t admin_port() const { return admin_port_; }
  Program& program() { return program_; }

 private:
  Program program_;
  uint16_t port_ = 0, admin_port_ = 0;
};

inline constexpr const char* kSecret = "whsec_test_secret_of_the_test_suite";
inline constexpr const char* kOpsToken = "ops-token-of-the-test-suite";

// The Stripe-Signature of a body, made by the openssl command: none of our code is in it.
std::string SignIndependently(const std::string& body, const std::string& secret, int64_t at);
std::string SignIndependently(const std::string& body);  // kSecret, now

struct PostResult {
  int status = 0;  // 0: no answer
  std::string body;
  std::map<std::string, std::string> headers;  // names in lower case
};

// POST /webhooks/stripe on 127.0.0.1.
PostResult PostEvent(uint16_t port, const std::string& body, const std::string& signature);
PostResult Get(uint16_t port, const std::string& path, const std::string& bearer = "");
PostResult Post(uint16_t port, const std::string& path, const std::string& bearer);

// Asks every 10 ms until `holds` is true; false after `patience`, which sanitizers stretch tenfold. For what another
// process does.
bool Eventually(const std::function<bool()>& holds, std::chrono::milliseconds patience = std::chrono::seconds(5));

}  // namespace billsync::testing
