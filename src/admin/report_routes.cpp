#include "billsync/admin/report_routes.h"

#include <atomic>
#include <ostream>

#include "billsync/admin/gzip.h"
#include "billsync/base/json_writer.h"
#include "billsync/base/log.h"
#include "billsync/base/parse.h"
#include "billsync/billing/plan_map.h"
#include "billsync/report/export.h"

namespace billsync::admin {
namespace {

using report::ExportRequest;
using report::Format;

constexpr int64_t kUsualRows = 100, kMostRows = 1000;

// A request that cannot be answered, with what to say instead.
struct Refused {
  http::Response answer;
};

[[noreturn]] void Refuse(std::string_view code, const std::string& detail) {
  throw Refused{http::Problem(400, code, detail)};
}

std::optional<std::string> QueryText(const http::Request& request, std::string_view name) {
  const auto value = request.FindQuery(name);
  return value && !value->empty() ? std::optional(std::string(*value)) : std::nullopt;
}

std::optional<std::string> QueryUuid(const http::Request& request, std::string_view name) {
  auto id = QueryText(request, name);
  if (id && !IsUuid(*id)) Refuse("bad_" + std::string(name), std::string(name) + " must be a UUID.");
  return id;
}

report::PeriodRange QueryPeriod(const http::Request& request, Instant now) {
  const auto text = request.FindQuery("period");
  if (!text) return report::PeriodRange::Of(billing::Month::Of(now));
  const auto period = report::PeriodRange::Parse(*text);
  if (!period) Refuse("bad_period", "period must be a month such as 2026-10, or 2026-01..2026-10.");
  return *period;
}

// The request in report's words; throws Refused.
ExportRequest ReadRequest(report::Report wanted, const http::Request& request, Instant now) {
  ExportRequest out{.period = QueryPeriod(request, now)};
  out.filter.user_id = QueryUuid(request, "user");
  out.filter.team_id = QueryUuid(request, "team");
  out.filter.plan_tier = QueryText(request, "tier");
  if (out.filter.plan_tier && !billing::ParseTier(*out.filter.plan_tier)) {
    Refuse("bad_tier", "tier must be free, pro or enterprise.");
  }
  report::ReportItem item{wanted};
  if (const auto layout = QueryText(request, "layout")) {
    const auto known = report::ParseLayout(*layout);
    if (!known) Refuse("bad_layout", "layout must be breakdown, wide or long.");
    item.layout = *known;
  }
  if (const auto format = QueryText(request, "format")) {
    const auto known = report::ParseFormat(*format);
    if (!known) Refuse("bad_format", "format must be csv, jsonl, xlsx or focus.");
    item.format = *known;
  }
  if (const auto refusal = report::Refusal(item)) Refuse("no_such_report", *refusal + ".");
  out.items.push_back(item);
  return out;
}

// ── A page ─────────────────────────────────────────────────────────────────────────────────────────────────────────

int64_t QueryLimit(const http::Request& request) {
  const auto text = QueryText(request, "limit");
  if (!text) return kUsualRows;
  const auto limit = ParseInt<int64_t>(*text);
  if (!limit || *limit < 1 || *limit > kMostRows) {
    Refuse("bad_limit", "limit must be a whole number from 1 to 1000.");
  }
  return *limit;
}

http::Response AnswerPage(db::Pool& pool, const ExportRequest& wanted, const http::Request& request) {
  const int64_t limit = QueryLimit(request);
  const std::string after = QueryText(request, "after").value_or("");
  if (!after.empty() && !report::IsRowKey(wanted.items.front(), after)) {
    Refuse("bad_after", "after must be what `next` said on the page before.");
  }
  auto session = pool.Acquire();
  const auto page = report::ReadPage(*session, wanted, after, limit);
  JsonArray rows;
  for (const auto& row : page.rows) rows.AddRaw(row);
  const std::string as_of = FormatInstant(page.facts.as_of);
  JsonObject body;
  body.Add("report", report::Name(wanted.items.front().report)).Add("period", page.facts.period.Text());
  body.Add("period_state", page.facts.period_state).Add("as_of", as_of).AddRaw("rows", rows.Text());
  body.Add("next", page.next.empty() ? std::nullopt : std::optional(page.next));
  http::Response response{.content_type = "application/json", .body = body.Text()};
  response.headers.emplace_back("X-As-Of", as_of);
  CompressFor(request, response);
  return response;
}

// ── A file ─────────────────────────────────────────────────────────────────────────────────────────────────────────

std::string_view ContentType(Format format) {
  switch (format) {
    case Format::kCsv:
    case Format::kFocus:
      return "text/csv; charset=utf-8; header=present";
    case Format::kJsonLines:
      return "application/x-ndjson";
    case Format::kXlsx:
      return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
  }
  return "";
}

// One of the places for downloads, which hold a session and a worker for as long as the client takes.
class Place {
 public:
  explicit Place(std::shared_ptr<std::atomic<int>> taken) : taken_(std::move(taken)) {
    if (taken_->fetch_add(1) >= kMostStreams) {
      taken_->fetch_sub(1);
      http::Response busy = http::Problem(503, "too_many_exports",
                                          "As many exports as this process makes at a time are under way; try again.");
      busy.headers.emplace_back("Retry-After", "5");
      throw Refused{std::move(busy)};
    }
  }
  ~Place() { taken_->fetch_sub(1); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  const std::shared_ptr<std::atomic<int>> taken_;
};

// All that a download needs until it ends, in the order it is taken: a place, a session, the snapshot.
struct Download {
  Download(std::shared_ptr<std::atomic<int>> taken, db::Pool& pool, const ExportRequest& wanted)
      : place(std::move(taken)), session(pool.Acquire()), stream(*session, wanted) {}
  Place place;
  db::Pool::Lease session;
  report::ExportStream stream;
};

bool Matches(const http::Request& request, const std::string& tag) {
  for (const std::string_view value : request.AllHeaders("If-None-Match")) {
    if (Trim(value) == "*" || value.find(tag) != std::string_view::npos) return true;
  }
  return false;
}

http::Response AnswerFile(db::Pool& pool, const std::shared_ptr<std::atomic<int>>& taken, const ExportRequest& wanted,
                          const http::Request& request) {
  const report::ReportItem& item = wanted.items.front();
  auto download = std::make_shared<Download>(taken, pool, wanted);
  const bool gzip = item.format != Format::kXlsx && TakesGzip(request);
  http::Response response;
  response.headers.emplace_back("X-As-Of", FormatInstant(download->stream.facts().as_of));
  response.headers.emplace_back("X-Period-State", download->stream.facts().period_state);
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (std::string tag = download->stream.FixedTag(); !tag.empty()) {
    tag = '"' + tag + (gzip ? "-gzip" : "") + '"';  // a strong tag is of these bytes
    response.headers.emplace_back("ETag", tag);
    if (Matches(request, tag)) {
      response.status = 304;
      return response;
    }
  }
  response.content_type = ContentType(item.format);
  response.headers.emplace_back("Content-Disposition",
                                "attachment; filename=\"" + report::FileName(item, wanted.period) + '"');
  if (gzip) response.headers.emplace_back("Content-Encoding", "gzip");
  response.stream = [download, gzip](const http::ByteSink& sink) {
    SinkBuffer buffer(sink, gzip);
    std::ostream out(&buffer);
    download->stream.WriteTo(out, [](int64_t, int64_t) {});
    return buffer.Finish();
  };
  return response;
}

http::Response Answer(db::Pool& pool, const std::shared_ptr<std::atomic<int>>& taken, report::Report wanted,
                      const http::Request& request, Instant now) {
  try {
    const ExportRequest asked = ReadRequest(wanted, request, now);
    if (!QueryText(request, "format")) return AnswerPage(pool, asked, request);
    return AnswerFile(pool, taken, asked, request);
  } catch (Refused& refused) {
    return std::move(refused.answer);
  } catch (const std::invalid_argument& e) {
    return http::Problem(400, "no_such_report", std::string(e.what()) + ".");
  } catch (const db::Bug& e) {
    Log(LogLevel::kError, "a report failed", {{"error", e.what()}});
    return http::Problem(http::ProblemCode::kInternal);
  } catch (const db::Error& e) {
    Log(LogLevel::kWarning, "a report found no database", {{"error", e.what()}});
    return DatabaseAway();
  }
}

}  // namespace

std::vector<ReportRoute> ReportRoutes(db::Pool& pool, const Clock& clock) {
  std::vector<ReportRoute> routes;
  const auto taken = std::make_shared<std::atomic<int>>(0);
  for (const report::Report wanted : report::kAllReports) {
    routes.push_back(
        {"/api/v1/" + std::string(report::Name(wanted)), [&pool, clock, taken, wanted](const http::Request& request) {
           return Answer(pool, taken, wanted, request, clock());
         }});
  }
  return routes;
}

}  // namespace billsync::admin
