// Differences of usage, for people and for programs.
#pragma once

#include <vector>

#include "billsync/usage/verify.h"

namespace billsync::cli {

// A table of all differences on standard output; nothing when there are none.
void PrintDrifts(const std::vector<usage::MonthCheck>& checks);

// {"month":…,"state":…,"drifts":[…]}
std::string CheckJson(const usage::MonthCheck& check);

}  // namespace billsync::cli
