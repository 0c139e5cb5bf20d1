#include "lease_keeper.h"

#include "billsync/base/log.h"
#include "jobs/jobs_sql.h"

namespace billsync::jobs {

LeaseKeeper::LeaseKeeper(db::Pool& pool, std::string job, std::string owner)
    : pool_(pool),
      job_(std::move(job)),
      owner_(std::move(owner)),
      thread_([this](const std::stop_token& stop) { Loop(stop); }) {}

void LeaseKeeper::Loop(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, stop, std::chrono::seconds(10), [] { return false; }) && !stop.stop_requested()) {
    try {
      auto session = pool_.Acquire();
      db::Transaction tx(*session);
      const bool held = tx.Exec(sql::kExtendLease, db::Params::Of(job_, owner_)).affected() == 1;
      tx.Commit();
      if (!held) Log(LogLevel::kWarning, "a job lost its lease while it ran", {{"job", job_}});
    } catch (const std::exception& e) {
      Log(LogLevel::kWarning, "a job's lease could not be extended", {{"job", job_}, {"error", e.what()}});
    }
  }
}

}  // namespace billsync::jobs
