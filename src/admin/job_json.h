// Jobs as the API shows them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "billsync/jobs/scheduler.h"

namespace billsync::admin {

// {"what":…,"done":…,"total":…,"seconds_left":…,"text":…} or null
std::string ProgressJson(const std::optional<jobs::JobProgress>& progress);
// [{"job":…},…]
std::string JobsJson(const std::vector<jobs::JobState>& jobs);

}  // namespace billsync::admin
