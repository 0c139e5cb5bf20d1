// A stream of signed events posted from several threads, the way Stripe would: what is not acknowledged is sent again.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace billsync::testing {

struct SignedEvent {
  std::string id, body, signature;
};

// `count` events, signed now: of `subscriptions` subscriptions of customers cus_0, cus_1, …, each growing newer; every
// tenth is of a customer nobody knows, every seventh of a type that is not used.
std::vector<SignedEvent> MakeStream(int count, int subscriptions);

// Posts the events that were not acknowledged yet, from `threads` threads, until all are or the server is gone.
class StreamPoster {
 public:
  explicit StreamPoster(std::vector<SignedEvent> events) : events_(std::move(events)) {}
  ~StreamPoster() { Join(); }
  StreamPoster(const StreamPoster&) = delete;
  StreamPoster& operator=(const StreamPoster&) = delete;

  // One round against a server. A thread ends when its events are done or at the first connection that is refused.
  void Start(uint16_t port, int threads);
  void Join();
  // Waits until so many are acknowledged in all; false after ten seconds.
  bool ReachedAcknowledged(size_t count) const;

  // Of all rounds; call the rest after Join.
  size_t acknowledged_now() const { return acknowledged_count_.load(); }
  const std::set<std::string>& acknowledged() const { return acknowledged_; }
  int other_answers() const { return other_answers_; }   // neither 200 nor 503
  int closed_without_answer() const { return closed_; }  // the connection ended before an answer
  int answered_after_refusal() const { return late_; }   // answered although a connection was refused before

 private:
  void Post(uint16_t port, std::vector<const SignedEvent*> share);

  const std::vector<SignedEvent> events_;
  std::vector<std::thread> threads_;
  std::atomic<size_t> acknowledged_count_{0};
  std::atomic<bool> refused_{false};
  std::mutex mutex_;
  std::set<std::string> acknowledged_;
  int other_answers_ = 0, closed_ = 0, late_ = 0;
};

}  // namespace billsync::testing
