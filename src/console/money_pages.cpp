#include "billsync/admin/reading.h"
#include "pages.h"
#include "table.h"

namespace billsync::console {
namespace {

// For a bookkeeper the month's file; the page shows what the search found.
Html Download(const char* report, const std::string& period) {
  Html links;
  for (const auto& [format, name] : {std::pair{"csv", "CSV"}, {"xlsx", "XLSX"}, {"jsonl", "JSON Lines"}}) {
    links += Tag("a",
                 {{"class", "button"},
                  {"href", Url("/api/v1/" + std::string(report), {{"period", period}, {"format", format}})},
                  {"download", std::string(report) + "-" + period + "." + format}},
                 {name});
  }
  return Tag("p", {{"class", "downloads"}}, {Tag("span", {"Download " + period + ": "}), links});
}

}  // namespace

http::Response InvoicesPage(const PageCall& call) {
  const auto page = admin::PageKey::Read(call.request, admin::KeyShape::kTimeText);
  if (!page) return FaultPage(call, 400, page.error().detail);
  const std::string period = call.Query("period");
  const auto month = billing::Month::Parse(period);
  if (!period.empty() && !month) return FaultPage(call, 400, "A period is a month such as 2026-10.");
  const admin::InvoiceFilter filter{.search = admin::SearchText::Parse(call.Query("q")),
                                    .status = admin::QueryText(call.request, "status"),
                                    .period = month};
  auto session = call.parts.pool->Acquire();
  const auto invoices = admin::ListInvoices(*session, filter, *page);
  Html body =
      FilterForm("/invoices",
                 {SearchField("q", "Search", call.Query("q"), "address, number, in_…, cus_…, sub_…"),
                  Choice("status", "Status", call.Query("status"), {"draft", "open", "paid", "uncollectible", "void"}),
                  SearchField("period", "Month", period, "2026-10")});
  body += Download("invoices", month.value_or(billing::Month::Of(call.parts.clock())).Text());
  body += TableOf(invoices, {.caption = "Invoices", .empty = "No invoice fits."});
  body += Pager(call, invoices.next);
  return Render(call, {.title = "Invoices", .section = "invoices", .body = body});
}

http::Response SubscriptionsPage(const PageCall& call) {
  const auto page = admin::PageKey::Read(call.request, admin::KeyShape::kTimeText);
  if (!page) return FaultPage(call, 400, page.error().detail);
  const admin::SubscriptionFilter filter{.search = admin::SearchText::Parse(call.Query("q")),
                                         .status = admin::QueryText(call.request, "status"),
                                         .plan_tier = admin::QueryText(call.request, "tier")};
  auto session = call.parts.pool->Acquire();
  const auto subscriptions = admin::ListSubscriptions(*session, filter, *page);
  Html body = FilterForm("/subscriptions",
                         {SearchField("q", "Search", call.Query("q"), "address, sub_…, cus_…"),
                          Choice("status", "Status", call.Query("status"),
                                 {"active", "trialing", "past_due", "unpaid", "paused", "incomplete", "canceled"}),
                          Choice("tier", "Tier", call.Query("tier"), {"free", "pro", "enterprise"})});
  body += Download("subscriptions", billing::Month::Of(call.parts.clock()).Text());
  body += TableOf(subscriptions, {.caption = "Subscriptions", .empty = "No subscription fits."});
  body += Pager(call, subscriptions.next);
  return Render(call, {.title = "Subscriptions", .section = "subscriptions", .body = body});
}

}  // namespace billsync::console
