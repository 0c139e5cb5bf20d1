// One entry of the API's table: what serves a path and what openapi.json says of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "billsync/admin/api.h"
#include "billsync/admin/listing.h"

namespace billsync::admin {

// A parameter in the path or the query. `schema` is JSON schema, as is an answer's below.
struct ApiParam {
  std::string name, about;
  std::string schema = R"({"type":"string"})";
  bool in_path = false;
};

// What a handler is given.
struct ApiCall {
  const AdminParts& parts;
  const Identity& identity;
  const http::Request& request;
};

struct ApiRoute {
  std::string method, path;
  Role role = Role::kFinance;
  std::string summary;
  std::vector<ApiParam> params;
  int status = 200;  // of success
  std::string content = "application/json";
  std::string answer_schema;  // of success
  std::vector<int> problems;  // further statuses, all problem+json; 401 and 403 are everywhere
  std::function<http::Response(const ApiCall&)> handler;
};

std::vector<ApiRoute> EventRoutes();
std::vector<ApiRoute> BillingRoutes();
std::vector<ApiRoute> OperationRoutes();
// Without handlers: for openapi.json alone.
std::vector<ApiRoute> ReportDocs();

// Schema of {"<name>":[{columns…}],"next":…}, and of its array alone.
std::string PageSchema(const std::string& name, std::span<const Column> columns);
std::string ArraySchema(std::span<const Column> columns);
// {"type":"object","properties":{…}} of finished members: {"name", schema}.
std::string ObjectSchema(const std::vector<std::pair<std::string, std::string>>& members);

// limit and after.
std::vector<ApiParam> PagingParams(std::vector<ApiParam> first);
ApiParam PathParam(std::string name, std::string about);

http::Response JsonAnswer(std::string body, int status = 200);
http::Response Refusal(const BadQuestion& bad);
// {"done":true,"detail":…,"count":…} or a problem.
http::Response AnswerOf(const ActionResult& result);
Asker AskerOf(const ApiCall& call);

}  // namespace billsync::admin
