// What people may do from afar: every action runs here, and leaves its row in billing_audit here.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "billsync/admin/audit.h"
#include "billsync/admin/identity.h"
#include "billsync/billing/month.h"
#include "billsync/db/pool.h"

namespace billsync::admin {

// Who asks for an action, and from which address.
struct Asker {
  Identity identity;
  std::string origin;
};

// What came of an action. `status` is HTTP's; a refusal has a stable code.
struct ActionResult {
  int status = 200;
  std::string code{};    // "done", or the problem's code
  std::string detail{};  // a sentence for a person
  int64_t count = 0;     // events retried; the id of an adjustment
  bool Done() const { return status < 300; }
};

// An amount to book; texts as they were typed.
struct AdjustmentWish {
  std::string user_id, origin, amount_usd, reason;
};

// Thread-safe. What is done in one transaction is recorded in it; what takes long is recorded when it begins and when
// it ends. So nothing is done without a row. Methods throw db::Error when the database fails; that too is recorded, if
// it can be.
class Actions {
 public:
  Actions(db::Pool& pool, std::function<void()> wake_applier, Clock clock);

  // Parked and dead events are tried again: 202, or 409 `event_not_parked` when none of them is; 404 `event_not_found`
  // when it is one alone that is not stored.
  ActionResult Retry(const Asker& asker, const std::vector<std::string>& event_ids);
  // All parked and dead events with this reason, at most 10,000 at a time.
  ActionResult RetryReason(const Asker& asker, const std::string& reason);
  // Makes a job due now: the scheduler runs it, so that a long job never holds a worker of the listener. 404
  // `job_not_found`.
  ActionResult RunJob(const Asker& asker, const std::string& job);
  // Has a month closed for good by the job `close`, however long that takes: 202, or 409 `not_over`, or `close_running`
  // when it was asked for already. What comes of it is told by usage::FindCloseRequest and the end of the row in
  // billing_audit.
  ActionResult Close(const Asker& asker, const billing::Month& month);
  // Books a signed amount for a closed month in the current one: 201 with its id; 400 `bad_adjustment`, 409
  // `nothing_booked`.
  ActionResult Adjust(const Asker& asker, const AdjustmentWish& wish);

  // Records that another part begins to do something for somebody (an export, before its first byte is sent), and
  // returns the row's id.
  int64_t Begin(const Asker& asker, const std::string& action, const std::string& target);
  // Records how it ended. Does not throw: what was done is done; a row that has begun and has no end is told as such.
  void End(int64_t begun, AuditOutcome outcome, const std::string& detail) noexcept;

 private:
  ActionResult Recorded(const Asker& asker, const std::string& action, const std::string& target,
                        const std::function<ActionResult(db::Transaction&)>& act);
  // A transaction; when it fails, `entry` is recorded as failed.
  ActionResult Guarded(const AuditEntry& entry, const std::function<ActionResult(db::Transaction&)>& act);

  db::Pool& pool_;
  const std::function<void()> wake_applier_;
  const Clock clock_;
};

}  // namespace billsync::admin
