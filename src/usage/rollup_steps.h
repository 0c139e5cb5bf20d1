// Steps of a rollup inside a transaction of somebody else's, which must hold LockRollup.
#pragma once

#include <string>

#include "billsync/billing/month.h"
#include "billsync/db/session.h"

namespace billsync::usage {

// One rollup, recomputation or closing at a time, until `tx` ends.
void LockRollup(db::Transaction& tx);

// Drains everything of an open month and publishes what that touched, and no more: a published row that somebody
// changed is for the check to find. Returns the number of rows that changed.
int64_t BringUpToDate(db::Transaction& tx, const billing::Month& month, Instant now);

// Users by their ids, both ends included. What reads every run of a month is shared by two sessions, half of the users
// each: their ids are random. PostgreSQL's own parallel plans would send each group through a queue to one process.
struct UserRange {
  std::string from, to;
};
inline const UserRange kAllUsers{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"};
inline const UserRange kLowerUsers{kAllUsers.from, "7fffffff-ffff-ffff-ffff-ffffffffffff"};
inline const UserRange kUpperUsers{"80000000-0000-0000-0000-000000000000", kAllUsers.to};

// For the rest of `tx`: memory and plans for statements that read all runs of a month.
void PlanForOnePass(db::Transaction& tx);

// Whether the month's days add up to its usage by model. Reads no runs.
bool DaysAreEven(db::Transaction& tx, const billing::Month& month);

}  // namespace billsync::usage
