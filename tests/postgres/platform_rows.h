// Rows of the platform's own tables, for tests that need users and runs.
#pragma once

#include <map>
#include <string>

#include "support/postgres.h"

namespace billsync::testing {

// Column name → SQL expression; what is not named keeps the platform's default.
using Columns = std::map<std::string, std::string>;

// 00000000-0000-4000-8000-0000000000NN, as in fixtures/.
std::string UserId(int number);

// A user called userNN@example.com.
void AddUser(TestDatabase& database, int number, const Columns& columns = {});

// `count` runs of a user, of the one agent of the one team (made when first needed, owned by user 99). They are queued
// unless `columns` says otherwise.
void AddRuns(TestDatabase& database, int user, int count, const Columns& columns = {});

// A run with an id of its own, 10000000-0000-4000-8000-0000000000NN.
std::string RunId(int number);
void AddRun(TestDatabase& database, int number, int user, const Columns& columns = {});

inline constexpr const char* kTeamId = "00000000-0000-4000-8000-000000000101";
inline constexpr const char* kAgentId = "00000000-0000-4000-8000-000000000201";

}  // namespace billsync::testing
