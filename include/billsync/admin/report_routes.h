// Finance's reports over HTTP.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "billsync/admin/token_guard.h"
#include "billsync/db/pool.h"
#include "billsync/http/router.h"

namespace billsync::admin {

// GET /api/v1/usage, /invoices, /subscriptions, /margin and /adjustments:
//   ?period=2026-10 or 2026-01..2026-10; without it the current month (UTC)
//   &user=UUID &tier=free|pro|enterprise &team=UUID &layout=breakdown|wide|long
//   &format=csv|jsonl|xlsx|focus: the file, streamed; the same bytes as the command line's. Of a closed period it has
//   an
//     ETag for ever; of an open one X-As-Of says of which moment it is. At most kMostStreams at a time, else 503.
//   without format: {"report","period","period_state","as_of","rows":[…],"next"} with &limit=1…1000 rows behind
//   &after=,
//     the `next` of the page before.
// Compressed for who accepts gzip, XLSX excepted, which is.
struct ReportRoute {
  std::string path;
  std::function<http::Response(const http::Request& request)> answer;
};
inline constexpr int kMostStreams = 3;

// Without a guard: AddRoutes puts it on, and records downloads. The pool must outlive the routes, the clock is
// copied.
std::vector<ReportRoute> ReportRoutes(db::Pool& pool, const Clock& clock);

}  // namespace billsync::admin
