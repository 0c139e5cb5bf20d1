#include "billsync/admin/reading.h"
#include "billsync/base/parse.h"
#include "chart.h"
#include "pages.h"
#include "table.h"

namespace billsync::console {
namespace {

Html Quota(const admin::UserPage& user) {
  const auto& entitlement = user.entitlement;
  if (!entitlement.quota) return "no limit";
  Html quota = QuotaBar(entitlement.used, *entitlement.quota);
  quota +=
      " " + Grouped(std::to_string(entitlement.used)) + " of " + Grouped(std::to_string(*entitlement.quota)) + " runs";
  if (entitlement.reserved > 0) quota += ", " + std::to_string(entitlement.reserved) + " reserved";
  return quota;
}

Html Account(const admin::UserPage& user) {
  const auto value = [&](const char* name) { return user.user.At(0, name).value_or("–"); };
  std::vector<std::pair<std::string, Html>> facts;
  if (value("deleted") == "t") facts.emplace_back("Account", Badge("deleted"));
  facts.emplace_back("Name", value("full_name"));
  facts.emplace_back("Tier", Badge(value("plan_tier")));
  facts.emplace_back("Quota", Quota(user));
  facts.emplace_back("Next run", Badge(usage::Name(user.entitlement.Decide())));
  facts.emplace_back("Quota resets", value("quota_reset_date"));
  facts.emplace_back("Since", Moment(value("created_at")));
  facts.emplace_back("Id", Tag("span", {{"class", "id"}}, {value("user_id")}));
  return Facts(facts);
}

}  // namespace

http::Response UsersPage(const PageCall& call) {
  const auto page = admin::PageKey::Read(call.request, admin::KeyShape::kTextUser);
  if (!page) return FaultPage(call, 400, page.error().detail);
  const admin::UserFilter filter{.search = admin::SearchText::Parse(call.Query("q")),
                                 .plan_tier = admin::QueryText(call.request, "tier")};
  auto session = call.parts.pool->Acquire();
  const auto users = admin::ListUsers(*session, filter, *page);
  Html body = FilterForm("/users", {SearchField("q", "Search", call.Query("q"), "address, id, cus_…, sub_…"),
                                    Choice("tier", "Tier", call.Query("tier"), {"free", "pro", "enterprise"})});
  body += TableOf(users, {.caption = "Users", .empty = "No user fits."});
  body += Pager(call, users.next);
  return Render(call, {.title = "Users", .section = "users", .body = body});
}

http::Response UserPage(const PageCall& call) {
  const std::string& id = call.request.GetPathParam("id");
  if (!IsUuid(id)) return FaultPage(call, 400, "A user is named by the id in users.id, a UUID.");
  auto session = call.parts.pool->Acquire();
  const auto user = admin::FindUserPage(*session, id, call.parts.clock());
  if (!user) return FaultPage(call, 404, "No user has this id.");
  Html grid = Card("Account", Account(*user));
  grid +=
      Card("Stripe customers", TableOf(user->customers, {.caption = "Customers", .empty = "Not linked to Stripe."}));
  grid +=
      Card("Subscriptions",
           TableOf(user->subscriptions, {.caption = "Subscriptions", .empty = "None.", .hidden = {"email", "user_id"}}),
           "wide");
  grid +=
      Card("Plan history", TableOf(user->plan_changes, {.caption = "Plan history", .empty = "Never changed."}), "wide");
  if (!user->overrides.rows.empty())
    grid += Card("Quota agreed", TableOf(user->overrides, {.caption = "Quota agreed"}));
  grid += Card("Usage by month", TableOf(user->usage, {.caption = "Usage by month", .empty = "No usage."}));
  grid += Card("Quota periods", TableOf(user->quota_resets, {.caption = "Quota periods", .empty = "No reset yet."}));
  grid += Card(
      "Invoices",
      TableOf(user->invoices, {.caption = "Invoices", .empty = "None.", .hidden = {"email", "user_id", "customer"}}),
      "wide");
  if (!user->adjustments.rows.empty()) {
    grid += Card("Adjustments", TableOf(user->adjustments, {.caption = "Adjustments"}), "wide");
  }
  grid += Card("Newest runs", TableOf(user->runs, {.caption = "Newest runs", .empty = "No runs."}), "wide");
  return Render(call, {.title = user->user.At(0, "email").value_or(id),
                       .section = "users",
                       .body = Tag("div", {{"class", "grid"}}, {grid})});
}

}  // namespace billsync::console
