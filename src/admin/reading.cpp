#include "billsync/admin/reading.h"

#include <algorithm>

#include "admin/reading_sql.h"
#include "admin/usage_reading_sql.h"
#include "billsync/base/json_writer.h"
#include "billsync/base/parse.h"
#include "columns.h"
#include "job_json.h"
#include "search.h"

namespace billsync::admin {
namespace {

std::optional<Instant> StartOf(const std::optional<billing::Month>& month) {
  return month ? std::optional(month->Start()) : std::nullopt;
}

std::optional<Instant> EndOf(const std::optional<billing::Month>& month) {
  return month ? std::optional(month->End()) : std::nullopt;
}

std::string RequestJson(const usage::CloseRequest& request, const std::optional<jobs::JobProgress>& progress) {
  JsonObject json;
  json.Add("requested_by", request.requested_by).Add("requested_at", FormatInstant(request.requested_at));
  json.Add("finished_at", request.finished_at ? std::optional(FormatInstant(*request.finished_at)) : std::nullopt);
  json.Add("outcome", request.outcome).Add("detail", request.detail);
  return json.AddRaw("progress", ProgressJson(progress)).Text();
}

}  // namespace

SearchText SearchText::Parse(const std::optional<std::string>& typed) {
  SearchText search;
  const std::string text(Trim(typed.value_or("")));
  if (text.empty()) return search;
  if (text.starts_with("in_")) {
    search.invoice = text;
  } else if (text.starts_with("cus_")) {
    search.customer = text;
  } else if (text.starts_with("sub_")) {
    search.subscription = text;
  } else if (IsUuid(text)) {
    search.user_id = text;
  } else {
    search.text = text;
  }
  return search;
}

std::string AddressPrefix(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::string AfterPrefix(const std::string& prefix) {
  return prefix + "\xF4\x8F\xBF\xBF";
}

std::optional<std::vector<std::string>> UsersMeant(db::Transaction& tx, const SearchText& search) {
  if (search.user_id) return std::vector{*search.user_id};
  if (!search.text) return std::nullopt;
  std::vector<std::string> users;
  const std::string prefix = AddressPrefix(*search.text);
  for (const db::Row row : tx.Exec(sql::kFindUsersByEmail, db::Params::Of(prefix, AfterPrefix(prefix)))) {
    users.push_back(row.Text("id"));
  }
  return users;
}

Listing ListInvoices(db::Session& session, const InvoiceFilter& filter, const PageKey& page) {
  db::Transaction tx(session, {.read_only = true, .snapshot = true});
  const auto users = UsersMeant(tx, filter.search);
  const auto& search = filter.search;
  const auto rows =
      tx.Exec(sql::kListInvoices,
              db::Params::Of(filter.status, search.invoice, search.customer, search.subscription, users, search.text,
                             StartOf(filter.period), EndOf(filter.period), page.first, page.second, page.limit));
  tx.Commit();
  return MakePage(columns::kInvoices, rows, page.limit);
}

Listing ListSubscriptions(db::Session& session, const SubscriptionFilter& filter, const PageKey& page) {
  db::Transaction tx(session, {.read_only = true, .snapshot = true});
  const auto users = UsersMeant(tx, filter.search);
  const auto rows = tx.Exec(sql::kListSubscriptions,
                            db::Params::Of(filter.status, filter.plan_tier, filter.search.subscription,
                                           filter.search.customer, users, page.first, page.second, page.limit));
  tx.Commit();
  return MakePage(columns::kSubscriptions, rows, page.limit);
}

Listing ListUsers(db::Session& session, const UserFilter& filter, const PageKey& page) {
  std::optional<std::string> prefix, behind;
  if (filter.search.text) {
    prefix = AddressPrefix(*filter.search.text);
    behind = AfterPrefix(*prefix);
  }
  db::Transaction tx(session, {.read_only = true, .snapshot = true});
  const auto rows = tx.Exec(sql::kListUsers, db::Params::Of(prefix, behind, filter.search.user_id,
                                                            filter.search.customer, filter.search.subscription,
                                                            filter.plan_tier, page.first, page.second, page.limit));
  tx.Commit();
  return MakePage(columns::kUsers, rows, page.limit);
}

UsagePage ReadUsage(db::Session& session, const UsageFilter& filter, const PageKey& page) {
  db::Transaction tx(session, {.read_only = true, .snapshot = true});
  const auto users = UsersMeant(tx, SearchText::Parse(filter.user));
  const std::string month = filter.period.FirstDay();
  UsagePage out;
  {
    const auto state = tx.Exec(sql::kUsageState, db::Params::Of(month));
    out.closed = state.Only().Bool("closed");
    out.days_as_known_today = out.closed && !state.Only().Bool("days_kept");
  }
  out.totals = MakeListing(columns::kUsageTotals, tx.Exec(sql::kUsageTotals, db::Params::Of(month, users)));
  out.models =
      MakeListing(columns::kUsageModels, users ? tx.Exec(sql::kUsageByModelOfUsers, db::Params::Of(month, users))
                                               : tx.Exec(sql::kUsageByModel, db::Params::Of(month)));
  out.days = {.columns = columns::kUsageDays, .rows = {}};
  if (!users) {
    out.days =
        MakeListing(columns::kUsageDays,
                    tx.Exec(sql::kUsageByDay, db::Params::Of(month, filter.period.Next().FirstDay(), filter.model)));
  }
  auto params = db::Params::Of(month, users, page.first, page.second, page.limit);
  out.users = MakePage(
      columns::kUsageUsers,
      filter.model ? tx.Exec(sql::kListUsageOfModel, params.Add(*filter.model)) : tx.Exec(sql::kListUsage, params),
      page.limit);
  tx.Commit();
  return out;
}

std::string UsagePage::Json(const billing::Month& period) const {
  JsonObject json;
  json.Add("period", period.Text()).Add("period_state", closed ? "closed" : "open");
  json.Add("days_as_known_today", days_as_known_today);
  json.AddRaw("totals", totals.RowsJson()).AddRaw("models", models.RowsJson());
  json.AddRaw("days", days.RowsJson()).AddRaw("users", users.RowsJson());
  return json.Add("next", users.next).Text();
}

std::vector<std::string> UsageMonths(db::Session& session) {
  db::Transaction tx(session, {.read_only = true});
  std::vector<std::string> months;
  for (const db::Row row : tx.Exec(sql::kUsageMonths)) months.push_back(row.Text("period"));
  tx.Commit();
  return months;
}

Listing ListPeriods(db::Session& session, const PageKey& page) {
  db::Transaction tx(session, {.read_only = true});
  const auto before = page.first ? std::optional(*page.first + "-01") : std::nullopt;
  const auto rows = tx.Exec(sql::kListPeriods, db::Params::Of(before, nullptr, page.limit));
  tx.Commit();
  return MakePage(columns::kPeriods, rows, page.limit);
}

std::optional<PeriodPage> FindPeriod(db::Session& session, const billing::Month& month, const PageKey& page) {
  PeriodPage found;
  {
    db::Transaction tx(session, {.read_only = true, .snapshot = true});
    found.period =
        MakeListing(columns::kPeriods, tx.Exec(sql::kListPeriods, db::Params::Of(nullptr, month.FirstDay(), 1)));
    if (found.period.rows.empty()) return std::nullopt;
    const auto adjustments =
        tx.Exec(sql::kListAdjustmentsOfPeriod, db::Params::Of(month.FirstDay(), page.first, page.limit));
    found.adjustments = MakePage(columns::kAdjustments, adjustments, page.limit);
    tx.Commit();
  }
  found.steps = usage::ListSteps(session, month);
  found.request = usage::FindCloseRequest(session, month);
  if (found.request && !found.request->finished_at) {
    for (auto& job : jobs::ListJobs(session)) {
      if (job.job == "close") found.progress = std::move(job.progress);
    }
  }
  return found;
}

std::string PeriodPage::Json() const {
  JsonArray done;
  for (const auto& step : steps) {
    done.AddRaw(JsonObject()
                    .Add("step", step.step)
                    .Add("done_at", FormatInstant(step.done_at))
                    .Add("done_by", step.done_by)
                    .Add("detail", step.detail)
                    .Text());
  }
  return JsonObject()
      .AddRaw("period", period.RowsJson())
      .AddRaw("steps", done.Text())
      .AddRaw("close_request", request ? RequestJson(*request, progress) : "null")
      .AddRaw("adjustments", adjustments.RowsJson())
      .Add("next", adjustments.next)
      .Text();
}

Listing ListJobRuns(db::Session& session, const std::string& job, const PageKey& page) {
  db::Transaction tx(session, {.read_only = true});
  const auto rows = tx.Exec(sql::kListJobRuns, db::Params::Of(job, page.first, page.second, page.limit));
  tx.Commit();
  return MakePage(columns::kJobRuns, rows, page.limit);
}

Listing JobTrends(db::Session& session) {
  db::Transaction tx(session, {.read_only = true});
  const auto rows = tx.Exec(sql::kJobTrends);
  tx.Commit();
  return MakeListing(columns::kJobTrends, rows);
}

Listing ListAudit(db::Session& session, const std::optional<std::string>& action, const PageKey& page) {
  db::Transaction tx(session, {.read_only = true});
  const auto rows = tx.Exec(sql::kListAudit, db::Params::Of(action, page.first, page.limit));
  tx.Commit();
  return MakePage(columns::kAudit, rows, page.limit);
}

}  // namespace billsync::admin
