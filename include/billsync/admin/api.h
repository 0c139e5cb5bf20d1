// The admin listener's API: /metrics and /api/v1/….
#pragma once

#include <string>

#include "billsync/admin/actions.h"
#include "billsync/admin/metrics.h"
#include "billsync/admin/reading.h"
#include "billsync/admin/token_guard.h"
#include "billsync/http/router.h"
#include "billsync/jobs/scheduler.h"

namespace billsync::admin {

// What the routes work on; all outlives the listener.
struct AdminParts {
  const TokenGuard* guard = nullptr;
  MetricSources metrics;
  db::Pool* pool = nullptr;
  Actions* actions = nullptr;
};

// Adds every route of openapi.json. All need a token, or a session of the console; those that change something, or
// show a payload, need role ops. Answers are JSON with an ETag, faults problem+json; large ones are compressed.
void AddRoutes(http::Router& router, const AdminParts& parts);

// The document at /api/v1/openapi.json: made from the same table as the routes.
std::string OpenApiJson();

}  // namespace billsync::admin
