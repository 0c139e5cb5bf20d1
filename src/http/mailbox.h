// How other threads reach the thread that owns the sockets.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <variant>
#include <vector>

#include "billsync/http/response.h"
#include "unique_fd.h"

namespace billsync::http {

// A handler's answer to the request that this connection waits for.
struct AnswerMail {
  uint64_t connection = 0;
  Response response;
};
// A streamed answer has bytes to take, or has ended.
struct StreamMail {
  uint64_t connection = 0;
};
// A streamed answer's producer has returned.
struct StreamDoneMail {
  uint64_t connection = 0;
};
struct StopMail {
  std::chrono::milliseconds drain{0};
};
using Mail = std::variant<AnswerMail, StreamMail, StreamDoneMail, StopMail>;

// Shared: a Responder may outlive its server. Mail posted before the front runs is kept, so a stop is never lost.
class Mailbox {
 public:
  // Throws std::system_error when out of descriptors.
  Mailbox();

  // Any thread. Dropped after Close.
  void Post(Mail mail);
  // The owner takes everything, in order; clears the signal.
  std::vector<Mail> TakeAll();
  // From now on mail is dropped.
  void Close();
  // Readable while there is mail.
  int fd() const { return event_.get(); }

 private:
  std::mutex mutex_;
  std::vector<Mail> mails_;
  bool closed_ = false;
  UniqueFd event_;
};

}  // namespace billsync::http
