#include "billsync/admin/actions.h"

#include <algorithm>

#include "admin/actions_sql.h"
#include "billsync/apply/applier.h"
#include "billsync/base/log.h"
#include "billsync/base/parse.h"
#include "billsync/jobs/scheduler.h"
#include "billsync/usage/adjustments.h"
#include "billsync/usage/close.h"

namespace billsync::admin {
namespace {

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

ActionResult Retried(int64_t count) {
  if (count == 0) return {409, "event_not_parked", "No parked or dead event is meant."};
  return {202, "done", count == 1 ? "One event is tried again." : std::to_string(count) + " events are tried again.",
          count};
}

AuditEntry EntryOf(const Asker& asker, const std::string& action, const std::string& target) {
  return {.actor = asker.identity.actor,
          .role = std::string(Name(asker.identity.role)),
          .action = action,
          .target = target,
          .origin = asker.origin};
}

// The log has the action even when the database is gone.
void TellLog(const AuditEntry& entry, std::string_view outcome) {
  Log(LogLevel::kInfo, "somebody acted by hand",
      {{"actor", entry.actor},
       {"action", entry.action},
       {"target", entry.target},
       {"from", entry.origin},
       {"outcome", outcome}});
}

void RecordFailure(db::Pool& pool, AuditEntry entry) {
  entry.outcome = AuditOutcome::kFailed;
  entry.detail = "the database failed";
  try {
    auto session = pool.Acquire();
    RecordAudit(*session, entry);
  } catch (const std::exception& e) {
    Log(LogLevel::kError, "an action that failed is not in billing_audit",
        {{"action", entry.action}, {"error", e.what()}});
  }
}

}  // namespace

Actions::Actions(db::Pool& pool, std::function<void()> wake_applier, Clock clock)
    : pool_(pool), wake_applier_(std::move(wake_applier)), clock_(std::move(clock)) {}

ActionResult Actions::Guarded(const AuditEntry& entry, const std::function<ActionResult(db::Transaction&)>& act) {
  ActionResult result;
  try {
    auto session = pool_.Acquire();
    db::Transaction tx(*session);
    result = act(tx);
    tx.Commit();
  } catch (const db::InDoubt&) {
    throw;  // the row is there if the deed is
  } catch (const std::exception&) {
    TellLog(entry, "failed");
    RecordFailure(pool_, entry);
    throw;
  }
  TellLog(entry, Name(entry.outcome));
  return result;
}

ActionResult Actions::Recorded(const Asker& asker, const std::string& action, const std::string& target,
                               const std::function<ActionResult(db::Transaction&)>& act) {
  AuditEntry entry = EntryOf(asker, action, target);
  return Guarded(entry, [&](db::Transaction& tx) {
    ActionResult result = act(tx);
    entry.outcome = result.Done() ? AuditOutcome::kDone : AuditOutcome::kRefused;
    entry.detail = result.detail;
    RecordAudit(tx, entry);
    return result;
  });
}

int64_t Actions::Begin(const Asker& asker, const std::string& action, const std::string& target) {
  AuditEntry entry = EntryOf(asker, action, target);
  entry.outcome = AuditOutcome::kBegun;
  auto session = pool_.Acquire();
  const int64_t begun = RecordAudit(*session, entry);
  TellLog(entry, Name(entry.outcome));
  return begun;
}

void Actions::End(int64_t begun, AuditOutcome outcome, const std::string& detail) noexcept {
  try {
    auto session = pool_.Acquire();
    EndAudit(*session, begun, outcome, detail);
  } catch (const std::exception& e) {
    Log(LogLevel::kError, "the end of an action is not in billing_audit",
        {{"begun_id", static_cast<long long>(begun)}, {"outcome", Name(outcome)}, {"error", e.what()}});
  }
}

ActionResult Actions::Retry(const Asker& asker, const std::vector<std::string>& event_ids) {
  const auto result = Recorded(asker, "retry", Joined(event_ids), [&](db::Transaction& tx) {
    // An empty list would mean every event there is.
    const int64_t count = event_ids.empty() ? 0 : apply::RetryEvents(tx, event_ids);
    if (count == 0 && event_ids.size() == 1 &&
        !tx.Exec(sql::kEventIsStored, db::Params::Of(event_ids.front())).Only().Bool("stored")) {
      return ActionResult{404, "event_not_found", "No event with this id is stored."};
    }
    return Retried(count);
  });
  if (result.Done()) wake_applier_();
  return result;
}

ActionResult Actions::RetryReason(const Asker& asker, const std::string& reason) {
  const auto result = Recorded(asker, "retry", "reason " + reason, [&](db::Transaction& tx) {
    std::vector<std::string> ids;
    for (const db::Row row : tx.Exec(sql::kUnsettledOfReason, db::Params::Of(reason))) ids.push_back(row.Text("id"));
    return Retried(ids.empty() ? 0 : apply::RetryEvents(tx, ids));
  });
  if (result.Done()) wake_applier_();
  return result;
}

ActionResult Actions::RunJob(const Asker& asker, const std::string& job) {
  return Recorded(asker, "run", job, [&](db::Transaction& tx) -> ActionResult {
    if (!jobs::RequestRun(tx, job)) return {404, "job_not_found", "No job has this name."};
    return {202, "done", "The job is due now."};
  });
}

ActionResult Actions::Close(const Asker& asker, const billing::Month& month) {
  AuditEntry entry = EntryOf(asker, "close", month.Text());
  return Guarded(entry, [&](db::Transaction& tx) -> ActionResult {
    if (clock_() < month.End()) {
      entry.outcome = AuditOutcome::kRefused;
      entry.detail = "The month is not over yet.";
      RecordAudit(tx, entry);
      return {409, "not_over", *entry.detail};
    }
    entry.outcome = AuditOutcome::kBegun;
    const int64_t begun = RecordAudit(tx, entry);
    if (!usage::RequestClose(tx, month, begun)) {
      const std::string why = "The month is asked for already, and waits for the job close or is being closed.";
      EndAudit(tx, begun, AuditOutcome::kRefused, why);
      return {409, "close_running", why};
    }
    jobs::RequestRun(tx, "close");
    return {202, "begun", "The job close verifies and closes the month; the period tells how far it is."};
  });
}

ActionResult Actions::Adjust(const Asker& asker, const AdjustmentWish& wish) {
  return Recorded(asker, "adjust", wish.origin + " " + wish.user_id, [&](db::Transaction& tx) -> ActionResult {
    const auto origin = billing::Month::Parse(wish.origin);
    const bool told = !Trim(wish.reason).empty() && wish.reason.size() <= 1000;
    if (!origin || !IsUuid(wish.user_id) || !usage::IsAdjustmentAmount(wish.amount_usd) || !told) {
      return {
          400, "bad_adjustment",
          "An adjustment names a user_id, an origin such as 2026-10, an amount_usd in dollars and cents such as -12.50 "
          "that is not zero, and a reason; in the query string, or in a JSON body."};
    }
    const auto booked =
        usage::BookAdjustment(tx, wish.user_id, *origin, wish.amount_usd, wish.reason, asker.identity.actor, clock_());
    if (!booked) {
      switch (booked.error()) {
        case usage::NotBooked::kNotClosed:
          return {409, "nothing_booked", "The month is not closed: an open one is corrected by its runs."};
        case usage::NotBooked::kNoSuchUser:
          return {409, "nothing_booked", "No user has this id."};
      }
    }
    return {201, "done", "Adjustment " + std::to_string(*booked) + " of " + wish.amount_usd + " USD is booked.",
            *booked};
  });
}

}  // namespace billsync::admin
