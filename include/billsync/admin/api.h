// The admin listener's routes.
#pragma once

#include <functional>

#include "billsync/admin/metrics.h"
#include "billsync/admin/token_guard.h"
#include "billsync/http/router.h"
#include "billsync/jobs/scheduler.h"

namespace billsync::admin {

// What the routes work on; all outlives the listener.
struct AdminParts {
  const TokenGuard* guard = nullptr;
  MetricSources metrics;
  db::Pool* pool = nullptr;
  std::function<void()> wake_applier;
};

// Adds GET /, /metrics, /api/v1/events, /api/v1/events/{id}, /api/v1/objects/{id}/explain, /api/v1/jobs,
// /api/v1/users/{id}/entitlement, and POST /api/v1/events/{id}/retry and /api/v1/jobs/{name}/run. Every one needs a
// token; those that change something, or show a payload, need role ops.
void AddRoutes(http::Router& router, AdminParts parts);

}  // namespace billsync::admin
