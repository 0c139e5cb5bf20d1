#include "billsync/admin/audit.h"

#include "admin/audit_sql.h"

namespace billsync::admin {

std::string_view Name(AuditOutcome outcome) {
  switch (outcome) {
    case AuditOutcome::kDone:
      return "done";
    case AuditOutcome::kRefused:
      return "refused";
    case AuditOutcome::kFailed:
      return "failed";
  }
  return "";
}

void RecordAudit(db::Session& session, const AuditEntry& entry) {
  db::Transaction tx(session);
  tx.Exec(sql::kRecordAudit, db::Params::Of(entry.actor, entry.role, entry.action, entry.target, entry.origin,
                                            Name(entry.outcome), entry.detail));
  tx.Commit();
}

}  // namespace billsync::admin
