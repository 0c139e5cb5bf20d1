// The record of what people asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "billsync/db/session.h"

namespace billsync::admin {

// How an action ended: it took place, it was not allowed or made no sense, it broke. Or that it has begun: then another
// row will say how it ended, unless it was cut off.
enum class AuditOutcome { kBegun, kDone, kRefused, kFailed };
// "begun", "done", "refused", "failed"
std::string_view Name(AuditOutcome outcome);

// A row of billing_audit.
struct AuditEntry {
  std::string actor;   // who: "ops token 3fa81c22", "ada@host:4711"
  std::string role;    // "finance", "ops" or "cli"
  std::string action;  // "retry", "run", "close", "adjust", "export", "rollup", "reset-quotas", "replay"
  std::string target;  // what it was done to; may be empty
  std::string origin;  // the peer's address or "command line"
  AuditOutcome outcome = AuditOutcome::kDone;
  std::optional<std::string> detail{};  // what came of it, for a person; never a payload or a secret
};

// Appends one row and returns its id; with a session, in a transaction of its own. Long targets and details are cut. An
// action that is one transaction is recorded in it; one that takes long begins with a row kBegun.
int64_t RecordAudit(db::Transaction& tx, const AuditEntry& entry);
int64_t RecordAudit(db::Session& session, const AuditEntry& entry);

// Appends how the action ended that the row `begun` says has begun. Only the first end counts.
void EndAudit(db::Transaction& tx, int64_t begun, AuditOutcome outcome, const std::optional<std::string>& detail);
void EndAudit(db::Session& session, int64_t begun, AuditOutcome outcome, const std::optional<std::string>& detail);

}  // namespace billsync::admin
