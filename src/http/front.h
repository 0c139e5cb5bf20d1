// The thread that owns the listening socket and every connection.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "billsync/base/log.h"
#include "billsync/http/server.h"
#include "connection.h"
#include "counters.h"
#include "deadline_queue.h"
#include "listener.h"
#include "mailbox.h"
#include "work_queue.h"

namespace billsync::http {

// Reads whole requests under deadlines and limits, refuses what must not be parsed, hands the rest to the workers and
// writes the answers. A connection has one request in work at a time; what a client pipelines waits in its buffer (at
// most one read's worth) and in the kernel.
//
// Only Run's thread touches it; others speak to it by mail.
class Front {
 public:
  // `tls` may be null. Throws std::system_error when out of descriptors.
  Front(const Limits& limits, const std::string& name, Listener listener, std::shared_ptr<Mailbox> mailbox,
        WorkQueue& queue, Counters& counters, const TlsContext* tls);

  // Serves until StopMail has been carried out; then every connection is closed and mail is dropped.
  void Run();

 private:
  // front.cpp: the loop, accepting, deadlines
  void Watch(int fd, uint64_t id, uint32_t events);
  int WaitMs() const;
  void OnReady(uint64_t id, uint32_t events);
  template <typename Work>
  void Guard(uint64_t id, Work work);
  void AcceptAll();
  void PauseAccepting();
  void Admit(Accepted accepted);
  bool IsOverCap(const std::string& peer) const;
  void OnEvent(Connection& connection, uint32_t events);
  void ExpireDeadlines();
  void Expire(Connection& connection);
  Connection* Find(uint64_t id);
  void SetInterest(Connection& connection, uint32_t events);
  void SetDeadline(Connection& connection, std::optional<std::chrono::milliseconds> from_now);
  void Close(Connection& connection);

  // front_exchange.cpp: one request and its answer
  void ContinueHandshake(Connection& connection);
  void Read(Connection& connection);
  void Advance(Connection& connection);
  bool TakeRequest(Connection& connection);
  bool TakeHead(Connection& connection);
  std::optional<ProblemCode> CheckPartialHead(const Connection& connection) const;
  void SendContinue(Connection& connection);
  void Dispatch(Connection& connection);
  void Refuse(Connection& connection, ProblemCode code);
  bool Answer(Connection& connection, Response response);
  void StartStream(Connection& connection, StreamBody body);
  void Flush(Connection& connection);
  bool WriteOut(Connection& connection);
  bool TakeStream(Connection& connection);
  void FinishAnswer(Connection& connection);
  void Account(Connection& connection);
  const std::string& HttpDateNow();

  // front_stop.cpp: mail and the end
  void OnMail();
  void Handle(AnswerMail& mail);
  void Handle(const StreamMail& mail);
  void Handle(const StreamDoneMail& mail);
  void Handle(const StopMail& mail);
  void CloseAll();

  const Limits limits_;
  const std::string name_;
  Listener listener_;
  const std::shared_ptr<Mailbox> mailbox_;
  WorkQueue& queue_;
  Counters& counters_;
  const TlsContext* const tls_;
  UniqueFd epoll_;

  TimePoint now_;
  uint64_t next_id_ = 2;  // 0 is the listener, 1 the mailbox
  std::unordered_map<uint64_t, std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> closed_;  // kept to the end of the turn: callers still hold references
  std::unordered_map<std::string, size_t> by_peer_;  // only with max_connections_per_peer
  DeadlineQueue deadlines_;
  std::optional<TimePoint> accept_again_;
  std::optional<TimePoint> drain_until_;
  size_t over_cap_open_ = 0;
  size_t pending_ = 0;
  size_t buffered_ = 0;
  bool stopping_ = false;
  long long date_second_ = -1;
  std::string date_;
};

// Does `work` for one connection (or the listener, or the mailbox). What it throws is out of memory, most likely: this
// client pays, the others are served.
template <typename Work>
void Front::Guard(uint64_t id, Work work) {
  try {
    work();
  } catch (const std::exception& error) {
    Log(LogLevel::kError, "connection failed", {{"listener", name_}, {"error", error.what()}});
    if (Connection* connection = Find(id)) Close(*connection);
  }
}

}  // namespace billsync::http
