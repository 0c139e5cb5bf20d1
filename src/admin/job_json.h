// Jobs as the API shows them.
#pragma once

#include <string>
#include <vector>

#include "billsync/jobs/scheduler.h"

namespace billsync::admin {

// [{"job":…},…]
std::string JobsJson(const std::vector<jobs::JobState>& jobs);

}  // namespace billsync::admin
