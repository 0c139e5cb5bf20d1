#include "billsync/webhook/inbox.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <unordered_set>

#include "billsync/base/log.h"

namespace billsync::webhook {
namespace {

// Of one INSERT; the protocol allows 65,535 parameters.
constexpr size_t kMostRows = 512;
// A commit that takes longer does not hold up who comes after it.
constexpr std::chrono::milliseconds kSlowCommit{10};
// Few clients that were answered together send their next events together. Who takes the first of them at once commits
// twice for all; who gives the others a moment commits once. With more clients enough have gathered by then anyway.
constexpr std::chrono::microseconds kGatherFor{300};
constexpr size_t kGatherMost = 8;
constexpr std::array<std::string_view, 12> kColumns = {"id",       "type",    "object_type", "object_id",
                                                       "customer", "account", "api_version", "created",
                                                       "livemode", "payload", "status",      "reason"};

// INSERT of up to `rows` rows with bound parameters; those whose id is NULL are none. Multi-row VALUES stores twice
// what unnest of arrays does, because array text has to quote and unquote every payload. ON CONFLICT waits for a
// concurrent insert of the same id to end.
std::string InsertText(size_t rows) {
  std::string columns;
  for (const auto column : kColumns) columns += (columns.empty() ? "" : ", ") + std::string(column);
  std::string sql = "INSERT INTO public.stripe_events (" + columns + ") SELECT " + columns + " FROM (VALUES ";
  size_t parameter = 0;
  for (size_t row = 0; row < rows; ++row) {
    sql += row == 0 ? "(" : ", (";
    for (const auto column : kColumns) {
      if (sql.back() != '(') sql += ", ";
      sql += "$" + std::to_string(++parameter);
      sql += column == "created" ? "::timestamptz" : column == "livemode" ? "::boolean" : "::text";
    }
    sql += ")";
  }
  return sql + ") AS e (" + columns + ") WHERE id IS NOT NULL ON CONFLICT (id) DO NOTHING RETURNING id";
}

// The text for `rows` rows or a few more, which are to be NULL. Parsing it costs as much as storing the rows, so few
// texts are prepared: 1, 2, 4, … rows.
struct Statement {
  explicit Statement(size_t for_rows) : rows(for_rows), text(InsertText(for_rows)) {}
  size_t rows;
  std::string text;
};
const Statement& StatementFor(size_t rows) {
  static const std::vector<Statement> kStatements = [] {
    std::vector<Statement> statements;
    for (size_t size = 1; size < 2 * kMostRows; size *= 2) statements.emplace_back(size);
    return statements;
  }();
  return *std::ranges::find_if(kStatements, [&](const Statement& one) { return one.rows >= rows; });
}

void AddRow(db::Params& params, const IncomingEvent& event) {
  const auto& e = event.envelope;
  params.Add(e.id).Add(e.type).Add(e.object_type).Add(e.object_id).Add(e.customer).Add(e.account).Add(e.api_version);
  params.Add(e.created).Add(e.livemode).Add(event.payload).Add(event.ignored ? "ignored" : "received");
  if (event.ignored) {
    params.Add(billing::Code(*event.ignored));
  } else {
    params.Add(nullptr);
  }
}

}  // namespace

struct Inbox::Pending {
  IncomingEvent event;
  Answer answer;
  std::chrono::steady_clock::time_point deadline;
  std::atomic<bool> answered{false};
};

Inbox::Inbox(db::ConnectOptions connect, InboxLimits limits, std::function<void()> on_stored)
    : connect_(std::move(connect)), limits_(limits), on_stored_(std::move(on_stored)) {
  if (limits_.batch == 0 || limits_.batch > kMostRows) throw std::invalid_argument("inbox: batch of 1 to 512 rows");
  for (size_t i = 0; i < limits_.writers; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { WriterLoop(stop); });
  }
  threads_.emplace_back([this](const std::stop_token& stop) { PatienceLoop(stop); });
}

Inbox::~Inbox() {
  Stop();
}

void Inbox::Submit(IncomingEvent event, Answer answer) {
  auto pending = std::make_shared<Pending>();
  pending->event = std::move(event);
  pending->answer = std::move(answer);
  pending->deadline = std::chrono::steady_clock::now() + limits_.patience;
  std::optional<StoreOutcome> refusal;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      refusal = StoreOutcome::kUnavailable;
    } else if (queue_.size() >= limits_.queue) {
      refusal = StoreOutcome::kOverloaded;
    } else {
      queue_.push_back(pending);
      unanswered_.push_back(pending);
      if (gathering_) {
        if (queue_.size() >= expected_) gathered_.notify_one();
      } else if (MayTake()) {
        arrived_.notify_one();
      }
    }
  }
  if (refusal) return AnswerOnce(*pending, *refusal);
}

void Inbox::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  for (auto& thread : threads_) thread.request_stop();
  arrived_.notify_all();
  gathered_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

InboxStats Inbox::Stats() const {
  const std::lock_guard lock(mutex_);
  InboxStats stats = stats_;
  stats.waiting = queue_.size();
  return stats;
}

// One writer at a time, as long as it keeps up: what waits meanwhile makes the next batch larger, and an event of a
// large batch costs PostgreSQL half as much as one of a small.
bool Inbox::MayTake() const {
  if (queue_.empty()) return false;
  return writing_ == 0 || queue_.size() >= limits_.batch || std::chrono::steady_clock::now() - begun_ >= kSlowCommit;
}

// Waits for events; an empty batch means stop. Until DoneWriting the caller counts as writing.
Inbox::Batch Inbox::TakeBatch(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, stop, [&] { return MayTake(); });
  ++writing_;
  begun_ = std::chrono::steady_clock::now();
  if (writing_ == 1 && queue_.size() < expected_) {
    gathering_ = true;
    gathered_.wait_for(lock, stop, kGatherFor, [&] { return queue_.size() >= expected_; });
    gathering_ = false;
  }
  Batch batch;
  size_t bytes = 0;
  while (!queue_.empty() && batch.size() < limits_.batch && bytes < limits_.batch_bytes) {
    bytes += queue_.front()->event.payload.size();
    if (!queue_.front()->answered) batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  expected_ = std::min((std::max(batch.size(), last_size_) + 1) / 2, kGatherMost);
  last_size_ = batch.size();
  return batch;
}

void Inbox::DoneWriting() {
  const std::lock_guard lock(mutex_);
  --writing_;
}

void Inbox::WriterLoop(const std::stop_token& stop) {
  std::unique_ptr<db::Session> session;
  for (;;) {
    Batch batch = TakeBatch(stop);
    const bool stopped = batch.empty() && stop.stop_requested();
    if (!batch.empty()) Write(session, std::move(batch));
    DoneWriting();
    if (stopped) return;
  }
}

// Commits one batch and answers it. A batch the database refuses as a whole is tried event by event, so that one
// impossible event does not take its neighbours with it.
void Inbox::Write(std::unique_ptr<db::Session>& session, Batch batch) {
  try {
    InsertDurably(session, batch);
  } catch (const db::Bug& e) {
    if (batch.size() == 1) {
      Log(LogLevel::kError, "an event cannot be stored", {{"event", batch[0]->event.envelope.id}, {"error", e.what()}});
      return AnswerAll(batch, StoreOutcome::kUnavailable);
    }
    for (auto& one : batch) Write(session, {one});
  } catch (const db::Error& e) {  // Transient, or InDoubt: it may be on disk, but never 2xx on doubt
    Log(LogLevel::kWarning, "events were not stored", {{"events", batch.size()}, {"error", e.what()}});
    AnswerAll(batch, StoreOutcome::kUnavailable);
  } catch (const std::exception& e) {  // out of memory, say: the writer goes on
    Log(LogLevel::kError, "events were not stored", {{"events", batch.size()}, {"error", e.what()}});
    AnswerAll(batch, StoreOutcome::kUnavailable);
  }
}

// A session that was fine a moment ago may have died with a server that is back already: then a new one tries once
// more. ON CONFLICT makes that safe even when the first attempt was committed.
void Inbox::InsertDurably(std::unique_ptr<db::Session>& session, const Batch& batch) {
  const bool reused = session && !session->Broken();
  try {
    if (!reused) session = std::make_unique<db::Session>(connect_);
    return Insert(*session, batch);
  } catch (const db::Error&) {
    if (!reused || !session->Broken()) throw;
  }
  session = std::make_unique<db::Session>(connect_);
  Insert(*session, batch);
}

void Inbox::Insert(db::Session& session, const Batch& unsorted) {
  Batch batch = unsorted;
  // In the order of the ids, so that two writers with common ids wait for each other and never in a circle.
  std::ranges::sort(batch, {}, [](const auto& p) -> const std::string& { return p->event.envelope.id; });
  db::Params params;
  for (const auto& pending : batch) AddRow(params, pending->event);
  const Statement& statement = StatementFor(batch.size());
  for (size_t value = batch.size() * kColumns.size(); value < statement.rows * kColumns.size(); ++value) {
    params.Add(nullptr);
  }
  std::unordered_set<std::string> fresh;
  for (const db::Row row : session.ExecDurably("webhook.InsertEvents", statement.text, params)) {
    fresh.insert(row.Text("id"));
  }
  const bool any_fresh = !fresh.empty();
  for (const auto& pending : batch) {
    const bool is_new = fresh.erase(pending->event.envelope.id) == 1;  // a twin in the same batch is a duplicate
    AnswerOnce(*pending, is_new ? StoreOutcome::kStored : StoreOutcome::kDuplicate);
  }
  {
    const std::lock_guard lock(mutex_);
    ++stats_.batches;
    stats_.batch_rows += batch.size();
    const auto* const bucket = std::ranges::lower_bound(kBatchBounds, batch.size());
    ++stats_.batch_sizes[static_cast<size_t>(bucket - kBatchBounds.begin())];
  }
  if (any_fresh) on_stored_();
}

void Inbox::AnswerAll(const Batch& batch, StoreOutcome outcome) {
  for (const auto& pending : batch) AnswerOnce(*pending, outcome);
}

void Inbox::AnswerOnce(Pending& pending, StoreOutcome outcome) {
  if (pending.answered.exchange(true)) return;
  pending.answer(outcome);
  pending.answer = nullptr;
  const std::lock_guard lock(mutex_);
  switch (outcome) {
    case StoreOutcome::kStored:
      ++stats_.stored;
      break;
    case StoreOutcome::kDuplicate:
      ++stats_.duplicates;
      break;
    case StoreOutcome::kUnavailable:
      ++stats_.unavailable;
      break;
    case StoreOutcome::kOverloaded:
      ++stats_.overloaded;
      break;
  }
}

// Answers what waited too long, so that a database that hangs costs the sender a second and not its own timeout.
void Inbox::PatienceLoop(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  std::condition_variable_any tick;
  for (;;) {
    tick.wait_for(lock, stop, std::chrono::milliseconds(50), [] { return false; });
    Batch expired;
    const auto now = std::chrono::steady_clock::now();
    while (!unanswered_.empty() && (unanswered_.front()->answered || unanswered_.front()->deadline <= now)) {
      if (!unanswered_.front()->answered) expired.push_back(unanswered_.front());
      unanswered_.pop_front();
    }
    if (stop.stop_requested() && unanswered_.empty() && queue_.empty() && expired.empty()) return;
    if (MayTake()) arrived_.notify_one();  // a commit has become slow, and nobody else has come since
    lock.unlock();
    AnswerAll(expired, StoreOutcome::kUnavailable);
    if (stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));  // draining: keep the promise
    lock.lock();
  }
}

}  // namespace billsync::webhook
