// Scheduled work is done once, and nothing about it goes unsaid.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "billsync/jobs/scheduler.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

using jobs::Job;
using jobs::JobOutcome;
using jobs::RunJob;
using jobs::Trigger;

class JobsTest : public ::testing::Test {
 protected:
  // A job that says so when it ran for the first time; the last of a scheduler's list shows that it saw them all.
  struct Marker {
    explicit Marker(std::string name)
        : job{std::move(name), std::chrono::hours(1), [this](db::Session&, Instant, const Progress&) {
                if (!done.exchange(true)) ran.set_value();
                return JobOutcome{0, ""};
              }} {}
    void Await() { ASSERT_EQ(ran.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready); }
    std::promise<void> ran;
    std::atomic<bool> done{false};
    Job job;
  };
  static Job Returning(const std::string& name, int64_t rows) {
    return {name, std::chrono::hours(1), [rows](db::Session&, Instant, const Progress&) {
              return JobOutcome{rows, "some rows"};
            }};
  }
  std::string Runs() {
    return database_.Value(
        "SELECT coalesce(string_agg(job || ' ' || owner || ' ' || trigger || ' ' || status || ' ' || "
        "rows, ', ' ORDER BY id), '') FROM billing_job_runs");
  }

  TestDatabase database_;
  db::Pool pool_{{.url = database_.url(), .role = "jobs"}, 6};
};

TEST_F(JobsTest, RunOnceThoughTwoSchedulersSeeThemDue) {
  std::atomic<int> ran{0};
  const Job counted{"counted", std::chrono::hours(1), [&](db::Session&, Instant, const Progress&) {
                      ++ran;
                      return JobOutcome{1, "counted"};
                    }};
  Marker first("marker-1"), second("marker-2");
  jobs::Scheduler one(pool_, {counted, first.job}, SystemNow);
  jobs::Scheduler two(pool_, {counted, second.job}, SystemNow);
  one.Start();
  two.Start();
  first.Await();
  second.Await();
  one.Stop();
  two.Stop();
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_job_runs"), "1");
  EXPECT_EQ(
      database_.Value("SELECT next_due_at > now() + interval '59 minutes' AND lease_owner IS NULL AND last_ok_at IS "
                      "NOT NULL FROM billing_jobs WHERE job = 'counted'"),
      "t");
}

TEST_F(JobsTest, TellHowFarTheyAreWhileTheyRun) {
  std::promise<void> seen;
  const Job counting{"counting", std::chrono::hours(1), [&](db::Session&, Instant, const Progress& progress) {
                       progress("months", 3, 40);
                       progress("months", 12, 40);
                       seen.get_future().wait();
                       return JobOutcome{1, ""};
                     }};
  std::string watched;
  auto running = std::async(std::launch::async, [&] {
    return RunJob(
        pool_, counting, Trigger::kManual, "me:1", SystemNow,
        [&](std::string_view what, int64_t done, int64_t) { watched += std::string(what) + std::to_string(done); });
  });
  const auto session = database_.Connect();
  std::optional<jobs::JobProgress> progress;
  for (int i = 0; i < 2000 && !progress; ++i) {
    const auto jobs = jobs::ListJobs(*session);
    if (!jobs.empty()) progress = jobs.front().progress;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  seen.set_value();
  ASSERT_TRUE(running.get());
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->what, "months");
  EXPECT_EQ(progress->done, 12);
  EXPECT_EQ(progress->total, 40);
  EXPECT_TRUE(progress->seconds_left) << "nine of them took as long as they took";
  EXPECT_EQ(watched, "months3months12");
  EXPECT_FALSE(jobs::ListJobs(*session).front().progress);
}

TEST_F(JobsTest, SayTheirProgressInWords) {
  EXPECT_EQ((jobs::JobProgress{"writing", 0, 0, {}}.Text()), "writing");
  EXPECT_EQ((jobs::JobProgress{"rows", 5, 0, {}}.Text()), "rows: 5");
  EXPECT_EQ((jobs::JobProgress{"rows", 5, 20, 119}.Text()), "rows: 5 of 20 (25 %), 119 s left");
  EXPECT_EQ((jobs::JobProgress{"rows", 5, 20, 180}.Text()), "rows: 5 of 20 (25 %), 3 min left");
  EXPECT_EQ((jobs::JobProgress{"rows", 20, 20, 0}.Text()), "rows: 20 of 20 (100 %)");
}

TEST_F(JobsTest, AreNotStartedWhileAnotherHoldsTheLease) {
  database_.Run(
      "INSERT INTO billing_jobs (job, lease_owner, lease_until) VALUES ('one', 'other:1', now() + interval '1 hour')");
  EXPECT_FALSE(RunJob(pool_, Returning("one", 1), Trigger::kSchedule, "me:1", SystemNow));
  EXPECT_FALSE(RunJob(pool_, Returning("one", 1), Trigger::kManual, "me:1", SystemNow));
  EXPECT_EQ(Runs(), "");
}

TEST_F(JobsTest, AreNotStartedByTwoAtTheSameMoment) {
  std::promise<void> started, go_on;
  const Job slow{"slow", std::chrono::hours(1), [&](db::Session&, Instant, const Progress&) {
                   started.set_value();
                   go_on.get_future().wait();
                   return JobOutcome{1, ""};
                 }};
  auto running =
      std::async(std::launch::async, [&] { return RunJob(pool_, slow, Trigger::kManual, "me:1", SystemNow); });
  started.get_future().wait();
  EXPECT_FALSE(RunJob(pool_, Returning("slow", 1), Trigger::kManual, "me:2", SystemNow));
  go_on.set_value();
  EXPECT_TRUE(running.get());
  EXPECT_EQ(Runs(), "slow me:1 manual done 1");
}

TEST_F(JobsTest, AreTakenOverFromAHolderThatDiedWhichIsRecorded) {
  database_.Run(
      "INSERT INTO billing_jobs (job, lease_owner, lease_until, last_started_at) VALUES ('one', 'dead:1', now() - "
      "interval '1 second', '2026-11-20 12:00+00')");
  EXPECT_TRUE(RunJob(pool_, Returning("one", 2), Trigger::kSchedule, "me:1", SystemNow));
  EXPECT_EQ(Runs(), "one dead:1 schedule abandoned 0, one me:1 schedule done 2");
  EXPECT_EQ(
      database_.Value("SELECT started_at = '2026-11-20 12:00+00' FROM billing_job_runs WHERE status = 'abandoned'"),
      "t");
}

TEST_F(JobsTest, AreNotRunBeforeTheyAreDueExceptByHand) {
  EXPECT_TRUE(RunJob(pool_, Returning("one", 1), Trigger::kSchedule, "me:1", SystemNow));
  EXPECT_FALSE(RunJob(pool_, Returning("one", 1), Trigger::kSchedule, "me:1", SystemNow));
  EXPECT_TRUE(RunJob(pool_, Returning("one", 1), Trigger::kManual, "me:1", SystemNow));
  EXPECT_EQ(Runs(), "one me:1 schedule done 1, one me:1 manual done 1");
}

TEST_F(JobsTest, ThatFailAreRecordedAndDoNotStopTheOthers) {
  const Job failing{"failing", std::chrono::hours(1), [](db::Session&, Instant, const Progress&) -> JobOutcome {
                      throw std::runtime_error("the disk is full");
                    }};
  Marker marker("marker");
  jobs::Scheduler scheduler(pool_, {failing, marker.job}, SystemNow);
  scheduler.Start();
  marker.Await();
  scheduler.Stop();
  EXPECT_EQ(scheduler.failures(), 1U);
  EXPECT_EQ(database_.Value("SELECT status || ': ' || error FROM billing_job_runs"), "failed: the disk is full");
  EXPECT_EQ(database_.Value("SELECT last_error || ' ' || (last_ok_at IS NULL) || ' ' || (lease_owner IS NULL) FROM "
                            "billing_jobs WHERE job = 'failing'"),
            "the disk is full true true");
  EXPECT_TRUE(RunJob(pool_, Returning("failing", 1), Trigger::kManual, "me:1", SystemNow));
  EXPECT_EQ(
      database_.Value("SELECT last_error IS NULL AND last_ok_at IS NOT NULL FROM billing_jobs WHERE job = 'failing'"),
      "t");
}

TEST_F(JobsTest, WhoseSessionBreaksAreStillRecorded) {
  const Job killed{"killed", std::chrono::hours(1), [](db::Session& session, Instant, const Progress&) {
                     db::Transaction tx(session);
                     tx.Exec("test", "SELECT pg_terminate_backend(pg_backend_pid())", {});
                     return JobOutcome{1, ""};
                   }};
  EXPECT_THROW(RunJob(pool_, killed, Trigger::kManual, "me:1", SystemNow), db::Transient);
  EXPECT_EQ(Runs(), "killed me:1 manual failed 0");
}

TEST_F(JobsTest, ThatFoundNothingToDoLeaveARowOnlyWhenRunByHand) {
  EXPECT_TRUE(RunJob(pool_, Returning("idle", 0), Trigger::kSchedule, "me:1", SystemNow));
  EXPECT_EQ(Runs(), "");
  EXPECT_EQ(database_.Value("SELECT last_finished_at IS NOT NULL FROM billing_jobs"), "t");
  EXPECT_TRUE(RunJob(pool_, Returning("idle", 0), Trigger::kManual, "me:1", SystemNow));
  EXPECT_EQ(Runs(), "idle me:1 manual done 0");
}

TEST_F(JobsTest, AreListedWithHowTheyLastWent) {
  RunJob(pool_, Returning("b", 3), Trigger::kSchedule, "me:1", SystemNow);
  RunJob(pool_, Returning("a", 0), Trigger::kSchedule, "me:1", SystemNow);
  const auto states = jobs::ListJobs(*pool_.Acquire());
  ASSERT_EQ(states.size(), 2U);
  EXPECT_EQ(states[0].job, "a");
  EXPECT_EQ(states[1].last_rows, 3);
  EXPECT_TRUE(states[1].last_finished_at && states[1].last_started_at && !states[1].lease_owner);
}

TEST_F(JobsTest, RunOnlyWhileTheirLeaseHolds) {
  database_.Run(
      "INSERT INTO billing_jobs (job, lease_owner, lease_until) VALUES"
      " ('dead', 'gone:1', now() - interval '1 second'), ('held', 'other:1', now() + interval '1 hour')");
  const auto states = jobs::ListJobs(*pool_.Acquire());
  ASSERT_EQ(states.size(), 2U);
  EXPECT_FALSE(states[0].running);
  EXPECT_TRUE(states[1].running);
}

TEST_F(JobsTest, AreDueAtOnceWhenSomebodyAsks) {
  auto session = pool_.Acquire();
  EXPECT_FALSE(jobs::RequestRun(*session, "one")) << "no such job was ever scheduled";
  EXPECT_TRUE(RunJob(pool_, Returning("one", 1), Trigger::kSchedule, "me:1", SystemNow));
  EXPECT_FALSE(RunJob(pool_, Returning("one", 1), Trigger::kSchedule, "me:1", SystemNow));
  EXPECT_TRUE(jobs::RequestRun(*session, "one"));
  EXPECT_TRUE(RunJob(pool_, Returning("one", 1), Trigger::kSchedule, "me:1", SystemNow));
}

TEST_F(JobsTest, AreDueAgainWhenSomebodyAsksWhileTheyRun) {
  const Job asked{"one", std::chrono::hours(1), [this](db::Session&, Instant, const Progress&) {
                    EXPECT_TRUE(jobs::RequestRun(*pool_.Acquire(), "one"));
                    return JobOutcome{0, ""};
                  }};
  ASSERT_TRUE(RunJob(pool_, asked, Trigger::kSchedule, "me:1", SystemNow));
  EXPECT_TRUE(RunJob(pool_, Returning("one", 0), Trigger::kSchedule, "me:1", SystemNow));
  EXPECT_FALSE(RunJob(pool_, Returning("one", 0), Trigger::kSchedule, "me:1", SystemNow));
}

TEST_F(JobsTest, GetTheTimeOfTheirScheduler) {
  const Instant then{std::chrono::seconds(1'000'000'000)};
  Instant seen{};
  const Job job{"one", std::chrono::hours(1), [&](db::Session&, Instant now, const Progress&) {
                  seen = now;
                  return JobOutcome{};
                }};
  RunJob(pool_, job, Trigger::kManual, "me:1", [then] { return then; });
  EXPECT_EQ(seen, then);
}

TEST_F(JobsTest, SchedulersStopAtAnyTimeAndTwice) {
  jobs::Scheduler never(pool_, {Returning("one", 1)}, SystemNow);
  never.Stop();
  for (int i = 0; i < 5; ++i) {
    jobs::Scheduler scheduler(pool_, {Returning("one", 1)}, SystemNow);
    scheduler.Start();
    scheduler.Stop();
    scheduler.Stop();
  }
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_jobs WHERE lease_owner IS NOT NULL"), "0");
}

}  // namespace
}  // namespace billsync::testing
