#include "billsync/admin/reading.h"
#include "billsync/base/parse.h"
#include "billsync/billing/event_reason.h"
#include "chart.h"
#include "pages.h"
#include "table.h"

namespace billsync::console {
namespace {

int64_t Count(const admin::Listing& listing, size_t row, const char* column) {
  return ParseInt<int64_t>(listing.At(row, column).value_or("0")).value_or(0);
}

int64_t Sum(const admin::Listing& listing, const char* column) {
  int64_t sum = 0;
  for (size_t row = 0; row < listing.rows.size(); ++row) sum += Count(listing, row, column);
  return sum;
}

// "0.5 s", "12 s", "3 min", "2 h".
std::string Duration(int64_t ms) {
  if (ms < 10'000) return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
  if (ms < 120'000) return std::to_string(ms / 1000) + " s";
  if (ms < 7'200'000) return std::to_string(ms / 60'000) + " min";
  return std::to_string(ms / 3'600'000) + " h";
}

// Cents of an exact text with two decimals.
int64_t Cents(const std::string& usd) {
  std::string digits = usd;
  std::erase(digits, '.');
  return ParseInt<int64_t>(digits).value_or(0);
}

std::string FromCents(int64_t cents) {
  const std::string sign = cents < 0 ? "-" : "";
  const int64_t size = cents < 0 ? -cents : cents;
  const std::string rest = std::to_string(size % 100);
  return sign + std::to_string(size / 100) + (rest.size() == 1 ? ".0" : ".") + rest;
}

Html Revenue(const admin::Overview& overview) {
  int64_t cents = 0;
  for (size_t row = 0; row < overview.revenue.rows.size(); ++row) {
    cents += Cents(overview.revenue.At(row, "mrr_usd").value_or("0.00"));
  }
  const auto currencies = overview.revenue.rows.size();
  const std::string below =
      currencies > 1 ? "in " + std::to_string(currencies) + " currencies, as US dollars" : "a month";
  return Figure("Recurring revenue", Usd(FromCents(cents)), below);
}

Html Waiting(const admin::Overview& overview) {
  int64_t parked = 0, dead = 0;
  for (const auto& [key, count] : overview.events.by_status_reason) {
    if (key.first == "parked") parked += count;
    if (key.first == "dead") dead += count;
  }
  const Html number = Link("/events?status=parked", Grouped(std::to_string(parked)));
  return Figure("Parked events", number, dead > 0 ? std::to_string(dead) + " dead" : "none dead",
                parked + dead > 0 ? "warn" : "good");
}

Html Figures(const admin::Overview& overview) {
  const int64_t active = Sum(overview.tiers, "active"), trial = Sum(overview.tiers, "trialing");
  const int64_t late = Sum(overview.tiers, "past_due");
  Html figures = Revenue(overview);
  figures += Figure("Active subscriptions", Grouped(std::to_string(active)),
                    std::to_string(trial) + " in trial, " + std::to_string(late) + " past due");
  figures += Figure("Near their quota", Link("#near-quota", Grouped(std::to_string(overview.near_quota_users))),
                    "users at 80 % or more", overview.near_quota_users > 0 ? "warn" : nullptr);
  figures += Figure("Apply lag", Duration(overview.events.oldest_due_s * 1000),
                    std::to_string(overview.events.due) + " events waiting",
                    overview.events.oldest_due_s > 5 ? "warn" : "good");
  figures += Figure("Usage lag", Duration(overview.rollup_lag_ms), "oldest run not yet counted",
                    overview.rollup_lag_ms > 5000 ? "warn" : "good");
  figures += Waiting(overview);
  return Tag("div", {{"class", "figures"}}, {figures});
}

Html NearQuota(const admin::Overview& overview) {
  std::vector<std::vector<Html>> rows;
  const auto& near = overview.near_quota;
  for (size_t row = 0; row < near.rows.size(); ++row) {
    const int64_t used = Count(near, row, "monthly_runs_used"), quota = Count(near, row, "monthly_runs_quota");
    rows.push_back({UserLink(near.At(row, "user_id").value_or(""), near.At(row, "email")),
                    Badge(near.At(row, "plan_tier").value_or("")), QuotaBar(used, quota),
                    Grouped(std::to_string(used)) + " / " + Grouped(std::to_string(quota)),
                    near.At(row, "quota_reset_date").value_or("")});
  }
  return Tag("div", {{"id", "near-quota"}},
             {PlainTable({"User", "Tier", "Share", "Runs", "Resets"}, rows, {false, false, false, true, false},
                         {.caption = "Users near their quota", .empty = "Nobody has used 80 % of a quota."})});
}

Html Unsettled(const admin::Overview& overview) {
  std::vector<std::vector<Html>> rows;
  for (const auto& [key, count] : overview.events.by_status_reason) {
    rows.push_back(
        {Badge(key.first), key.second,
         Link(Url("/events", {{"status", key.first}, {"reason", key.second}}), Grouped(std::to_string(count)))});
  }
  return PlainTable({"Status", "Reason", "Events"}, rows, {false, false, true},
                    {.caption = "Events that wait", .empty = "Every event is settled."});
}

Html FailingJobs(const admin::Overview& overview) {
  std::vector<std::vector<Html>> rows;
  for (const auto& job : overview.jobs) {
    rows.push_back({Link("/jobs/" + UrlEncoded(job.job), job.job), job.last_error ? Badge("failed") : Badge("ok"),
                    Moment(job.last_ok_at)});
  }
  return PlainTable({"Job", "State", "Last success"}, rows, {}, {.caption = "Jobs", .empty = "No job has run yet."});
}

}  // namespace

http::Response OverviewPage(const PageCall& call) {
  auto session = call.parts.pool->Acquire();
  const Instant now = call.parts.clock();
  const auto overview = admin::ReadOverview(*session, now);
  const std::string first = FormatInstant(now - std::chrono::hours(24 * 29)).substr(0, 10);
  const std::string last = FormatInstant(now).substr(0, 10);

  Html grid = Card("Cost by day and model",
                   ChartOf(ChartKind::kStackedBars, "cost-days", "Cost of runs by day and model, the last 30 days",
                           CostByDayTable("cost-days", overview.days, first, last)),
                   "wide");
  grid += Card("Revenue and cost",
               ChartOf(ChartKind::kBarAndLine, "months", "Revenue and cost by month, the last 12 months",
                       TableOf(overview.months, {.id = "months", .caption = "Revenue and cost by month"})));
  Html subscriptions =
      Card("Subscriptions by tier",
           TableOf(overview.tiers, {.caption = "Subscriptions by tier", .empty = "No subscription is running."}));
  subscriptions +=
      Card("Recurring revenue by currency",
           TableOf(overview.revenue, {.caption = "Recurring revenue", .empty = "No subscription is running."}));
  grid += Tag("div", {{"class", "column"}}, {subscriptions});
  grid += Card("Users near their quota", NearQuota(overview));
  grid += Card("Events that wait", Unsettled(overview));
  grid += Card("Jobs", FailingJobs(overview));
  Html body = Figures(overview);
  body += Tag("div", {{"class", "grid"}}, {grid});
  body += Tag("p", {{"class", "as-of"}}, {"As of ", Moment(FormatInstant(overview.as_of))});
  return Render(call, {.title = "Overview", .section = "overview", .body = body, .charts = true});
}

}  // namespace billsync::console
