// The Prometheus page, made from the counters the parts keep.
#pragma once

#include <functional>
#include <string>

#include "billsync/apply/applier.h"
#include "billsync/db/pool.h"
#include "billsync/http/server.h"
#include "billsync/jobs/scheduler.h"
#include "billsync/webhook/endpoint.h"
#include "billsync/webhook/inbox.h"

namespace billsync::admin {

// The parts that count. All outlive the listener that shows them.
struct MetricSources {
  const http::Server* public_server = nullptr;
  const webhook::Endpoint* endpoint = nullptr;
  const webhook::Inbox* inbox = nullptr;
  const apply::Applier* applier = nullptr;
  const jobs::Scheduler* scheduler = nullptr;
  db::Pool* pool = nullptr;
  Clock clock;
  Instant started{};  // since when the counters count
};

// The page in Prometheus' text format. Every name starts with billsync_. What needs the database (events by status,
// apply lag, job ages) is left out while it cannot be reached; billsync_database_up tells.
std::string MetricsPage(const MetricSources& sources);

}  // namespace billsync::admin
