// Everything that events amount to, as one text to compare.
#pragma once

#include <string>

#include "support/postgres.h"

namespace billsync::testing {

// Every row of every table of billsync's and the users, a line each, sorted: without surrogate keys and times of
// writing, and without what is bookkeeping (events, checkpoints, jobs, plan changes). Nor the day a user's quota begins
// anew: it is that of the subscription that entitled last, so it is of the user's past and not of the events alone.
std::string WrittenRows(TestDatabase& database);

// Users whose last recorded plan change says something else than their row; must be empty.
std::string ContradictedPlanChanges(TestDatabase& database);

}  // namespace billsync::testing
