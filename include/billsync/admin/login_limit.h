// Failed logins and wrong bearer tokens are limited, so that a token cannot be guessed.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>

namespace billsync::admin {

// Ten failures a minute and peer. Thread-safe; memory is bounded whoever comes.
class LoginLimit {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  // Whether this peer may try now. An IPv6 peer is its /64 network: one machine has all of it.
  bool MayTry(const std::string& peer, Moment now);
  void NoteFailure(const std::string& peer, Moment now);

  static constexpr int kFailures = 10;
  static constexpr std::chrono::seconds kWindow{60};
  static constexpr size_t kPeers = 4096;

 private:
  struct Window {
    Moment begun;
    int failures = 0;
  };
  void ForgetOld(Moment now);

  std::mutex mutex_;
  std::map<std::string, Window> peers_;
};

}  // namespace billsync::admin
