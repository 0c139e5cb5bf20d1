// Group commit into stripe_events: a 2xx means on disk.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/billing/event_reason.h"
#include "billsync/db/session.h"
#include "billsync/stripe/event.h"

namespace billsync::webhook {

// A verified event on its way to disk.
struct IncomingEvent {
  stripe::EventEnvelope envelope;
  std::string payload;                           // the body as received: UTF-8 without NUL
  std::optional<billing::IgnoreReason> ignored;  // stored as ignored instead of received
};

// What became of one event. Only the first two may be answered 2xx.
enum class StoreOutcome {
  kStored,       // committed now
  kDuplicate,    // its id was committed before
  kUnavailable,  // not known to be committed: the database is away or too slow
  kOverloaded,   // refused before anything was tried
};

struct InboxLimits {
  size_t writers = 2;                       // connections, each with a thread
  size_t batch = 128;                       // rows of one INSERT at most
  size_t batch_bytes = size_t{4} << 20;     // no further event is added beyond this much payload
  size_t queue = 4096;                      // events waiting at most; beyond, kOverloaded
  std::chrono::milliseconds patience{900};  // an event not committed by then is answered kUnavailable
};

// Upper bounds of the commit batch sizes counted in InboxStats; a last bucket holds the rest.
inline constexpr std::array<size_t, 6> kBatchBounds = {1, 4, 16, 32, 64, 128};

// Counters since the start; waiting is now.
struct InboxStats {
  uint64_t stored = 0, duplicates = 0, unavailable = 0, overloaded = 0;
  uint64_t batches = 0, batch_rows = 0;
  std::array<uint64_t, kBatchBounds.size() + 1> batch_sizes{};
  size_t waiting = 0;
};

// A writer takes all that waits, commits it in one INSERT and then releases the answers, so that many connections share
// one flush to disk. Another writer joins when a whole batch waits or the commit under way is slow. Thread-safe.
class Inbox {
 public:
  using Answer = std::function<void(StoreOutcome)>;

  // `on_stored` is called after a commit that stored new events, from a writer's thread.
  Inbox(db::ConnectOptions connect, InboxLimits limits, std::function<void()> on_stored);
  ~Inbox();

  // `answer` is called exactly once, from any thread, within limits.patience or so.
  void Submit(IncomingEvent event, Answer answer);

  // Commits what waits, then stops. Later submissions are answered kUnavailable.
  void Stop();

  InboxStats Stats() const;

 private:
  struct Pending;
  using Batch = std::vector<std::shared_ptr<Pending>>;

  void WriterLoop(const std::stop_token& stop);
  void PatienceLoop(const std::stop_token& stop);
  bool MayTake() const;
  Batch TakeBatch(const std::stop_token& stop);
  void DoneWriting();
  void Write(std::unique_ptr<db::Session>& session, Batch batch);
  void InsertDurably(std::unique_ptr<db::Session>& session, const Batch& batch);
  void Insert(db::Session& session, const Batch& batch);
  void AnswerAll(const Batch& batch, StoreOutcome outcome);
  void AnswerOnce(Pending& pending, StoreOutcome outcome);

  const db::ConnectOptions connect_;
  const InboxLimits limits_;
  const std::function<void()> on_stored_;
  mutable std::mutex mutex_;
  std::condition_variable_any arrived_, gathered_;
  std::deque<std::shared_ptr<Pending>> queue_;       // not yet taken by a writer
  std::deque<std::shared_ptr<Pending>> unanswered_;  // in order of arrival, for the patience loop
  size_t writing_ = 0;                               // writers that have a batch or gather one
  std::chrono::steady_clock::time_point begun_{};    // of the latest batch
  bool gathering_ = false;                           // a writer gives others a moment to arrive
  size_t expected_ = 1;                              // events that are worth that moment
  size_t last_size_ = 0;                             // of the latest batch
  bool stopping_ = false;
  InboxStats stats_;
  std::vector<std::jthread> threads_;
};

}  // namespace billsync::webhook
