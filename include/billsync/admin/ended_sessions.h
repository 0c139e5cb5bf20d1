// Sessions that were logged out before they were over.
#pragma once

#include <string>

#include "billsync/base/instant.h"
#include "billsync/db/pool.h"

namespace billsync::admin {

// The table that all processes on one database share. Thread-safe; the pool must outlive it. Throws db::Error when the
// database cannot say: then nobody may be let in by a session, for it may be one that was ended. That hinders nobody
// who is not hindered anyway, because every page reads the database.
class EndedSessions {
 public:
  explicit EndedSessions(db::Pool& pool) : pool_(pool) {}

  // `session` is Identity::session, `ends` when it would be over. Again is fine.
  void Add(const std::string& session, Instant ends) const;
  bool Contains(const std::string& session) const;

 private:
  db::Pool& pool_;
};

}  // namespace billsync::admin
