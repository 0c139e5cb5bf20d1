#include "billsync/admin/api.h"

#include <openssl/sha.h>

#include <array>
#include <map>
#include <memory>

#include "api_route.h"
#include "billsync/admin/gzip.h"
#include "billsync/admin/report_routes.h"
#include "billsync/base/json_writer.h"
#include "billsync/base/log.h"
#include "billsync/base/version.h"

namespace billsync::admin {
namespace {

constexpr const char* kOpenApiPath = "/api/v1/openapi.json";

http::Response ShowOpenApi(const ApiCall&) {
  static const std::string document = OpenApiJson();
  return JsonAnswer(document);
}

std::vector<ApiRoute> AllRoutes() {
  std::vector<ApiRoute> all;
  for (auto routes : {EventRoutes(), BillingRoutes(), OperationRoutes()}) {
    for (auto& route : routes) all.push_back(std::move(route));
  }
  ApiRoute self;
  self.method = "GET";
  self.path = kOpenApiPath;
  self.summary = "This document";
  self.answer_schema = R"({"type":"object"})";
  self.handler = ShowOpenApi;
  all.push_back(std::move(self));
  return all;
}

// A strong tag of the bytes before compression; 304 when the client has them.
void AddTag(const http::Request& request, http::Response& response) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(response.body.data()), response.body.size(), digest.data());
  std::string tag = "\"";
  for (size_t i = 0; i < 12; ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    tag += kDigits[digest[i] >> 4U];
    tag += kDigits[digest[i] & 15U];
  }
  tag += "\"";
  response.headers.emplace_back("ETag", tag);
  response.headers.emplace_back("Cache-Control", "private, no-cache");
  const auto known = request.FindHeader("If-None-Match");
  if (known && known->find(tag) != std::string_view::npos) {
    response.status = 304;
    response.body.clear();
  }
}

// Runs the route and turns a database failure into a 503 or 500 without its internals.
http::Response Answer(const ApiRoute& route, const ApiCall& call) {
  http::Response response;
  try {
    response = route.handler(call);
  } catch (const db::Bug& e) {
    Log(LogLevel::kError, "an admin request failed", {{"error", e.what()}});
    response = http::Problem(http::ProblemCode::kInternal);
  } catch (const db::Error& e) {
    Log(LogLevel::kWarning, "an admin request found no database", {{"error", e.what()}});
    response = DatabaseAway();
  }
  if (route.method == "GET" && response.status == 200) AddTag(call.request, response);
  CompressFor(call.request, response);
  return response;
}

std::string ParameterJson(const ApiParam& param) {
  JsonObject json;
  json.Add("name", param.name).Add("in", param.in_path ? "path" : "query").Add("required", param.in_path);
  return json.Add("description", param.about).AddRaw("schema", param.schema).Text();
}

std::string ProblemAnswer(std::string_view description) {
  return JsonObject()
      .Add("description", description)
      .AddRaw("content", R"({"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}})")
      .Text();
}

std::string OperationJson(const ApiRoute& route) {
  JsonArray params;
  for (const auto& param : route.params) params.AddRaw(ParameterJson(param));
  const auto content =
      JsonObject().AddRaw(route.content, JsonObject().AddRaw("schema", route.answer_schema).Text()).Text();
  std::map<int, std::string> answers = {
      {route.status, JsonObject().Add("description", route.summary).AddRaw("content", content).Text()}};
  for (const int status : {401, 403, 429, 500, 503}) answers[status] = ProblemAnswer(http::ReasonPhrase(status));
  for (const int status : route.problems) answers[status] = ProblemAnswer(http::ReasonPhrase(status));
  JsonObject responses;
  for (const auto& [status, answer] : answers) responses.AddRaw(std::to_string(status), answer);
  JsonObject json;
  json.Add("summary", route.summary + (route.role == Role::kOps ? " (ops)" : ""));
  return json.AddRaw("parameters", params.Text()).AddRaw("responses", responses.Text()).Text();
}

// A file that is sent, with a row in the record before its first byte and one after its last.
http::Response AnswerRecorded(Actions& actions, const Asker& asker, const ReportRoute& report,
                              const http::Request& request) {
  std::string what = report.path.substr(report.path.rfind('/') + 1);
  for (const char* name : {"period", "format"}) what += " " + QueryText(request, name).value_or("");
  int64_t begun = 0;
  try {
    begun = actions.Begin(asker, "export", what);
  } catch (const db::Error& e) {
    Log(LogLevel::kError, "an export could not be recorded", {{"error", e.what()}});
    return DatabaseAway();
  }
  http::Response response = report.answer(request);
  if (!response.stream) {
    const bool refused = response.status >= 400;
    actions.End(begun, refused ? AuditOutcome::kRefused : AuditOutcome::kDone,
                refused ? "answered " + std::to_string(response.status) : "the client has these bytes already");
    return response;
  }
  response.stream = [&actions, begun, send = std::move(response.stream)](const http::ByteSink& sink) {
    try {
      const bool whole = send(sink);
      actions.End(begun, whole ? AuditOutcome::kDone : AuditOutcome::kFailed,
                  whole ? "sent whole" : "the client went away");
      return whole;
    } catch (const std::exception&) {
      actions.End(begun, AuditOutcome::kFailed, "it broke off");
      throw;
    }
  };
  return response;
}

void AddReport(http::Router& router, const std::shared_ptr<const AdminParts>& parts, const ReportRoute& report) {
  router.Add(
      "GET", report.path,
      parts->guard->RequireIdentity(Role::kFinance, [parts, report](const Identity& identity, http::Request&& request,
                                                                    http::Responder responder) {
        const bool file = request.method == "GET" && request.FindQuery("format");
        responder.Send(file ? AnswerRecorded(*parts->actions, {identity, request.remote_addr}, report, request)
                            : report.answer(request));
      }));
}

}  // namespace

void AddRoutes(http::Router& router, const AdminParts& given) {
  const auto parts = std::make_shared<const AdminParts>(given);
  for (auto& one : AllRoutes()) {
    const auto route = std::make_shared<const ApiRoute>(std::move(one));
    router.Add(
        route->method, route->path,
        parts->guard->RequireIdentity(
            route->role, [parts, route](const Identity& identity, http::Request&& request, http::Responder responder) {
              responder.Send(Answer(*route, ApiCall{*parts, identity, request}));
            }));
  }
  for (const auto& report : ReportRoutes(*parts->pool, parts->metrics.clock)) AddReport(router, parts, report);
}

std::string OpenApiJson() {
  std::vector<std::string> order;
  std::map<std::string, JsonObject> paths;
  auto documented = AllRoutes();
  for (auto& report : ReportDocs()) documented.push_back(std::move(report));
  for (const auto& route : documented) {
    if (!paths.contains(route.path)) order.push_back(route.path);
    paths[route.path].AddRaw(route.method == "GET" ? "get" : "post", OperationJson(route));
  }
  JsonObject all;
  for (const auto& path : order) all.AddRaw(path, paths[path].Text());
  JsonObject document;
  document.Add("openapi", "3.1.0");
  document.AddRaw("info",
                  JsonObject()
                      .Add("title", "billsync")
                      .Add("version", ProgramVersion())
                      .Add("description",
                           "What billsync keeps of Stripe, usage and quotas. Amounts and counts that may exceed "
                           "53 bits are texts. Lists page by key: pass `next` as ?after=.")
                      .Text());
  document.AddRaw("security", R"([{"token":[]},{"session":[]}])").AddRaw("paths", all.Text());
  document.AddRaw("components",
                  R"({"securitySchemes":{"token":{"type":"http","scheme":"bearer"},)"
                  R"("session":{"type":"apiKey","in":"cookie","name":"billsync_session"}},)"
                  R"("schemas":{"Problem":{"type":"object","required":["type","title","status","code","detail"],)"
                  R"("properties":{"type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},)"
                  R"("code":{"type":"string"},"detail":{"type":"string"}}}}})");
  return document.Text();
}

}  // namespace billsync::admin
