#include "lease_keeper.h"

#include "billsync/base/log.h"
#include "jobs/jobs_sql.h"

namespace billsync::jobs {

LeaseKeeper::LeaseKeeper(db::Pool& pool, std::string job, std::string owner)
    : pool_(pool),
      job_(std::move(job)),
      owner_(std::move(owner)),
      thread_([this](const std::stop_token& stop) { Loop(stop); }) {}

void LeaseKeeper::Note(std::string_view what, int64_t done, int64_t total) {
  const std::lock_guard lock(mutex_);
  if (!mark_ || mark_->what != what) mark_ = Mark{std::string(what), done, total, done, Clock::now()};
  mark_->done = done;
  mark_->total = total;
  moved_ = true;
}

std::optional<std::chrono::milliseconds> LeaseKeeper::Mark::Left(Clock::time_point now) const {
  const int64_t moved = done - done_at_first;
  if (moved <= 0 || total < done) return std::nullopt;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - since);
  return took / moved * (total - done) + took % moved * (total - done) / moved;
}

void LeaseKeeper::Loop(const std::stop_token& stop) {
  auto written = Clock::now();
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; }) && !stop.stop_requested()) {
    if (!moved_ && Clock::now() - written < std::chrono::seconds(10)) continue;
    moved_ = false;
    const auto mark = mark_;
    lock.unlock();  // the job goes on while this waits for the database
    Write(mark);
    written = Clock::now();
    lock.lock();
  }
}

void LeaseKeeper::Write(const std::optional<Mark>& mark) {
  try {
    auto params = db::Params::Of(job_, owner_);
    if (mark) {
      const auto left = mark->Left(Clock::now());
      params.Add(mark->what).Add(mark->done).Add(mark->total);
      params.Add(left ? std::optional(static_cast<int64_t>(left->count())) : std::nullopt);
    } else {
      params.Add(nullptr).Add(nullptr).Add(nullptr).Add(nullptr);
    }
    auto session = pool_.Acquire();
    db::Transaction tx(*session);
    const bool held = tx.Exec(sql::kExtendLease, params).affected() == 1;
    tx.Commit();
    if (!held) Log(LogLevel::kWarning, "a job lost its lease while it ran", {{"job", job_}});
  } catch (const std::exception& e) {
    Log(LogLevel::kWarning, "a job's lease could not be extended", {{"job", job_}, {"error", e.what()}});
  }
}

}  // namespace billsync::jobs
