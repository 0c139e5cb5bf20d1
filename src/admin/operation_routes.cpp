#include <algorithm>

#include "api_route.h"
#include "billsync/admin/reading.h"
#include "billsync/base/json_writer.h"
#include "billsync/stripe/json.h"
#include "columns.h"
#include "job_json.h"

namespace billsync::admin {
namespace {

http::Response ListAllPeriods(const ApiCall& call) {
  const auto page = PageKey::Read(call.request, KeyShape::kMonth);
  if (!page) return Refusal(page.error());
  auto session = call.parts.pool->Acquire();
  return JsonAnswer(ListPeriods(*session, *page).Json("periods"));
}

http::Response ShowPeriod(const ApiCall& call) {
  const auto page = PageKey::Read(call.request, KeyShape::kNumber);
  if (!page) return Refusal(page.error());
  const auto month = billing::Month::Parse(call.request.GetPathParam("period"));
  if (!month) return http::Problem(400, "bad_period", "A period is a month such as 2026-10.");
  auto session = call.parts.pool->Acquire();
  const auto found = FindPeriod(*session, *month, *page);
  return found ? JsonAnswer(found->Json())
               : http::Problem(404, "period_not_found", "This month has neither usage nor a state.");
}

http::Response ClosePeriod(const ApiCall& call) {
  const auto month = billing::Month::Parse(call.request.GetPathParam("period"));
  if (!month) return http::Problem(400, "bad_period", "A period is a month such as 2026-10.");
  auto response = AnswerOf(call.parts.actions->Close(AskerOf(call), *month));
  if (response.status == 202) response.headers.emplace_back("Location", "/api/v1/periods/" + month->Text());
  return response;
}

// The wish in a body of {"user_id","origin","amount_usd","reason"}, all texts: a number would have been a double. None
// for anything else.
std::optional<AdjustmentWish> ReadWish(std::string_view body) {
  const auto document = stripe::JsonDocument::Parse(body);
  if (!document || !document->Root().IsObject()) return std::nullopt;
  AdjustmentWish wish;
  for (const auto& [name, value] : document->Root().Members()) {
    std::string* const place = name == "user_id"      ? &wish.user_id
                               : name == "origin"     ? &wish.origin
                               : name == "amount_usd" ? &wish.amount_usd
                               : name == "reason"     ? &wish.reason
                                                      : nullptr;
    if (place == nullptr || !value.Text()) return std::nullopt;
    *place = *value.Text();
  }
  return wish;
}

http::Response BookAdjustment(const ApiCall& call) {
  const auto text = [&](const char* name) { return QueryText(call.request, name).value_or(""); };
  AdjustmentWish wish{text("user_id"), text("origin"), text("amount_usd"), text("reason")};
  const bool json = call.request.FindHeader("Content-Type").value_or("").starts_with("application/json");
  if (json && !call.request.body.empty()) {
    auto told = ReadWish(call.request.body);
    if (!told) {
      return http::Problem(400, "bad_adjustment",
                           "The body must be a JSON object of texts: user_id, origin, amount_usd and reason.");
    }
    wish = std::move(*told);
  }
  return AnswerOf(call.parts.actions->Adjust(AskerOf(call), wish));
}

http::Response ListAllJobs(const ApiCall& call) {
  auto session = call.parts.pool->Acquire();
  return JsonAnswer(JsonObject().AddRaw("jobs", JobsJson(jobs::ListJobs(*session))).Text());
}

http::Response RunJob(const ApiCall& call) {
  const std::string& name = call.request.GetPathParam("name");
  const auto result = call.parts.actions->RunJob(AskerOf(call), name);
  if (!result.Done()) return AnswerOf(result);
  return JsonAnswer(JsonObject().Add("job", name).Add("due", true).Text(), 202);
}

http::Response ListRunsOfJob(const ApiCall& call) {
  const auto page = PageKey::Read(call.request, KeyShape::kTimeNumber);
  if (!page) return Refusal(page.error());
  const std::string& name = call.request.GetPathParam("name");
  auto session = call.parts.pool->Acquire();
  const auto runs = ListJobRuns(*session, name, *page);
  const auto jobs = jobs::ListJobs(*session);
  if (runs.rows.empty() && std::ranges::find(jobs, name, &jobs::JobState::job) == jobs.end()) {
    return http::Problem(404, "job_not_found", "No job has this name.");
  }
  return JsonAnswer(runs.Json("runs"));
}

http::Response ListAllAudit(const ApiCall& call) {
  const auto page = PageKey::Read(call.request, KeyShape::kNumber);
  if (!page) return Refusal(page.error());
  auto session = call.parts.pool->Acquire();
  return JsonAnswer(ListAudit(*session, QueryText(call.request, "action"), *page).Json("audit"));
}

http::Response ShowMetrics(const ApiCall& call) {
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = MetricsPage(call.parts.metrics)};
}

const std::string kText = R"({"type":["string","null"]})";
const std::string kTime = R"({"type":["string","null"],"format":"date-time"})";
const std::string kFlag = R"({"type":"boolean"})";
const std::string kNumber = R"({"type":["integer","null"]})";

std::string ArrayOf(const std::string& schema) {
  return R"({"type":"array","items":)" + schema + "}";
}

// Or null: not running, or nothing told yet.
std::string ProgressSchema() {
  return R"({"type":["object","null"],"properties":)" +
         JsonObject()
             .AddRaw("what", kText)
             .AddRaw("done", kNumber)
             .AddRaw("total", kNumber)
             .AddRaw("seconds_left", kNumber)
             .AddRaw("text", kText)
             .Text() +
         "}";
}

std::string JobsSchema() {
  return ObjectSchema({{"jobs", ArrayOf(ObjectSchema({{"job", kText},
                                                      {"next_due_at", kTime},
                                                      {"lease_owner", kText},
                                                      {"last_started_at", kTime},
                                                      {"last_finished_at", kTime},
                                                      {"last_ok_at", kTime},
                                                      {"last_seconds", kText},
                                                      {"last_rows", kNumber},
                                                      {"last_error", kText},
                                                      {"running", kFlag},
                                                      {"progress", ProgressSchema()}}))}});
}

std::string PeriodSchema() {
  const auto steps =
      ArrayOf(ObjectSchema({{"step", kText}, {"done_at", kTime}, {"done_by", kText}, {"detail", kText}}));
  return ObjectSchema({{"period", ArraySchema(columns::kPeriods)},
                       {"steps", steps},
                       {"close_request", R"({"type":["object","null"],"properties":)" +
                                             JsonObject()
                                                 .AddRaw("requested_by", kText)
                                                 .AddRaw("requested_at", kTime)
                                                 .AddRaw("finished_at", kTime)
                                                 .AddRaw("outcome", kText)
                                                 .AddRaw("detail", kText)
                                                 .AddRaw("progress", ProgressSchema())
                                                 .Text() +
                                             "}"},
                       {"adjustments", ArraySchema(columns::kAdjustments)},
                       {"next", kText}});
}

std::string DoneSchema() {
  return ObjectSchema({{"done", kFlag}, {"detail", kText}, {"count", kNumber}});
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

ApiRoute Act(std::string path, std::string summary, std::vector<ApiParam> params, int status, std::string schema,
             std::vector<int> problems, std::function<http::Response(const ApiCall&)> handler) {
  auto route = Read(std::move(path), std::move(summary), std::move(params), std::move(schema), std::move(problems),
                    std::move(handler));
  route.method = "POST";
  route.role = Role::kOps;
  route.status = status;
  return route;
}

}  // namespace

std::vector<ApiRoute> OperationRoutes() {
  const ApiParam period = PathParam("period", "A month, YYYY-MM"), job = PathParam("name", "A job's name");
  auto metrics = Read("/metrics", "Prometheus metrics", {}, R"({"type":"string"})", {}, ShowMetrics);
  metrics.content = "text/plain";
  return {
      std::move(metrics),
      Read("/api/v1/periods", "Months with usage or a state, newest first", PagingParams({}),
           PageSchema("periods", columns::kPeriods), {400}, ListAllPeriods),
      Read("/api/v1/periods/{period}",
           "A month: totals, hash, steps of its close, who asked for it, a page of its adjustments",
           PagingParams({period}), PeriodSchema(), {400, 404}, ShowPeriod),
      Act("/api/v1/periods/{period}/close",
          "Have the job close verify and close a month for good; see close_request of the period for what comes of it",
          {period}, 202, DoneSchema(), {400, 409}, ClosePeriod),
      Act("/api/v1/adjustments", "Book a signed amount for a user's closed month, in the present month",
          {{"user_id", "users.id; these four may also be a JSON object of texts in the body"},
           {"origin", "The closed month, YYYY-MM"},
           {"amount_usd", "Dollars and cents, such as -12.50"},
           {"reason", "Why, for finance"}},
          201, DoneSchema(), {400, 409}, BookAdjustment),
      Read("/api/v1/jobs", "Scheduled jobs", {}, JobsSchema(), {}, ListAllJobs),
      Read("/api/v1/jobs/{name}/runs", "Runs of a job, newest first", PagingParams({job}),
           PageSchema("runs", columns::kJobRuns), {400, 404}, ListRunsOfJob),
      Act("/api/v1/jobs/{name}/run", "Make a job due now", {job}, 202, ObjectSchema({{"job", kText}, {"due", kFlag}}),
          {404}, RunJob),
      Read("/api/v1/audit", "What people did, newest first",
           PagingParams({{"action", "retry, run, close, adjust, export …"}}), PageSchema("audit", columns::kAudit),
           {400}, ListAllAudit),
  };
}

}  // namespace billsync::admin
