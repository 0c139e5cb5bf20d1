#include "admin/overview_sql.h"
#include "admin/usage_reading_sql.h"
#include "billsync/admin/reading.h"
#include "billsync/base/json_writer.h"
#include "billsync/usage/rollup.h"
#include "columns.h"
#include "job_json.h"

namespace billsync::admin {
namespace {

billing::Month MonthsBefore(billing::Month month, int months) {
  for (; months > 0; --months) month = month.Previous();
  return month;
}

std::string EventCountsJson(const apply::EventCounts& events) {
  JsonArray unsettled;
  for (const auto& [key, count] : events.by_status_reason) {
    unsettled.AddRaw(JsonObject().Add("status", key.first).Add("reason", key.second).Add("events", count).Text());
  }
  return unsettled.Text();
}

}  // namespace

Overview ReadOverview(db::Session& session, Instant now) {
  Overview out;
  out.as_of = now;
  const auto month = billing::Month::Of(now);
  const std::string from = FormatInstant(now - std::chrono::hours(24 * 29)).substr(0, 10);
  const std::string until = FormatInstant(now + std::chrono::hours(24)).substr(0, 10);
  {
    db::Transaction tx(session, {.read_only = true, .snapshot = true});
    out.revenue = MakeListing(columns::kRevenue, tx.Exec(sql::kRecurringRevenue));
    out.tiers = MakeListing(columns::kTiers, tx.Exec(sql::kSubscriptionsByTier));
    out.months = MakeListing(
        columns::kMonths,
        tx.Exec(sql::kRevenueAndCost, db::Params::Of(MonthsBefore(month, 11).FirstDay(), month.FirstDay())));
    out.days = MakeListing(columns::kUsageDays, tx.Exec(sql::kUsageByDay, db::Params::Of(from, until, nullptr)));
    const auto near = tx.Exec(sql::kNearQuota);
    out.near_quota = MakeListing(columns::kNearQuota, near);
    out.near_quota_users = near.empty() ? 0 : near[0].Int("all_users");
    tx.Commit();
  }
  out.events = apply::CountEvents(session);
  out.rollup_lag_ms = usage::RollupLag(session).count();
  out.jobs = jobs::ListJobs(session);
  return out;
}

std::string Overview::Json() const {
  JsonObject json;
  json.Add("as_of", FormatInstant(as_of)).AddRaw("revenue", revenue.RowsJson()).AddRaw("tiers", tiers.RowsJson());
  json.AddRaw("days", days.RowsJson()).AddRaw("months", months.RowsJson());
  json.AddRaw("near_quota", near_quota.RowsJson()).Add("near_quota_users", near_quota_users);
  json.AddRaw("events", EventCountsJson(events)).Add("apply_backlog", events.due);
  json.Add("apply_lag_s", events.oldest_due_s).Add("rollup_lag_ms", rollup_lag_ms);
  return json.AddRaw("jobs", JobsJson(jobs)).Text();
}

}  // namespace billsync::admin
