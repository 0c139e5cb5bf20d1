#include "billsync/apply/applier.h"

#include "apply/apply_sql.h"
#include "batch.h"
#include "billsync/base/log.h"
#include "reviews.h"

namespace billsync::apply {
namespace {

// How long an applier sleeps when nothing is due and nobody wakes it: bounds the delay of what other processes store
// and of parked events that come due.
constexpr std::chrono::milliseconds kPoll{200};
// After a failure, so that a database that is away is not hammered.
constexpr std::chrono::milliseconds kPause{500};

// True for a lost connection, a deadlock and the like: the same batch may succeed in a moment.
bool MayPassByItself(const std::exception& error, const db::Session& session) {
  if (session.Broken()) return true;
  const auto* transient = dynamic_cast<const db::Transient*>(&error);
  return transient != nullptr && transient->sqlstate() != "57014";  // a timeout may be one huge object's doing
}

}  // namespace

Applier::Applier(db::Pool& pool, ApplyOptions options, Clock clock)
    : pool_(pool), options_(std::move(options)), clock_(std::move(clock)) {}

Applier::~Applier() {
  Stop();
}

void Applier::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Loop(stop); });
}

void Applier::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Applier::Wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  wake_.notify_one();
}

void Applier::Loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    auto wait = kPoll;
    try {
      if (ApplyOnce() > 0) continue;
    } catch (const std::exception& e) {
      wait = kPause;
      Log(LogLevel::kWarning, "a batch of events was not applied", {{"error", e.what()}});
    }
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, wait, [&] { return woken_; });
    woken_ = false;
  }
}

size_t Applier::ApplyAllDue() {
  size_t total = 0;
  for (size_t attempted = ApplyOnce(); attempted > 0; attempted = ApplyOnce()) total += attempted;
  return total;
}

size_t Applier::ApplyOnce() {
  auto session = pool_.Acquire();
  std::vector<std::string> claimed;
  try {
    ReleaseReviewed(*session);
    ReleaseMissed(*session);
    const auto result = ApplyBatch(*session, options_, clock_(), std::nullopt, &claimed);
    if (!result.newly_linked.empty()) ReleaseCustomers(*session, result.newly_linked);
    const std::lock_guard lock(mutex_);
    if (result.claimed > 0) ++stats_.batches;
    stats_.plan_changes += static_cast<uint64_t>(result.plan_changes);
    for (const auto& [status, count] : result.by_status) stats_.by_status[status] += count;
    return result.claimed;
  } catch (const std::exception& e) {
    // Anything but the loss of the database may be the fault of one event: find it.
    if (claimed.empty() || MayPassByItself(e, *session)) throw;
    Log(LogLevel::kError, "a batch failed; its events are tried one by one",
        {{"events", claimed.size()}, {"error", e.what()}});
    {
      const std::lock_guard lock(mutex_);
      ++stats_.failed_batches;
    }
    Isolate(*session, claimed);
    return claimed.size();
  }
}

// Applies each event alone, so that one the database refuses is parked and its neighbours are not delayed.
void Applier::Isolate(db::Session& session, const std::vector<std::string>& event_ids) {
  for (const std::string& id : event_ids) {
    try {
      const auto result = ApplyBatch(session, options_, clock_(), id, nullptr);
      if (!result.newly_linked.empty()) ReleaseCustomers(session, result.newly_linked);
      const std::lock_guard lock(mutex_);
      for (const auto& [status, count] : result.by_status) stats_.by_status[status] += count;
    } catch (const std::exception& e) {
      if (MayPassByItself(e, session)) throw;
      ParkFailed(session, id, e.what(), clock_());
      const std::lock_guard lock(mutex_);
      ++stats_.by_status["parked"];
    }
  }
}

ApplyStats Applier::Stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

int64_t RetryEvents(db::Session& session, const std::vector<std::string>& event_ids) {
  db::Transaction tx(session);
  const int64_t count = tx.Exec(sql::kRetryEvents, db::Params::Of(event_ids)).affected();
  tx.Commit();
  return count;
}

void AdoptPlanMap(db::Session& session, const std::string& fingerprint) {
  db::Transaction tx(session);
  if (!tx.Exec(sql::kAdoptPlanMap, db::Params::Of(fingerprint)).empty()) RequestReviewOfAll(tx);
  tx.Commit();
}

EventCounts CountEvents(db::Session& session) {
  db::Transaction tx(session, {.read_only = true});
  EventCounts counts;
  for (const db::Row row : tx.Exec(sql::kCountUnsettled)) {
    counts.by_status_reason[{row.Text("status"), row.Text("reason")}] = row.Int("events");
  }
  const auto due = tx.Exec(sql::kCountDue);
  counts.due = due.Only().Int("due");
  counts.oldest_due_s = due.Only().Int("oldest_s");
  tx.Commit();
  return counts;
}

}  // namespace billsync::apply
