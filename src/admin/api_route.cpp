#include "api_route.h"

#include "billsync/base/json_writer.h"

namespace billsync::admin {
namespace {

std::string TypeOf(Kind kind) {
  switch (kind) {
    case Kind::kInteger:
      return R"(["integer","null"])";
    case Kind::kFlag:
      return R"(["boolean","null"])";
    case Kind::kText:
    case Kind::kUser:
    case Kind::kEmail:
    case Kind::kEvent:
    case Kind::kObject:
    case Kind::kDecimal:
    case Kind::kUsd:
    case Kind::kTime:
    case Kind::kDay:
    case Kind::kMonth:
    case Kind::kStatus:
      return R"(["string","null"])";
  }
  return "{}";
}

}  // namespace

std::string ObjectSchema(const std::vector<std::pair<std::string, std::string>>& members) {
  JsonObject properties;
  for (const auto& [name, schema] : members) properties.AddRaw(name, schema);
  return JsonObject().Add("type", "object").AddRaw("properties", properties.Text()).Text();
}

std::string ArraySchema(std::span<const Column> columns) {
  std::vector<std::pair<std::string, std::string>> members;
  for (const Column& column : columns) {
    JsonObject schema;
    schema.AddRaw("type", TypeOf(column.kind)).Add("description", column.about);
    if (column.kind == Kind::kTime) schema.Add("format", "date-time");
    members.emplace_back(column.name, schema.Text());
  }
  return JsonObject().Add("type", "array").AddRaw("items", ObjectSchema(members)).Text();
}

std::string PageSchema(const std::string& name, std::span<const Column> columns) {
  return ObjectSchema(
      {{name, ArraySchema(columns)},
       {"next", R"({"type":["string","null"],"description":"?after= of the next page; null on the last"})"}});
}

std::vector<ApiParam> PagingParams(std::vector<ApiParam> first) {
  first.push_back({"limit", "Rows of a page", R"({"type":"integer","minimum":1,"maximum":1000,"default":50})"});
  first.push_back({"after", "`next` of the page before"});
  return first;
}

ApiParam PathParam(std::string name, std::string about) {
  return {.name = std::move(name), .about = std::move(about), .in_path = true};
}

http::Response JsonAnswer(std::string body, int status) {
  return {.status = status, .content_type = "application/json", .body = std::move(body)};
}

http::Response Refusal(const BadQuestion& bad) {
  return http::Problem(400, bad.code, bad.detail);
}

http::Response AnswerOf(const ActionResult& result) {
  if (!result.Done()) return http::Problem(result.status, result.code, result.detail);
  return JsonAnswer(JsonObject().Add("done", true).Add("detail", result.detail).Add("count", result.count).Text(),
                    result.status);
}

Asker AskerOf(const ApiCall& call) {
  return {call.identity, call.request.remote_addr};
}

}  // namespace billsync::admin
