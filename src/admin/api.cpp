#include "billsync/admin/api.h"

#include <algorithm>
#include <array>
#include <memory>

#include "billsync/admin/report_routes.h"
#include "billsync/apply/applier.h"
#include "billsync/apply/event_log.h"
#include "billsync/apply/explain.h"
#include "billsync/base/json_writer.h"
#include "billsync/base/log.h"
#include "billsync/base/parse.h"
#include "billsync/usage/quota_reset.h"

namespace billsync::admin {
namespace {

constexpr std::string_view kIndex =
    "billsync\n\n"
    "GET  /metrics                        Prometheus metrics\n"
    "GET  /api/v1/events                  stored events; ?status= &reason= &object_id= &customer= &limit=\n"
    "GET  /api/v1/events/{id}             one event with its payload (ops)\n"
    "POST /api/v1/events/{id}/retry       apply a parked or dead event again (ops)\n"
    "GET  /api/v1/objects/{id}/explain    why an object's row is what it is; ?limit=\n"
    "GET  /api/v1/jobs                    scheduled jobs\n"
    "POST /api/v1/jobs/{name}/run         make a job due now (ops)\n"
    "GET  /api/v1/users/{id}/entitlement  allow, warn or deny: quota, used and reserved runs\n";

http::Response Json(std::string body, int status = 200) {
  return {.status = status, .content_type = "application/json", .body = std::move(body)};
}

// Runs `answer` and turns a database failure into a 503 or 500 without its internals.
template <typename F>
void Respond(http::Responder& responder, F answer) {
  http::Response response;
  try {
    response = answer();
  } catch (const db::Bug& e) {
    Log(LogLevel::kError, "an admin request failed", {{"error", e.what()}});
    response = http::Problem(http::ProblemCode::kInternal);
  } catch (const db::Error& e) {
    Log(LogLevel::kWarning, "an admin request found no database", {{"error", e.what()}});
    response = http::Problem(503, "database_unavailable", "The database cannot be reached; try again.");
    response.headers.emplace_back("Retry-After", "1");
  }
  responder.Send(std::move(response));
}

std::optional<std::string> QueryText(const http::Request& request, std::string_view name) {
  const auto value = request.FindQuery(name);
  if (!value || value->empty()) return std::nullopt;
  return std::string(*value);
}

// Reads ?limit= into `limit`, or says what is wrong with it.
std::optional<http::Response> ReadLimit(const http::Request& request, int64_t& limit) {
  const auto text = QueryText(request, "limit");
  if (!text) return std::nullopt;
  const auto number = ParseInt<int64_t>(*text);
  if (!number || *number < 1 || *number > 1000) {
    return http::Problem(400, "bad_limit", "limit must be a whole number from 1 to 1000.");
  }
  limit = *number;
  return std::nullopt;
}

http::Response ListEvents(const AdminParts& parts, const http::Request& request) {
  apply::EventFilter filter{.status = QueryText(request, "status"),
                            .reason = QueryText(request, "reason"),
                            .object_id = QueryText(request, "object_id"),
                            .customer = QueryText(request, "customer")};
  constexpr std::array<std::string_view, 5> kStatuses = {"received", "applied", "ignored", "parked", "dead"};
  if (filter.status && std::ranges::find(kStatuses, *filter.status) == kStatuses.end()) {
    return http::Problem(400, "bad_status", "status must be received, applied, ignored, parked or dead.");
  }
  if (const auto fault = ReadLimit(request, filter.limit)) return *fault;
  auto session = parts.pool->Acquire();
  JsonArray events;
  for (const auto& event : apply::ListEvents(*session, filter)) events.AddRaw(event.Json());
  return Json(JsonObject().AddRaw("events", events.Text()).Text());
}

http::Response ShowEvent(const AdminParts& parts, const http::Request& request) {
  auto session = parts.pool->Acquire();
  const auto event = apply::FindEvent(*session, request.GetPathParam("id"));
  if (!event) return http::Problem(404, "event_not_found", "No event with this id is stored.");
  return Json(JsonObject().AddRaw("event", event->summary.Json()).Add("payload", event->payload).Text());
}

http::Response ExplainObject(const AdminParts& parts, const http::Request& request) {
  int64_t limit = 50;
  if (const auto fault = ReadLimit(request, limit)) return *fault;
  auto session = parts.pool->Acquire();
  const auto found = apply::ExplainObject(*session, request.GetPathParam("id"), limit);
  if (!found) return http::Problem(404, "object_not_found", "No event about this object is stored, and it has no row.");
  return Json(found->Json());
}

http::Response RetryEvent(const AdminParts& parts, const http::Request& request) {
  auto session = parts.pool->Acquire();
  const std::string& id = request.GetPathParam("id");
  if (apply::RetryEvents(*session, {id}) == 0) {
    return http::Problem(409, "event_not_parked", "No parked or dead event has this id.");
  }
  parts.wake_applier();
  Log(LogLevel::kInfo, "an event is retried by hand", {{"event", id}, {"from", request.remote_addr}});
  return Json(JsonObject().Add("id", id).Add("retried", true).Text(), 202);
}

std::optional<std::string> OptTime(const std::optional<Instant>& at) {
  return at ? std::optional(FormatInstant(*at)) : std::nullopt;
}

http::Response ListJobs(const AdminParts& parts, const http::Request&) {
  auto session = parts.pool->Acquire();
  JsonArray list;
  for (const auto& state : jobs::ListJobs(*session)) {
    JsonObject job;
    job.Add("job", state.job).Add("next_due_at", FormatInstant(state.next_due_at));
    job.Add("lease_owner", state.lease_owner).Add("last_started_at", OptTime(state.last_started_at));
    job.Add("last_finished_at", OptTime(state.last_finished_at)).Add("last_ok_at", OptTime(state.last_ok_at));
    job.Add("last_rows", state.last_rows).Add("last_error", state.last_error);
    list.AddRaw(job.Text());
  }
  return Json(JsonObject().AddRaw("jobs", list.Text()).Text());
}

// Only makes the job due: the scheduler runs it, so that a long job never holds a worker of this listener.
http::Response RunJob(const AdminParts& parts, const http::Request& request) {
  const std::string& name = request.GetPathParam("name");
  auto session = parts.pool->Acquire();
  if (!jobs::RequestRun(*session, name)) return http::Problem(404, "job_not_found", "No job has this name.");
  Log(LogLevel::kInfo, "a job is run by hand", {{"job", name}, {"from", request.remote_addr}});
  return Json(JsonObject().Add("job", name).Add("due", true).Text(), 202);
}

http::Response ShowEntitlement(const AdminParts& parts, const http::Request& request) {
  const std::string& id = request.GetPathParam("id");
  if (!IsUuid(id)) return http::Problem(400, "bad_user_id", "A user is named by the id in users.id, a UUID.");
  auto session = parts.pool->Acquire();
  const auto found = usage::FindEntitlement(*session, id, parts.metrics.clock());
  if (!found) return http::Problem(404, "user_not_found", "No user has this id, or the account is deleted.");
  JsonObject user;
  user.Add("user_id", found->user_id).Add("decision", usage::Name(found->Decide())).Add("plan_tier", found->plan_tier);
  user.Add("monthly_runs_quota", found->quota).Add("monthly_runs_used", found->used).Add("reserved", found->reserved);
  return Json(user.Add("quota_reset_date", found->reset_date).Text());
}

}  // namespace

void AddRoutes(http::Router& router, AdminParts given) {
  const auto parts = std::make_shared<const AdminParts>(std::move(given));
  const auto add = [&](const char* method, const char* path, Role role, auto function) {
    router.Add(method, path,
               parts->guard->Require(role, [parts, function](http::Request&& request, http::Responder responder) {
                 Respond(responder, [&] { return function(*parts, request); });
               }));
  };
  add("GET", "/", Role::kFinance, [](const AdminParts&, const http::Request&) {
    return http::Response{.content_type = "text/plain; charset=utf-8", .body = std::string(kIndex)};
  });
  add("GET", "/metrics", Role::kFinance, [](const AdminParts& p, const http::Request&) {
    return http::Response{.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = MetricsPage(p.metrics)};
  });
  add("GET", "/api/v1/events", Role::kFinance, ListEvents);
  add("GET", "/api/v1/events/{id}", Role::kOps, ShowEvent);  // a payload holds addresses and more
  add("GET", "/api/v1/objects/{id}/explain", Role::kFinance, ExplainObject);
  add("POST", "/api/v1/events/{id}/retry", Role::kOps, RetryEvent);
  add("GET", "/api/v1/jobs", Role::kFinance, ListJobs);
  add("POST", "/api/v1/jobs/{name}/run", Role::kOps, RunJob);
  add("GET", "/api/v1/users/{id}/entitlement", Role::kFinance, ShowEntitlement);
  AddReportRoutes(router, *parts->guard, *parts->pool, parts->metrics.clock);
}

}  // namespace billsync::admin
