#include "billsync/admin/actions.h"

#include <algorithm>

#include "admin/actions_sql.h"
#include "billsync/apply/applier.h"
#include "billsync/base/log.h"
#include "billsync/base/parse.h"
#include "billsync/jobs/scheduler.h"
#include "billsync/usage/adjustments.h"

namespace billsync::admin {
namespace {

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// Dollars and whole cents, "-12.50": what the table takes without rounding.
bool IsAmount(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const size_t point = std::min(text.find('.'), text.size());
  const auto digits = [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
  };
  return point <= 12 && digits(text.substr(0, point)) &&
         (point == text.size() || (text.size() - point == 3 && digits(text.substr(point + 1))));
}

ActionResult Retried(int64_t count) {
  if (count == 0) return {409, "event_not_parked", "No parked or dead event is meant."};
  return {202, "done", count == 1 ? "One event is tried again." : std::to_string(count) + " events are tried again.",
          count};
}

}  // namespace

Actions::Actions(db::Pool& pool, std::function<void()> wake_applier, CloseMonth close_month, Clock clock)
    : pool_(pool),
      wake_applier_(std::move(wake_applier)),
      close_month_(std::move(close_month)),
      clock_(std::move(clock)) {}

ActionResult Actions::Recorded(const Asker& asker, const std::string& action, const std::string& target,
                               const std::function<ActionResult(db::Session&)>& act) {
  ActionResult result;
  try {
    auto session = pool_.Acquire();
    result = act(*session);
  } catch (const std::exception&) {
    try {
      Record(asker, action, target, AuditOutcome::kFailed, "the database failed");
    } catch (const std::exception& e) {
      Log(LogLevel::kError, "an action that failed is not in billing_audit", {{"action", action}, {"error", e.what()}});
    }
    throw;
  }
  Record(asker, action, target, result.Done() ? AuditOutcome::kDone : AuditOutcome::kRefused, result.detail);
  return result;
}

void Actions::Record(const Asker& asker, const std::string& action, const std::string& target, AuditOutcome outcome,
                     const std::string& detail) {
  // The log first: it has the action even when the database is gone.
  Log(LogLevel::kInfo, "somebody acted by hand",
      {{"actor", asker.identity.actor},
       {"action", action},
       {"target", target},
       {"from", asker.origin},
       {"outcome", Name(outcome)}});
  auto session = pool_.Acquire();
  RecordAudit(*session, {.actor = asker.identity.actor,
                         .role = std::string(Name(asker.identity.role)),
                         .action = action,
                         .target = target,
                         .origin = asker.origin,
                         .outcome = outcome,
                         .detail = detail});
}

ActionResult Actions::Retry(const Asker& asker, const std::vector<std::string>& event_ids) {
  return Recorded(asker, "retry", Joined(event_ids), [&](db::Session& session) {
    // An empty list would mean every event there is.
    const auto result = Retried(event_ids.empty() ? 0 : apply::RetryEvents(session, event_ids));
    if (result.Done()) wake_applier_();
    return result;
  });
}

ActionResult Actions::RetryReason(const Asker& asker, const std::string& reason) {
  return Recorded(asker, "retry", "reason " + reason, [&](db::Session& session) {
    std::vector<std::string> ids;
    {
      db::Transaction tx(session, {.read_only = true});
      for (const db::Row row : tx.Exec(sql::kUnsettledOfReason, db::Params::Of(reason))) ids.push_back(row.Text("id"));
      tx.Commit();
    }
    const auto result = Retried(ids.empty() ? 0 : apply::RetryEvents(session, ids));
    if (result.Done()) wake_applier_();
    return result;
  });
}

ActionResult Actions::RunJob(const Asker& asker, const std::string& job) {
  return Recorded(asker, "run", job, [&](db::Session& session) -> ActionResult {
    if (!jobs::RequestRun(session, job)) return {404, "job_not_found", "No job has this name."};
    return {202, "done", "The job is due now."};
  });
}

ActionResult Actions::Close(const Asker& asker, const billing::Month& month) {
  return Recorded(asker, "close", month.Text(), [&](db::Session& session) -> ActionResult {
    const std::unique_lock lock(closing_, std::try_to_lock);
    if (!lock.owns_lock()) return {409, "close_running", "A month is being closed this moment; try again later."};
    const auto closed = close_month_(session, month, asker.identity.actor);
    if (closed) return {200, "done", "Closed; SHA-256 " + closed->usage_sha256 + "."};
    switch (closed.error().reason) {
      case usage::NotClosed::Reason::kNotOver:
        return {409, "not_over", "The month is not over yet."};
      case usage::NotClosed::Reason::kWaiting:
        return {409, "waiting",
                "Usage of a user waits, whose row in users another transaction holds; try again when it is done."};
      case usage::NotClosed::Reason::kDrift:
        return {409, "drift",
                "The month's usage differs from its runs in " + std::to_string(closed.error().check.drifts.size()) +
                    " places; billsync verify usage shows them, billsync rollup --full mends them."};
    }
    return {500, "internal", "The month could not be closed."};
  });
}

ActionResult Actions::Adjust(const Asker& asker, const AdjustmentWish& wish) {
  return Recorded(asker, "adjust", wish.origin + " " + wish.user_id, [&](db::Session& session) -> ActionResult {
    const auto origin = billing::Month::Parse(wish.origin);
    const bool told = !Trim(wish.reason).empty() && wish.reason.size() <= 1000;
    if (!origin || !IsUuid(wish.user_id) || !IsAmount(wish.amount_usd) || !told) {
      return {400, "bad_adjustment",
              "An adjustment names a user by id, a month such as 2026-10, dollars and cents such as -12.50, and why."};
    }
    const auto id = usage::BookAdjustment(session, wish.user_id, *origin, wish.amount_usd, wish.reason,
                                          asker.identity.actor, clock_());
    if (!id) return {409, "nothing_booked", "The month is not closed, or there is no such user."};
    return {201, "done", "Adjustment " + std::to_string(*id) + " of " + wish.amount_usd + " USD is booked.", *id};
  });
}

}  // namespace billsync::admin
