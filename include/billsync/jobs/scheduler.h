// Scheduled work: each job's work is done once, however many billsync processes share the database.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/base/progress.h"
#include "billsync/db/pool.h"

namespace billsync::jobs {

// What a run of a job did.
struct JobOutcome {
  int64_t rows = 0;    // rows it changed; 0 means there was nothing to do
  std::string detail;  // one line for a person
};

// A scheduled unit of work. `run` gets the time, a session and whom to tell how far it is, and must be safe to run
// again after a crash.
struct Job {
  std::string name;
  std::chrono::milliseconds every{60'000};
  std::function<JobOutcome(db::Session&, Instant now, const Progress& progress)> run;
  // Runs on a thread of its own, so that the others never make it late.
  bool punctual = false;
};

// How far a running job is.
struct JobProgress {
  std::string what;                       // what it counts, or does
  int64_t done = 0, total = 0;            // total 0: not known
  std::optional<int64_t> seconds_left{};  // at the present pace
  // "months of history: 12 of 40 (30 %), 3 min left"
  std::string Text() const;
};

// A row of billing_jobs.
struct JobState {
  std::string job;
  Instant next_due_at;
  std::optional<std::string> lease_owner{}, last_error{}, last_seconds{};
  std::optional<Instant> last_started_at{}, last_finished_at{}, last_ok_at{};
  std::optional<int64_t> last_rows{};
  bool running = false;                   // its lease is held and has not run out
  std::optional<JobProgress> progress{};  // while it runs, once it has told any
};

std::vector<JobState> ListJobs(db::Session& session);

// Makes a job due now, for whichever scheduler looks next; false when no job of this name has ever been scheduled.
bool RequestRun(db::Transaction& tx, const std::string& job);
bool RequestRun(db::Session& session, const std::string& job);

enum class Trigger { kSchedule, kManual };

// Claims `job`, runs it, records it. nullopt when it is not due (kSchedule) or another holder has the lease. A failure
// is recorded in billing_jobs and billing_job_runs and then thrown. `owner` names this process.
// `watch` is told how far it is, as anybody is who lists the jobs.
std::optional<JobOutcome> RunJob(db::Pool& pool, const Job& job, Trigger trigger, const std::string& owner,
                                 const Clock& clock, const Progress& watch = Unwatched);

// "host:pid", the name under which this process holds leases.
std::string ProcessName();

// Runs jobs as they become due: the punctual ones on a thread each, the others one after the other on one.
class Scheduler {
 public:
  Scheduler(db::Pool& pool, std::vector<Job> jobs, Clock clock);
  ~Scheduler();

  void Start();
  // Waits for the running job to finish, then returns. May be called at any time, more than once.
  void Stop();

  // Failures since the start, for metrics.
  uint64_t failures() const { return failures_.load(); }

 private:
  using Lane = std::vector<const Job*>;
  void Loop(const std::stop_token& stop, const Lane& lane);
  void RunDue(const std::stop_token& stop, const Lane& lane);

  db::Pool& pool_;
  const std::vector<Job> jobs_;
  const Clock clock_;
  const std::string owner_;
  std::atomic<uint64_t> failures_{0};
  std::vector<std::jthread> threads_;
};

}  // namespace billsync::jobs
