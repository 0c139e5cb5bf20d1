#include "billsync/admin/reading.h"
#include "pages.h"
#include "table.h"

namespace billsync::console {

http::Response AuditPage(const PageCall& call) {
  const auto page = admin::PageKey::Read(call.request, admin::KeyShape::kNumber);
  if (!page) return FaultPage(call, 400, page.error().detail);
  auto session = call.parts.pool->Acquire();
  const auto audit = admin::ListAudit(*session, admin::QueryText(call.request, "action"), *page);
  Html body = Tag("p", {{"class", "lead"}},
                  {"What people asked for, over the network and on the command line. Nobody can "
                   "change these rows."});
  body +=
      FilterForm("/audit", {Choice("action", "Action", call.Query("action"),
                                   {"retry", "run", "close", "adjust", "export", "rollup", "reset-quotas", "replay"})});
  body += TableOf(audit, {.caption = "Audit", .empty = "Nobody has done anything yet.", .hidden = {"id"}});
  body += Pager(call, audit.next);
  return Render(call, {.title = "Audit", .section = "audit", .body = body});
}

}  // namespace billsync::console
