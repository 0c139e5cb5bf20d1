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

// Failures in a row after which ApplyAllDue gives up.
constexpr int kMostFailures = 5;
// Events tried alone beside each batch, because they failed before: a backlog of them must not hold up the others.
constexpr int kAlonePerBatch = 8;

// A statement's time was over: one huge object's or one locked row's doing, perhaps.
bool TookTooLong(const std::exception& error) {
  const auto* transient = dynamic_cast<const db::Transient*>(&error);
  return transient != nullptr && transient->sqlstate() == "57014";
}

// True for a lost connection, a deadlock and the like: the same batch may succeed in a moment.
bool MayPassByItself(const std::exception& error, const db::Session& session) {
  if (session.Broken()) return true;
  return dynamic_cast<const db::Transient*>(&error) != nullptr && !TookTooLong(error);
}

// Why an event cannot be applied, for a person: what kind of failure, then what the database said.
std::string InWords(const std::exception& error) {
  const auto* of_database = dynamic_cast<const db::Error*>(&error);
  const std::string state = of_database == nullptr ? "" : of_database->sqlstate();
  std::string words;
  if (state == "57014") {
    words = "it took too long, or waited too long for a row that another transaction holds: ";
  } else if (state == "22003") {
    words = "a number is too large for its column: ";
  } else if (state.starts_with("22")) {
    words = "a value does not fit its column: ";
  } else if (state == "54000") {
    words = "a text is too long for its index: ";
  } else if (state.starts_with("23")) {
    words = "a constraint refuses the row: ";
  } else if (state == "42501") {
    words = "the database role lacks a right: ";
  }
  return words + error.what();
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
  for (int failures = 0;;) {
    try {
      const size_t attempted = ApplyOnce();
      if (attempted == 0) return total;
      total += attempted;
      failures = 0;
    } catch (const db::Bug&) {
      throw;
    } catch (const db::Error& e) {
      if (++failures == kMostFailures) throw;
      Log(LogLevel::kWarning, "a batch of events was not applied; it is tried again", {{"error", e.what()}});
      std::this_thread::sleep_for(kPause * failures / kMostFailures);
    }
  }
}

// One batch of what is due, then some of those that failed before, each alone.
size_t Applier::ApplyOnce() {
  auto session = pool_.Acquire();
  try {
    ReleaseReviewed(*session);
    ReleaseMissed(*session);
  } catch (const db::Bug& e) {  // the request stays; events that come in do not wait for its mending
    Log(LogLevel::kError, "events were not made due again", {{"error", e.what()}});
  }
  size_t attempted = ApplySelected(*session, {});
  for (int i = 0; i < kAlonePerBatch; ++i) {
    const size_t alone = ApplySelected(*session, {.failed_before = true});
    attempted += alone;
    if (alone == 0) break;
  }
  return attempted;
}

// Applies one batch. If it fails by anything but the loss of the database, one of its events may be the cause: each
// half is applied by itself, and so on, until what fails is a single event, which is parked. A poison event costs about
// 2 log2(batch) transactions once; its neighbours are applied. Where the failure is a timeout, each event is applied by
// itself at once: every batch with the slow one would take its time again.
size_t Applier::ApplySelected(db::Session& session, const Selection& selection) {
  std::vector<std::string> claimed;
  size_t pieces = 2;
  try {
    Count(ApplyBatch(session, options_, clock_(), selection, &claimed));
    return claimed.size();
  } catch (const std::exception& e) {
    if (claimed.empty() || MayPassByItself(e, session)) throw;
    if (selection.ids.empty() && !selection.failed_before) {
      Log(LogLevel::kError, "a batch failed; the event that is the cause is looked for",
          {{"events", claimed.size()}, {"error", e.what()}});
      const std::lock_guard lock(mutex_);
      ++stats_.failed_batches;
    }
    if (claimed.size() == 1) {
      ParkFailed(session, claimed.front(), InWords(e), clock_());
      const std::lock_guard lock(mutex_);
      ++stats_.by_status["parked"];
      return 1;
    }
    if (TookTooLong(e)) pieces = claimed.size();
  }
  const auto at = [&](size_t piece) {
    return claimed.begin() + static_cast<std::ptrdiff_t>(claimed.size() * piece / pieces);
  };
  for (size_t piece = 0; piece < pieces; ++piece) ApplySelected(session, {.ids = {at(piece), at(piece + 1)}});
  return claimed.size();
}

void Applier::Count(const BatchResult& result) {
  const std::lock_guard lock(mutex_);
  if (result.claimed > 0) ++stats_.batches;
  stats_.plan_changes += static_cast<uint64_t>(result.plan_changes);
  for (const auto& [status, count] : result.by_status) stats_.by_status[status] += count;
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
