// Everything that events amount to, as one text to compare.
#pragma once

#include <string>

#include "support/postgres.h"

namespace billsync::testing {

// Every row of every table of billsync's and the users, a line each, sorted: without surrogate keys and times of
// writing, and without what is bookkeeping (events, checkpoints, jobs, plan changes).
std::string WrittenRows(TestDatabase& database);

// Users whose last recorded plan change says something else than their row; must be empty.
std::string ContradictedPlanChanges(TestDatabase& database);

}  // namespace billsync::testing
