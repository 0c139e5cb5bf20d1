#include "billsync/admin/audit.h"

#include "admin/audit_sql.h"

namespace billsync::admin {

std::string_view Name(AuditOutcome outcome) {
  switch (outcome) {
    case AuditOutcome::kBegun:
      return "begun";
    case AuditOutcome::kDone:
      return "done";
    case AuditOutcome::kRefused:
      return "refused";
    case AuditOutcome::kFailed:
      return "failed";
  }
  return "";
}

int64_t RecordAudit(db::Transaction& tx, const AuditEntry& entry) {
  const auto row = tx.Exec(sql::kRecordAudit, db::Params::Of(entry.actor, entry.role, entry.action, entry.target,
                                                             entry.origin, Name(entry.outcome), entry.detail));
  return row.Only().Int("id");
}

int64_t RecordAudit(db::Session& session, const AuditEntry& entry) {
  db::Transaction tx(session);
  const int64_t id = RecordAudit(tx, entry);
  tx.Commit();
  return id;
}

void EndAudit(db::Transaction& tx, int64_t begun, AuditOutcome outcome, const std::optional<std::string>& detail) {
  tx.Exec(sql::kEndAudit, db::Params::Of(begun, Name(outcome), detail));
}

void EndAudit(db::Session& session, int64_t begun, AuditOutcome outcome, const std::optional<std::string>& detail) {
  db::Transaction tx(session);
  EndAudit(tx, begun, outcome, detail);
  tx.Commit();
}

}  // namespace billsync::admin
