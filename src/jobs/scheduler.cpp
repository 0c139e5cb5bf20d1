#include "billsync/jobs/scheduler.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <random>

#include "billsync/base/log.h"
#include "jobs/jobs_sql.h"
#include "lease_keeper.h"

namespace billsync::jobs {
namespace {

std::string_view Name(Trigger trigger) {
  switch (trigger) {
    case Trigger::kSchedule:
      return "schedule";
    case Trigger::kManual:
      return "manual";
  }
  return "";
}

// Takes the lease; the moment the run started, or nullopt. Records a run whose holder died.
std::optional<Instant> Claim(db::Session& session, const Job& job, Trigger trigger, const std::string& owner) {
  db::Transaction tx(session);
  tx.Exec(sql::kEnsureJob, db::Params::Of(job.name));
  const auto claimed = tx.Exec(sql::kClaimJob, db::Params::Of(job.name, owner, trigger == Trigger::kManual));
  std::optional<Instant> started;
  if (!claimed.empty()) {
    const db::Row row = claimed.Only();
    started = row.At("started_at");
    if (const auto dead = row.OptText("abandoned_by")) {
      tx.Exec(sql::kRecordJobRun,
              db::Params::Of(job.name, *dead, "schedule", row.OptAt("abandoned_start").value_or(*started), "abandoned",
                             0, "its process ended before it finished", nullptr));
    }
  }
  tx.Commit();
  return started;
}

struct Finished {
  Instant started;
  JobOutcome outcome;
  std::optional<std::string> error;
};

void Finish(db::Session& session, const Job& job, Trigger trigger, const std::string& owner, const Finished& run) {
  db::Transaction tx(session);
  tx.Exec(sql::kFinishJob,
          db::Params::Of(job.name, owner, static_cast<int64_t>(job.every.count()), run.outcome.rows, run.error));
  // A scheduled run that found nothing to do leaves no row: a five-second job would bury the rest.
  if (run.error || run.outcome.rows > 0 || trigger == Trigger::kManual) {
    tx.Exec(sql::kRecordJobRun,
            db::Params::Of(job.name, owner, Name(trigger), run.started, run.error ? "failed" : "done", run.outcome.rows,
                           run.outcome.detail, run.error));
  }
  tx.Commit();
}

}  // namespace

std::string ProcessName() {
  char host[256] = "localhost";
  gethostname(host, sizeof host - 1);
  // Containers often share a host name, and each has a process 1.
  static const uint32_t any = std::random_device()();
  std::array<char, 8> suffix{};
  const auto end = std::to_chars(suffix.data(), suffix.data() + suffix.size(), any, 16).ptr;
  return std::string(host) + ":" + std::to_string(getpid()) + ":" + std::string(suffix.data(), end);
}

std::string JobProgress::Text() const {
  std::string text = what;
  if (done > 0 || total > 0) text += ": " + std::to_string(done);
  if (total > 0) {
    text += " of " + std::to_string(total) + " (" + std::to_string(std::min(done, total) * 100 / total) + " %)";
  }
  if (seconds_left && done < total) {
    text += *seconds_left < 120 ? ", " + std::to_string(*seconds_left) + " s left"
                                : ", " + std::to_string(*seconds_left / 60) + " min left";
  }
  return text;
}

std::vector<JobState> ListJobs(db::Session& session) {
  db::Transaction tx(session, {.read_only = true});
  std::vector<JobState> out;
  for (const db::Row row : tx.Exec(sql::kListJobs)) {
    JobState state{.job = row.Text("job"), .next_due_at = row.At("next_due_at")};
    state.lease_owner = row.OptText("lease_owner");
    state.running = row.Bool("running");
    state.last_error = row.OptText("last_error");
    state.last_seconds = row.OptText("last_seconds");
    state.last_started_at = row.OptAt("last_started_at");
    state.last_finished_at = row.OptAt("last_finished_at");
    state.last_ok_at = row.OptAt("last_ok_at");
    state.last_rows = row.OptInt("last_rows");
    if (auto what = row.OptText("progress_what"); what && state.running) {
      state.progress = JobProgress{std::move(*what), row.Int("progress_done"), row.Int("progress_total"),
                                   row.OptInt("seconds_left")};
    }
    out.push_back(std::move(state));
  }
  tx.Commit();
  return out;
}

bool RequestRun(db::Transaction& tx, const std::string& job) {
  return tx.Exec(sql::kRequestRun, db::Params::Of(job)).affected() == 1;
}

bool RequestRun(db::Session& session, const std::string& job) {
  db::Transaction tx(session);
  const bool known = RequestRun(tx, job);
  tx.Commit();
  return known;
}

std::optional<JobOutcome> RunJob(db::Pool& pool, const Job& job, Trigger trigger, const std::string& owner,
                                 const Clock& clock, const Progress& watch) {
  auto session = pool.Acquire();
  const auto started = Claim(*session, job, trigger, owner);
  if (!started) return std::nullopt;
  Finished run{*started, {}, std::nullopt};
  try {
    LeaseKeeper keeper(pool, job.name, owner);
    run.outcome = job.run(*session, clock(), [&](std::string_view what, int64_t done, int64_t total) {
      keeper.Note(what, done, total);
      watch(what, done, total);
    });
  } catch (const std::exception& e) {
    run.error = e.what();
    auto fresh = pool.Acquire();  // the job's own session may be what broke
    Finish(*fresh, job, trigger, owner, run);
    throw;
  }
  Finish(*session, job, trigger, owner, run);
  return run.outcome;
}

Scheduler::Scheduler(db::Pool& pool, std::vector<Job> jobs, Clock clock)
    : pool_(pool), jobs_(std::move(jobs)), clock_(std::move(clock)), owner_(ProcessName()) {}

Scheduler::~Scheduler() {
  Stop();
}

void Scheduler::Start() {
  Lane shared;
  std::vector<Lane> lanes;
  for (const Job& job : jobs_) {
    if (job.punctual) {
      lanes.push_back({&job});
    } else {
      shared.push_back(&job);
    }
  }
  if (!shared.empty()) lanes.push_back(std::move(shared));
  for (Lane& lane : lanes) {
    threads_.emplace_back([this, lane = std::move(lane)](const std::stop_token& stop) { Loop(stop, lane); });
  }
}

void Scheduler::Stop() {
  for (auto& thread : threads_) thread.request_stop();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Scheduler::Loop(const std::stop_token& stop, const Lane& lane) {
  // Often enough for the most frequent job of the lane.
  std::chrono::milliseconds nap{1000};
  for (const Job* job : lane) nap = std::min(nap, job->every / 2);
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    RunDue(stop, lane);
    wake.wait_for(lock, stop, nap, [] { return false; });
  }
}

void Scheduler::RunDue(const std::stop_token& stop, const Lane& lane) {
  for (const Job* job : lane) {
    if (stop.stop_requested()) return;
    try {
      const auto outcome = RunJob(pool_, *job, Trigger::kSchedule, owner_, clock_);
      if (outcome && outcome->rows > 0) {
        Log(LogLevel::kInfo, "job done",
            {{"job", job->name}, {"rows", static_cast<long long>(outcome->rows)}, {"detail", outcome->detail}});
      }
    } catch (const std::exception& e) {
      ++failures_;
      Log(LogLevel::kError, "job failed", {{"job", job->name}, {"error", e.what()}});
    }
  }
}

}  // namespace billsync::jobs
