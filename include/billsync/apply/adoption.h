// What a process that starts puts in force: its plan map, and the types of events it reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "billsync/db/session.h"

namespace billsync::apply {

// Another plan map than this process was started with is in force: what it would write follows a map that is gone.
// Nobody's event is to blame. what() says since when, and what to do.
class PlanMapSuperseded : public db::Bug {
 public:
  using Bug::Bug;
};

// Puts a plan map (and policy) in force; called when serve starts, before its first batch. If another one was in force,
// asks for another look at every subscription, at what is parked for an unmapped price, and, if the free plan's quota
// (`free_quota`, monthly runs) has changed, at the users without a subscription who have the old one. The applier works
// that off in pieces, beside what comes in. Waits for batches under way: none that is committed later follows the old
// map. Throws db::Transient when they take longer than ten seconds.
void AdoptPlanMap(db::Session& session, const std::string& fingerprint,
                  std::optional<int64_t> free_quota = std::nullopt);

// Tells the database which types of events this program reads. If some are new to it, asks for those events that were
// stored as ignored until now. Called when serve starts.
void AdoptReadTypes(db::Session& session);

// Throws PlanMapSuperseded when another plan map is in force; does nothing while none is. Empty: any map will do. The
// transaction must hold the cross-object lock, shared at least, so that none is adopted before its
// end.
void RequirePlanMap(db::Transaction& tx, const std::string& fingerprint);

}  // namespace billsync::apply
