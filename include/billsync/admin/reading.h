// What API and console show of the billing tables. Every function reads one snapshot and pages by key.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "billsync/admin/listing.h"
#include "billsync/apply/applier.h"
#include "billsync/billing/month.h"
#include "billsync/jobs/scheduler.h"
#include "billsync/usage/close.h"
#include "billsync/usage/quota_reset.h"

namespace billsync::admin {

// What somebody typed into a search field: an id tells itself by its prefix or shape, all else is the beginning of an
// e-mail address (or an invoice's number).
struct SearchText {
  std::optional<std::string> invoice{}, customer{}, subscription{}, user_id{}, text{};
  static SearchText Parse(const std::optional<std::string>& typed);
};

struct InvoiceFilter {
  SearchText search{};
  std::optional<std::string> status{};
  std::optional<billing::Month> period{};
};
Listing ListInvoices(db::Session& session, const InvoiceFilter& filter, const PageKey& page);

struct SubscriptionFilter {
  SearchText search{};
  std::optional<std::string> status{}, plan_tier{};
};
Listing ListSubscriptions(db::Session& session, const SubscriptionFilter& filter, const PageKey& page);

struct UserFilter {
  SearchText search{};
  std::optional<std::string> plan_tier{};
};
Listing ListUsers(db::Session& session, const UserFilter& filter, const PageKey& page);

// A user with all that is known of the account; the listings hold a bounded number of rows each, newest first.
struct UserPage {
  Listing user;  // one row
  usage::Entitlement entitlement;
  Listing customers, overrides, subscriptions, plan_changes, quota_resets, usage, invoices, adjustments, runs;
  std::string Json() const;
};
// None when no user has this id (a UUID).
std::optional<UserPage> FindUserPage(db::Session& session, const std::string& user_id, Instant now);

// A month of usage: totals as the usage report has them, by model, by day and model, and a page of its users.
struct UsageFilter {
  billing::Month period;
  std::optional<std::string> user{};   // as in a search field
  std::optional<std::string> model{};  // exactly
};
struct UsagePage {
  // Of a closed month what was kept when it was closed: the same as its reports.
  Listing totals, models, days, users;
  bool closed = false;
  // The days of a closed month are not kept (it was closed by an earlier release, and runs came later): they show its
  // runs as they are known today.
  bool days_as_known_today = false;
  std::string Json(const billing::Month& period) const;
};
UsagePage ReadUsage(db::Session& session, const UsageFilter& filter, const PageKey& page);
// Months with usage, newest first: "2026-10".
std::vector<std::string> UsageMonths(db::Session& session);

Listing ListPeriods(db::Session& session, const PageKey& page);
struct PeriodPage {
  Listing period;  // one row
  std::vector<usage::StepDone> steps;
  std::optional<usage::CloseRequest> request{};  // the newest over HTTP to close it
  std::optional<jobs::JobProgress> progress{};   // of the job that carries it out
  Listing adjustments;
  std::string Json() const;
};
// None for a month without usage and state.
std::optional<PeriodPage> FindPeriod(db::Session& session, const billing::Month& month, const PageKey& page);

Listing ListJobRuns(db::Session& session, const std::string& job, const PageKey& page);
// Seconds of the newest runs of each job, oldest first, as a listing of (job, seconds).
Listing JobTrends(db::Session& session);

Listing ListAudit(db::Session& session, const std::optional<std::string>& action, const PageKey& page);

// The state of the business and of the program at one moment.
struct Overview {
  Instant as_of;
  Listing revenue;     // recurring revenue by currency
  Listing tiers;       // subscriptions by tier
  Listing days;        // cost by day and model, the last 30 days
  Listing months;      // revenue and cost, the last 12 months
  Listing near_quota;  // at most 8 users, the nearest first
  int64_t near_quota_users = 0;
  apply::EventCounts events;
  int64_t rollup_lag_ms = 0;
  std::vector<jobs::JobState> jobs;
  std::string Json() const;
};
// Reads rollups and small tables: neither runs nor invoices.
Overview ReadOverview(db::Session& session, Instant now);

}  // namespace billsync::admin
