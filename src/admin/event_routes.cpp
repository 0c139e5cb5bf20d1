#include <algorithm>
#include <array>

#include "api_route.h"
#include "billsync/apply/event_log.h"
#include "billsync/apply/explain.h"
#include "billsync/base/json_writer.h"

namespace billsync::admin {
namespace {

http::Response ListEvents(const ApiCall& call) {
  const auto page = PageKey::Read(call.request, KeyShape::kTimeText);
  if (!page) return Refusal(page.error());
  apply::EventFilter filter{.status = QueryText(call.request, "status"),
                            .reason = QueryText(call.request, "reason"),
                            .object_id = QueryText(call.request, "object_id"),
                            .customer = QueryText(call.request, "customer"),
                            .limit = page->limit + 1,
                            .type = QueryText(call.request, "type")};
  constexpr std::array<std::string_view, 5> kStatuses = {"received", "applied", "ignored", "parked", "dead"};
  if (filter.status && std::ranges::find(kStatuses, *filter.status) == kStatuses.end()) {
    return http::Problem(400, "bad_status", "status must be received, applied, ignored, parked or dead.");
  }
  if (page->first) {
    filter.after_received_at = ParseInstant(*page->first);
    filter.after_id = *page->second;
  }
  auto session = call.parts.pool->Acquire();
  auto found = apply::ListEvents(*session, filter);
  std::optional<std::string> next;
  if (static_cast<int64_t>(found.size()) > page->limit) {
    found.pop_back();
    next = FormatInstant(found.back().received_at) + "~" + found.back().id;
  }
  JsonArray events;
  for (const auto& event : found) events.AddRaw(event.Json());
  return JsonAnswer(JsonObject().AddRaw("events", events.Text()).Add("next", next).Text());
}

http::Response ShowEvent(const ApiCall& call) {
  auto session = call.parts.pool->Acquire();
  const auto event = apply::FindEvent(*session, call.request.GetPathParam("id"));
  if (!event) return http::Problem(404, "event_not_found", "No event with this id is stored.");
  // A payload holds addresses and more.
  const auto payload = call.identity.role >= Role::kOps ? std::optional(event->payload) : std::nullopt;
  return JsonAnswer(JsonObject().AddRaw("event", event->summary.Json()).Add("payload", payload).Text());
}

http::Response ExplainObject(const ApiCall& call) {
  const auto page = PageKey::Read(call.request, KeyShape::kNumber);
  if (!page) return Refusal(page.error());
  auto session = call.parts.pool->Acquire();
  const auto found = apply::ExplainObject(*session, call.request.GetPathParam("id"), page->limit);
  if (!found) return http::Problem(404, "object_not_found", "No event about this object is stored, and it has no row.");
  return JsonAnswer(found->Json());
}

http::Response RetryEvent(const ApiCall& call) {
  return AnswerOf(call.parts.actions->Retry(AskerOf(call), {call.request.GetPathParam("id")}));
}

http::Response RetryEvents(const ApiCall& call) {
  std::vector<std::string> ids;
  for (const auto id : call.request.AllQuery("id")) ids.emplace_back(id);
  const auto reason = QueryText(call.request, "reason");
  if (ids.empty() == !reason || ids.size() > 1000) {
    return http::Problem(400, "bad_retry", "Name events (?id=, at most 1000 times) or a reason (?reason=), not both.");
  }
  return AnswerOf(reason ? call.parts.actions->RetryReason(AskerOf(call), *reason)
                         : call.parts.actions->Retry(AskerOf(call), ids));
}

const std::string kText = R"({"type":["string","null"]})";
const std::string kTime = R"({"type":["string","null"],"format":"date-time"})";
const std::string kNumber = R"({"type":"integer"})";
const std::string kFlag = R"({"type":"boolean"})";

std::string ArrayOf(const std::string& schema) {
  return R"({"type":"array","items":)" + schema + "}";
}

std::string EventSchema() {
  return ObjectSchema({{"id", kText},
                       {"type", kText},
                       {"status", R"({"enum":["received","applied","ignored","parked","dead"]})"},
                       {"reason", kText},
                       {"detail", kText},
                       {"object_id", kText},
                       {"customer", kText},
                       {"api_version", kText},
                       {"livemode", kFlag},
                       {"attempts", kNumber},
                       {"created", kTime},
                       {"received_at", kTime},
                       {"applied_at", kTime},
                       {"next_attempt_at", kTime},
                       {"way_out", kText}});
}

std::string ExplanationSchema() {
  const auto columns = ArrayOf(
      ObjectSchema({{"column", kText}, {"value", kText}, {"event_id", kText}, {"note", kText}, {"expected", kText}}));
  const auto events = ArrayOf(ObjectSchema({{"event", EventSchema()},
                                            {"standing", kText},
                                            {"rule", kText},
                                            {"above", kText},
                                            {"lost_to", kText},
                                            {"sets", ArrayOf(kText)},
                                            {"why", kText}}));
  return ObjectSchema({{"object_id", kText},
                       {"kind", kText},
                       {"table", kText},
                       {"row", kFlag},
                       {"deleted", kFlag},
                       {"needs_refetch", kFlag},
                       {"drift", kFlag},
                       {"link", R"({"type":"object"})"},
                       {"columns", columns},
                       {"events", events},
                       {"events_total", kNumber},
                       {"events_left_out", kNumber},
                       {"events_waiting", kNumber}});
}

std::string DoneSchema() {
  return ObjectSchema({{"done", kFlag}, {"detail", kText}, {"count", kNumber}});
}

}  // namespace

std::vector<ApiRoute> EventRoutes() {
  const auto id = PathParam("id", "evt_…");
  std::vector<ApiRoute> routes;
  routes.push_back({.method = "GET",
                    .path = "/api/v1/events",
                    .summary = "Stored events, newest first",
                    .params = PagingParams({{"status", "received, applied, ignored, parked or dead"},
                                            {"reason", "such as unknown_customer"},
                                            {"type", "such as invoice.paid"},
                                            {"object_id", "such as sub_…"},
                                            {"customer", "cus_…"}}),
                    .answer_schema = ObjectSchema({{"events", ArrayOf(EventSchema())}, {"next", kText}}),
                    .problems = {400},
                    .handler = ListEvents});
  routes.push_back({.method = "GET",
                    .path = "/api/v1/events/{id}",
                    .summary = "One event; with its payload, byte for byte, for the role ops, else null",
                    .params = {id},
                    .answer_schema = ObjectSchema({{"event", EventSchema()}, {"payload", kText}}),
                    .problems = {404},
                    .handler = ShowEvent});
  routes.push_back({.method = "POST",
                    .path = "/api/v1/events/{id}/retry",
                    .role = Role::kOps,
                    .summary = "Apply a parked or dead event again",
                    .params = {id},
                    .status = 202,
                    .answer_schema = DoneSchema(),
                    .problems = {404, 409},
                    .handler = RetryEvent});
  routes.push_back({.method = "POST",
                    .path = "/api/v1/events/retry",
                    .role = Role::kOps,
                    .summary = "Apply parked or dead events again: those named, or at most 10,000 with a reason",
                    .params = {{"id", "evt_…, up to 1000 times", ArrayOf(R"({"type":"string"})")},
                               {"reason", "such as unknown_customer"}},
                    .status = 202,
                    .answer_schema = DoneSchema(),
                    .problems = {400, 409},
                    .handler = RetryEvents});
  routes.push_back({.method = "GET",
                    .path = "/api/v1/objects/{id}/explain",
                    .summary = "Why an object's row is what it is",
                    .params = {PathParam("id", "sub_…, in_…, cus_… and others"),
                               {"limit", "Events shown beyond those that still set a value",
                                R"({"type":"integer","minimum":1,"maximum":1000,"default":50})"}},
                    .answer_schema = ExplanationSchema(),
                    .problems = {400, 404},
                    .handler = ExplainObject});
  return routes;
}

}  // namespace billsync::admin
