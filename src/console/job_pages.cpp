#include <algorithm>
#include <map>

#include "billsync/admin/reading.h"
#include "chart.h"
#include "pages.h"
#include "table.h"

namespace billsync::console {
namespace {

Html StateOf(const jobs::JobState& job) {
  if (job.lease_owner) return Badge("running");
  return job.last_error ? Badge("failed") : job.last_ok_at ? Badge("ok") : Badge("waiting");
}

std::map<std::string, std::vector<std::string>> Trends(db::Session& session) {
  const auto listing = admin::JobTrends(session);
  std::map<std::string, std::vector<std::string>> trends;
  for (size_t row = 0; row < listing.rows.size(); ++row) {
    trends[listing.At(row, "job").value_or("")].push_back(listing.At(row, "seconds").value_or("0"));
  }
  return trends;
}

Html RunForm(const PageCall& call, const std::string& job) {
  if (!call.IsOps()) return {};
  return PostForm(call, "/jobs/" + UrlEncoded(job) + "/run", {Button("Run now")});
}

// The cells that app.js keeps up to date are named by data-job-cell.
Html Row(const PageCall& call, const jobs::JobState& job, const std::vector<std::string>& trend) {
  const auto cell = [](const char* name, const Html& content, const char* css_class = nullptr) {
    return Tag("td",
               {{"data-job-cell", name},
                {"class", css_class == nullptr ? std::nullopt : std::optional<std::string>(css_class)}},
               {content});
  };
  Html row = Tag("td", {Link("/jobs/" + UrlEncoded(job.job), job.job)});
  row += cell("state", StateOf(job));
  row += cell("progress", job.progress ? job.progress->Text() : "", "progress");
  row += cell("next", Moment(job.next_due_at));
  row += cell("last", Moment(job.last_finished_at));
  row += cell("seconds", job.last_seconds ? *job.last_seconds + " s" : "", "num");
  row += cell("rows", job.last_rows ? Grouped(std::to_string(*job.last_rows)) : "", "num");
  row += Tag("td", {Sparkline(trend, "Seconds of the last runs of " + job.job)});
  row += cell("error", job.last_error.value_or(""), "wrap");
  row += Tag("td", {RunForm(call, job.job)});
  return Tag("tr", {{"data-job", job.job}}, {row});
}

}  // namespace

http::Response JobsPage(const PageCall& call) {
  auto session = call.parts.pool->Acquire();
  const auto list = jobs::ListJobs(*session);
  auto trends = Trends(*session);
  Html heads, rows;
  for (const char* head : {"Job", "State", "Progress", "Next", "Last", "Took", "Rows", "Trend", "Error", ""}) {
    const std::string_view name = head;
    heads += Tag("th",
                 {{"scope", "col"},
                  {"class", name == "Took" || name == "Rows" ? std::optional<std::string>("num") : std::nullopt}},
                 {head});
  }
  for (const auto& job : list) rows += Row(call, job, trends[job.job]);
  Html body = Tag("p", {{"class", "lead"}},
                  {"Each job runs once, however many processes share the database. A scheduled "
                   "run that finds nothing to do leaves no trace in the trend."});
  body += list.empty()
              ? Tag("p", {{"class", "empty"}}, {"No job has run yet; billsync serve runs them."})
              : Tag("div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", "Jobs"}},
                    {Tag("table", {{"data-live", "/api/v1/jobs"}},
                         {Tag("thead", {Tag("tr", {heads})}), Tag("tbody", {rows})})});
  return Render(call, {.title = "Jobs", .section = "jobs", .body = body});
}

http::Response JobPage(const PageCall& call) {
  const std::string& name = call.request.GetPathParam("name");
  const auto page = admin::PageKey::Read(call.request, admin::KeyShape::kTimeNumber);
  if (!page) return FaultPage(call, 400, page.error().detail);
  auto session = call.parts.pool->Acquire();
  const auto runs = admin::ListJobRuns(*session, name, *page);
  const auto all = jobs::ListJobs(*session);
  const auto state = std::ranges::find(all, name, &jobs::JobState::job);
  if (state == all.end()) return FaultPage(call, 404, "No job has this name.");
  auto trends = Trends(*session);
  Html facts = Facts({{"State", StateOf(*state)},
                      {"Progress", state->progress ? state->progress->Text() : "–"},
                      {"Next", Moment(state->next_due_at)},
                      {"Last", Moment(state->last_finished_at)},
                      {"Last success", Moment(state->last_ok_at)},
                      {"Trend", Sparkline(trends[name], "Seconds of the last runs")},
                      {"Error", state->last_error.value_or("none")}});
  facts += RunForm(call, name);
  Html table = TableOf(runs, {.caption = "Runs", .empty = "No run did anything yet.", .hidden = {"job", "id"}});
  table += Pager(call, runs.next);
  return Render(call, {.title = "Job " + name,
                       .section = "jobs",
                       .body = Tag("div", {{"class", "grid"}}, {Card("State", facts), Card("Runs", table, "wide")})});
}

http::Response PostRunJob(const PageCall& call) {
  const auto result = call.parts.actions->RunJob(call.Asker(), call.request.GetPathParam("name"));
  if (!result.Done()) return FaultPage(call, result.status, result.detail);
  return RedirectTo(Url("/jobs", {{"notice", "due"}}));
}

}  // namespace billsync::console
