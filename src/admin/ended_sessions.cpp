#include "billsync/admin/ended_sessions.h"

#include "admin/ended_sessions_sql.h"

namespace billsync::admin {

void EndedSessions::Add(const std::string& session, Instant ends) const {
  auto lease = pool_.Acquire();
  db::Transaction tx(*lease);
  tx.Exec(sql::kEndSession, db::Params::Of(session, ends));
  tx.Commit();
}

bool EndedSessions::Contains(const std::string& session) const {
  auto lease = pool_.Acquire();
  db::Transaction tx(*lease, {.read_only = true});
  const bool ended = tx.Exec(sql::kHasSessionEnded, db::Params::Of(session)).Only().Bool("ended");
  tx.Commit();
  return ended;
}

}  // namespace billsync::admin
