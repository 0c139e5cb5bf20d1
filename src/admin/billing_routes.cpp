#include "api_route.h"
#include "billsync/admin/reading.h"
#include "billsync/base/json_writer.h"
#include "billsync/base/parse.h"
#include "billsync/usage/quota_reset.h"
#include "columns.h"

namespace billsync::admin {
namespace {

const BadQuestion kBadPeriod{"bad_period", "period must be a month such as 2026-10."};

// ?period=: nullopt when absent, a fault when it is no month.
tl::expected<std::optional<billing::Month>, BadQuestion> ReadPeriod(const http::Request& request) {
  const auto text = request.FindQuery("period");
  if (!text) return std::nullopt;
  const auto month = billing::Month::Parse(*text);
  if (!month) return tl::unexpected(kBadPeriod);
  return month;
}

http::Response SearchInvoices(const ApiCall& call) {
  const auto page = PageKey::Read(call.request, KeyShape::kTimeText);
  if (!page) return Refusal(page.error());
  const auto period = ReadPeriod(call.request);
  if (!period) return Refusal(period.error());
  auto session = call.parts.pool->Acquire();
  const InvoiceFilter filter{.search = SearchText::Parse(QueryText(call.request, "q")),
                             .status = QueryText(call.request, "status"),
                             .period = *period};
  return JsonAnswer(ListInvoices(*session, filter, *page).Json("invoices"));
}

http::Response SearchSubscriptions(const ApiCall& call) {
  const auto page = PageKey::Read(call.request, KeyShape::kTimeText);
  if (!page) return Refusal(page.error());
  auto session = call.parts.pool->Acquire();
  const SubscriptionFilter filter{.search = SearchText::Parse(QueryText(call.request, "q")),
                                  .status = QueryText(call.request, "status"),
                                  .plan_tier = QueryText(call.request, "tier")};
  return JsonAnswer(ListSubscriptions(*session, filter, *page).Json("subscriptions"));
}

http::Response SearchUsers(const ApiCall& call) {
  const auto page = PageKey::Read(call.request, KeyShape::kTextUser);
  if (!page) return Refusal(page.error());
  auto session = call.parts.pool->Acquire();
  const UserFilter filter{.search = SearchText::Parse(QueryText(call.request, "q")),
                          .plan_tier = QueryText(call.request, "tier")};
  return JsonAnswer(ListUsers(*session, filter, *page).Json("users"));
}

http::Response ShowUser(const ApiCall& call) {
  const std::string& id = call.request.GetPathParam("id");
  if (!IsUuid(id)) return http::Problem(400, "bad_user_id", "A user is named by the id in users.id, a UUID.");
  auto session = call.parts.pool->Acquire();
  const auto found = FindUserPage(*session, id, call.parts.metrics.clock());
  return found ? JsonAnswer(found->Json()) : http::Problem(404, "user_not_found", "No user has this id.");
}

http::Response ShowEntitlement(const ApiCall& call) {
  const std::string& id = call.request.GetPathParam("id");
  if (!IsUuid(id)) return http::Problem(400, "bad_user_id", "A user is named by the id in users.id, a UUID.");
  auto session = call.parts.pool->Acquire();
  const auto found = usage::FindEntitlement(*session, id, call.parts.metrics.clock());
  if (!found) return http::Problem(404, "user_not_found", "No user has this id, or the account is deleted.");
  JsonObject user;
  user.Add("user_id", found->user_id).Add("decision", usage::Name(found->Decide())).Add("plan_tier", found->plan_tier);
  user.Add("monthly_runs_quota", found->quota).Add("monthly_runs_used", found->used).Add("reserved", found->reserved);
  return JsonAnswer(user.Add("quota_reset_date", found->reset_date).Text());
}

http::Response ExploreUsage(const ApiCall& call) {
  const auto page = PageKey::Read(call.request, KeyShape::kDecimalUser);
  if (!page) return Refusal(page.error());
  const auto period = ReadPeriod(call.request);
  if (!period) return Refusal(period.error());
  const UsageFilter filter{.period = period->value_or(billing::Month::Of(call.parts.metrics.clock())),
                           .user = QueryText(call.request, "user"),
                           .model = QueryText(call.request, "model")};
  auto session = call.parts.pool->Acquire();
  return JsonAnswer(ReadUsage(*session, filter, *page).Json(filter.period));
}

http::Response ShowOverview(const ApiCall& call) {
  auto session = call.parts.pool->Acquire();
  return JsonAnswer(ReadOverview(*session, call.parts.metrics.clock()).Json());
}

std::string OverviewSchema() {
  const std::string number = R"({"type":"integer"})";
  const std::string objects = R"({"type":"array","items":{"type":"object"}})";
  return ObjectSchema({{"as_of", R"({"type":"string","format":"date-time"})"},
                       {"revenue", ArraySchema(columns::kRevenue)},
                       {"tiers", ArraySchema(columns::kTiers)},
                       {"days", ArraySchema(columns::kUsageDays)},
                       {"months", ArraySchema(columns::kMonths)},
                       {"near_quota", ArraySchema(columns::kNearQuota)},
                       {"near_quota_users", number},
                       {"events", objects},
                       {"apply_backlog", number},
                       {"apply_lag_s", number},
                       {"rollup_lag_ms", number},
                       {"jobs", objects}});
}

std::string UserSchema() {
  return ObjectSchema({{"user", ArraySchema(columns::kUsers)},
                       {"decision", R"({"enum":["allow","warn","deny"]})"},
                       {"reserved", R"({"type":"integer"})"},
                       {"customers", ArraySchema(columns::kCustomers)},
                       {"overrides", ArraySchema(columns::kOverrides)},
                       {"subscriptions", ArraySchema(columns::kSubscriptions)},
                       {"plan_changes", ArraySchema(columns::kPlanChanges)},
                       {"quota_resets", ArraySchema(columns::kResets)},
                       {"usage", ArraySchema(columns::kUsageOfUser)},
                       {"invoices", ArraySchema(columns::kInvoices)},
                       {"adjustments", ArraySchema(columns::kAdjustmentsOfUser)},
                       {"runs", ArraySchema(columns::kRunsOfUser)}});
}

std::string EntitlementSchema() {
  const std::string number = R"({"type":["integer","null"]})", text = R"({"type":["string","null"]})";
  return ObjectSchema({{"user_id", text},
                       {"decision", R"({"enum":["allow","warn","deny"]})"},
                       {"plan_tier", text},
                       {"monthly_runs_quota", number},
                       {"monthly_runs_used", number},
                       {"reserved", number},
                       {"quota_reset_date", text}});
}

std::string UsageSchema() {
  return ObjectSchema({{"period", R"({"type":"string"})"},
                       {"period_state", R"({"enum":["open","closed"]})"},
                       {"days_as_known_today", R"({"type":"boolean"})"},
                       {"totals", ArraySchema(columns::kUsageTotals)},
                       {"models", ArraySchema(columns::kUsageModels)},
                       {"days", ArraySchema(columns::kUsageDays)},
                       {"users", ArraySchema(columns::kUsageUsers)},
                       {"next", R"({"type":["string","null"]})"}});
}

ApiRoute Read(std::string path, std::string summary, std::vector<ApiParam> params, std::string schema,
              std::vector<int> problems, std::function<http::Response(const ApiCall&)> handler) {
  return {.method = "GET",
          .path = std::move(path),
          .summary = std::move(summary),
          .params = std::move(params),
          .answer_schema = std::move(schema),
          .problems = std::move(problems),
          .handler = std::move(handler)};
}

}  // namespace

std::vector<ApiRoute> BillingRoutes() {
  const ApiParam period{"period", "A month, YYYY-MM"};
  const ApiParam user = PathParam("id", "users.id, a UUID");
  return {
      Read("/api/v1/overview", "Recurring revenue, subscriptions, cost, quota and lag at one moment", {},
           OverviewSchema(), {}, ShowOverview),
      Read("/api/v1/usage/explore", "A month's usage: totals, by model, by day, and its users, the dearest first",
           PagingParams({{"period", "A month, YYYY-MM; the present one if left out"},
                         {"user", "An id, or the beginning of an address"},
                         {"model", "Exactly as in model_used"}}),
           UsageSchema(), {400}, ExploreUsage),
      Read("/api/v1/invoices/search", "Invoices, newest first",
           PagingParams({{"q", "in_…, cus_…, sub_…, a user's id, an invoice's number or the beginning of an address"},
                         {"status", "draft, open, paid, uncollectible or void"},
                         period}),
           PageSchema("invoices", columns::kInvoices), {400}, SearchInvoices),
      Read("/api/v1/subscriptions/search", "Subscriptions, newest first",
           PagingParams({{"q", "sub_…, cus_…, a user's id or the beginning of an address"},
                         {"status", "Stripe's status"},
                         {"tier", "free, pro or enterprise"}}),
           PageSchema("subscriptions", columns::kSubscriptions), {400}, SearchSubscriptions),
      Read("/api/v1/users", "Users by address",
           PagingParams({{"q", "A user's id, cus_…, sub_… or the beginning of an address"},
                         {"tier", "free, pro or enterprise"}}),
           PageSchema("users", columns::kUsers), {400}, SearchUsers),
      Read("/api/v1/users/{id}", "A user: plan history, quota, usage, invoices, runs", {user}, UserSchema(), {400, 404},
           ShowUser),
      Read("/api/v1/users/{id}/entitlement", "allow, warn or deny: quota, used and reserved runs", {user},
           EntitlementSchema(), {400, 404}, ShowEntitlement),
  };
}

}  // namespace billsync::admin
