#include "billsync/apply/applier.h"

#include <algorithm>
#include <set>

#include "apply/apply_sql.h"
#include "batch.h"
#include "billsync/base/log.h"
#include "billsync/db/migrator.h"
#include "reviews.h"

namespace billsync::apply {
namespace {

// How long an applier sleeps when nothing is due and nobody wakes it: bounds the delay of what other processes store
// and of parked events that come due.
constexpr std::chrono::milliseconds kPoll{200};
// From one batch to the next that is not full. What comes to an idle applier is applied at once; in a steady stream a
// batch of a few events costs nearly as much as one of a hundred.
constexpr std::chrono::milliseconds kBetweenBatches{100};
// After a failure, so that a database that is away is not hammered.
constexpr std::chrono::milliseconds kPause{500};

// Failures in a row after which ApplyAllDue gives up.
constexpr int kMostFailures = 5;
// Events tried alone beside each batch, because they failed before, and how long that may take: neither a backlog of
// them nor rows that stay locked must hold up the others.
constexpr int kAlonePerBatch = 8;
constexpr std::chrono::milliseconds kAloneAtMost{300};
// The same failure is said so often, not at every attempt.
constexpr std::chrono::minutes kSayAgain{1};

std::string StateOf(const std::exception& error) {
  const auto* of_database = dynamic_cast<const db::Error*>(&error);
  return of_database == nullptr ? "" : of_database->sqlstate();
}

// A statement's time was over: one huge object's doing, perhaps.
bool TookTooLong(const std::exception& error) {
  return StateOf(error) == "57014";
}

// Somebody who is no batch holds a row: a transaction of the platform, say, its user's.
bool MetALockedRow(const std::exception& error, const Claim& claim) {
  return claim.past_keys && StateOf(error) == "55P03";
}

// True for a lost connection, a deadlock and the like: the same batch may succeed in a moment. True for what is the
// fault of no event too; then the batch waits for a person.
bool IsNoEventsFault(const std::exception& error, const db::Session& session, const Claim& claim) {
  if (session.Broken() || dynamic_cast<const PlanMapSuperseded*>(&error) != nullptr) return true;
  return dynamic_cast<const db::Transient*>(&error) != nullptr && !TookTooLong(error) && !MetALockedRow(error, claim);
}

// A table, column or right that is missing concerns every event, if it is one that this program relies on.
void RefuseUnfitDatabase(db::Session& session, const std::exception& error) {
  const std::string state = StateOf(error);
  if (!state.starts_with("42")) return;
  const std::string why = db::WhyUnfit(session);
  if (!why.empty()) throw db::Bug(why + " (" + error.what() + ")", state);
}

// Why an event cannot be applied, for a person: what kind of failure, then what the database said.
std::string InWords(const std::exception& error) {
  const std::string state = StateOf(error);
  std::string words;
  if (state == "57014") {
    words = "it took too long: ";
  } else if (state == "55P03") {
    words = "another transaction holds a row that it needs: ";
  } else if (state == "22003") {
    words = "a number is too large for its column: ";
  } else if (state.starts_with("22")) {
    words = "a value does not fit its column: ";
  } else if (state == "54000") {
    words = "a text is too long for its index: ";
  } else if (state.starts_with("23")) {
    words = "a constraint refuses the row: ";
  } else if (state == "42501") {
    words = "the database role lacks a right, or a policy refuses the row: ";
  }
  return words + error.what();
}

Instant DatabaseTime(db::Session& session) {
  db::Transaction tx(session, {.read_only = true});
  const Instant at = tx.Exec(sql::kDatabaseTime).Only().At("at");
  tx.Commit();
  return at;
}

}  // namespace

Applier::Applier(db::Pool& pool, ApplyOptions options, Clock clock)
    : pool_(pool), options_(std::move(options)), clock_(std::move(clock)) {}

Applier::~Applier() {
  Stop();
}

// What one round came to.
struct Applier::Round {
  std::vector<std::string> ids;  // events tried
  uint64_t applied = 0;
  bool reviewed = false;  // a piece of a review was worked off
};

void Applier::Start(std::function<void(db::Session&)> prepare) {
  stopping_ = false;
  thread_ = std::jthread([this, prepare = std::move(prepare)](const std::stop_token& stop) { Loop(stop, prepare); });
}

void Applier::Stop() {
  stopping_ = true;
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

void Applier::Loop(const std::stop_token& stop, std::function<void(db::Session&)> prepare) {
  while (!stop.stop_requested()) {
    auto wait = kPoll;
    const auto began = std::chrono::steady_clock::now();
    try {
      if (prepare) prepare(*pool_.Acquire());
      prepare = nullptr;
      const Round round = ApplyOnce(std::nullopt);
      if (!round.ids.empty() || round.reviewed) {
        if (std::ssize(round.ids) < options_.batch) Rest(stop, began + kBetweenBatches);
        continue;
      }
    } catch (const std::exception& e) {
      wait = kPause;
      Say(LogLevel::kWarning, "events are not being applied", e);
    }
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, wait, [&] { return woken_; });
    woken_ = false;
  }
}

void Applier::Rest(const std::stop_token& stop, std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  wake_.wait_until(lock, stop, until, [] { return false; });
}

void Applier::Say(LogLevel level, const char* what, const std::exception& error) {
  const auto now = std::chrono::steady_clock::now();
  if (said_ == error.what() && now - said_at_ < kSayAgain) return;
  said_ = error.what();
  said_at_ = now;
  Log(level, what, {{"error", said_}});
}

size_t Applier::ApplyAllDue() {
  std::set<std::string> seen;
  size_t total = 0;
  std::optional<Instant> began;
  for (int failures = 0;;) {
    try {
      if (!began) began = DatabaseTime(*pool_.Acquire());
      const Round round = ApplyOnce(began);
      total += round.ids.size();
      failures = 0;
      bool news = round.applied > 0 || round.reviewed;
      for (const auto& id : round.ids) news = seen.insert(id).second || news;
      if (!news) return total;
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
Applier::Round Applier::ApplyOnce(std::optional<Instant> due_by) {
  auto session = pool_.Acquire();
  Round round;
  try {
    round.reviewed = ReleaseReviewed(*session);
    ReleaseMissed(*session);
  } catch (const db::Bug& e) {  // the request stays; events that come in do not wait for its mending
    Say(LogLevel::kError, "events were not made due again", e);
  }
  ApplySelected(*session, {.due_by = due_by}, round);
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < kAlonePerBatch && std::chrono::steady_clock::now() - began < kAloneAtMost; ++i) {
    const size_t tried = round.ids.size();
    ApplySelected(*session, {.failed_before = true}, round);
    if (round.ids.size() == tried) break;
  }
  return round;
}

void Applier::ApplySelected(db::Session& session, const Selection& selection, Round& round) {
  if (stopping_) return;
  Claim claim;
  try {
    const BatchResult result = ApplyBatch(session, options_, clock_(), selection, &claim);
    Count(result);
    round.ids.insert(round.ids.end(), claim.ids.begin(), claim.ids.end());
    if (const auto applied = result.by_status.find("applied"); applied != result.by_status.end()) {
      round.applied += applied->second;
    }
  } catch (const std::exception& e) {
    if (claim.ids.empty() || IsNoEventsFault(e, session, claim)) throw;
    RefuseUnfitDatabase(session, e);
    if (selection.ids.empty() && !selection.failed_before) {
      Log(LogLevel::kError, "a batch failed; the event that is the cause is looked for",
          {{"events", claim.ids.size()}, {"error", e.what()}});
      const std::lock_guard lock(mutex_);
      ++stats_.failed_batches;
    }
    FindTheCause(session, claim, e, round);
  }
}

// One of the events of a batch that failed may be the cause: each eighth is applied by itself, and so on, until what
// fails is a single event, which is parked. A poison event costs about 8 log8(batch) transactions once; its neighbours
// are gone through about twice and applied (halves would be as many transactions, and three times). Where the failure
// is a timeout, each event is applied by itself at once: every batch with the slow one would take its time again. Where
// somebody holds users' rows, the events of these users are set aside, all at once: each of them would wait.
void Applier::FindTheCause(db::Session& session, const Claim& claim, const std::exception& error, Round& round) {
  const auto& ids = claim.ids;
  if (ids.size() == 1) return Park(session, ids, InWords(error), round);
  if (MetALockedRow(error, claim)) {
    const auto held = EventsOfHeldUsers(session, options_, clock_(), ids);
    if (!held.empty()) {
      Park(session, held, "another transaction holds the row of its user", round);
      const std::set<std::string> set_aside(held.begin(), held.end());
      std::vector<std::string> rest;
      std::ranges::copy_if(ids, std::back_inserter(rest), [&](const auto& id) { return !set_aside.contains(id); });
      if (!rest.empty()) ApplySelected(session, {.ids = rest}, round);
      return;
    }
  }
  constexpr size_t kPieces = 8;
  const bool each_alone = TookTooLong(error) || MetALockedRow(error, claim);
  const size_t pieces = each_alone ? ids.size() : std::min(ids.size(), kPieces);
  const auto at = [&](size_t piece) { return ids.begin() + static_cast<std::ptrdiff_t>(ids.size() * piece / pieces); };
  for (size_t piece = 0; piece < pieces; ++piece) {
    ApplySelected(session, {.ids = {at(piece), at(piece + 1)}}, round);
  }
}

void Applier::Park(db::Session& session, const std::vector<std::string>& event_ids, const std::string& why,
                   Round& round) {
  ParkFailed(session, event_ids, why, clock_());
  round.ids.insert(round.ids.end(), event_ids.begin(), event_ids.end());
  const std::lock_guard lock(mutex_);
  stats_.by_status["parked"] += event_ids.size();
}

void Applier::Count(const BatchResult& result) {
  const std::lock_guard lock(mutex_);
  if (result.claimed > 0) ++stats_.batches;
  stats_.plan_changes += static_cast<uint64_t>(result.plan_changes);
  stats_.ties += result.ties;
  for (const auto& [status, count] : result.by_status) stats_.by_status[status] += count;
}

ApplyStats Applier::Stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

int64_t RetryEvents(db::Transaction& tx, const std::vector<std::string>& event_ids) {
  return tx.Exec(sql::kRetryEvents, db::Params::Of(event_ids)).affected();
}

int64_t RetryEvents(db::Session& session, const std::vector<std::string>& event_ids) {
  db::Transaction tx(session);
  const int64_t count = RetryEvents(tx, event_ids);
  tx.Commit();
  return count;
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
