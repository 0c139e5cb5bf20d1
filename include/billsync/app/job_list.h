// The scheduled jobs of this program.
#pragma once

#include <string>
#include <vector>

#include "billsync/app/config.h"
#include "billsync/apply/applier.h"
#include "billsync/jobs/scheduler.h"

namespace billsync::app {

// apply, rollup, close, quota-reset, entitlement-sweep and retention, with the intervals of the configuration. `apply`
// is what a person or another scheduler may run: serve's own appliers work without pause and beside it.
std::vector<jobs::Job> MakeJobs(const Config& config);

// What the applier needs of the configuration.
apply::ApplyOptions MakeApplyOptions(const Config& config);

// A text that differs when another plan map is configured (tiers, quotas, prices, products, lookup keys, features,
// add-ons) or another policy of entitlement.
std::string PlanFingerprint(const Config& config);

// Monthly runs of the free plan.
int64_t FreeQuota(const Config& config);

// Sessions of this configuration under the name "billsync <role>".
db::ConnectOptions MakeConnectOptions(const Config& config, const std::string& role);

}  // namespace billsync::app
