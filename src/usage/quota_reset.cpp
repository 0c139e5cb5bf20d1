#include "billsync/usage/quota_reset.h"

#include <algorithm>

#include "usage/quota_reset_sql.h"

namespace billsync::usage {
namespace {

// Of users, all of whom are due, which are some hundred rows: few enough that nobody who needs one of them waits long.
constexpr int kPagesPerTransaction = 8;
// Of ranges of ids, of which others have done those before the one that is reset.
constexpr int64_t kRangesPerTransaction = 64;

std::vector<QuotaReset> ReadResets(const db::Result& rows) {
  std::vector<QuotaReset> resets;
  for (const db::Row row : rows) {
    resets.push_back({row.Text("user_id"), row.Text("email"), row.Text("period_start"),
                      row.OptInt("previous_used").value_or(0), row.Int("used"), row.OptText("previous_reset_date"),
                      row.Text("next_reset_date"), row.Int("months")});
  }
  return resets;
}

struct Batch {
  std::optional<int64_t> next;  // of pages: the one to go on with, none at the end; of ranges: how many are done
  int64_t pages = 0, resets = 0;
};

Batch ResetBatch(db::Session& session, const db::Query& query, const db::Params& params,
                 const QuotaResetBatch& on_batch) {
  db::Transaction tx(session, {.statement_timeout = std::chrono::minutes(10)});
  const auto rows = tx.Exec(query, params);
  tx.Commit();
  Batch batch{.next = rows[0].OptInt("next"), .pages = rows[0].OptInt("pages").value_or(0)};
  if (rows[0].IsNull("user_id")) return batch;
  batch.resets = rows.size();
  if (on_batch) on_batch(ReadResets(rows));
  return batch;
}

// Most of the users who are due, where they are many; see billing_reset_quota_ranges() in migration 0024.
int64_t ResetRanges(db::Session& session, const std::optional<std::string>& as_of, const QuotaResetBatch& on_batch,
                    const Progress& progress) {
  std::vector<std::string> bounds;
  {
    db::Transaction tx(session, {.read_only = true});
    for (const db::Row row : tx.Exec(sql::kSampleOfDueUsers, db::Params::Of(as_of))) bounds.push_back(row.Text("id"));
    tx.Commit();
  }
  const int64_t ranges = std::ssize(bounds) - 1;
  int64_t resets = 0;
  for (int64_t done = 0; done < ranges;) {
    const auto from = bounds.begin() + done;
    const std::vector<std::string> some(from, from + std::min(ranges - done, kRangesPerTransaction) + 1);
    const Batch batch = ResetBatch(session, sql::kResetQuotaRange, db::Params::Of(as_of, some), on_batch);
    resets += batch.resets;
    done += batch.next.value();
    progress("ranges of users", done, ranges);
  }
  return resets;
}

// The batches do not: this commit takes them all with it.
void WaitForDisk(db::Session& session) {
  db::Transaction tx(session, {.durable = true});
  tx.Exec(sql::kWriteSomething);
  tx.Commit();
}

}  // namespace

int64_t ResetQuotas(db::Session& session, const std::optional<std::string>& as_of, const QuotaResetBatch& on_batch,
                    const Progress& progress) {
  int64_t resets = ResetRanges(session, as_of, on_batch, progress), before_this_pass = resets, passes = 0;
  for (int64_t page = 0;;) {
    const auto params = db::Params::Of(as_of, page, kPagesPerTransaction);
    const Batch batch = ResetBatch(session, sql::kResetQuotaPages, params, on_batch);
    resets += batch.resets;
    // The second pass only looks for those whom the first has missed.
    progress("pages of users", passes == 0 ? batch.next.value_or(batch.pages) : batch.pages, batch.pages);
    // Rows may have moved to pages that were looked at already: until a whole pass finds nobody.
    if (!batch.next && resets == before_this_pass) break;
    if (!batch.next) {
      before_this_pass = resets;
      ++passes;
    }
    page = batch.next.value_or(0);
  }
  if (resets > 0) WaitForDisk(session);
  return resets;
}

std::vector<QuotaReset> QuotasDue(db::Session& session, const std::string& as_of) {
  db::Transaction tx(session, {.read_only = true});
  auto due = ReadResets(tx.Exec(sql::kQuotasDue, db::Params::Of(as_of)));
  tx.Commit();
  return due;
}

Entitlement::Decision Entitlement::Decide() const {
  if (!quota) return Decision::kAllow;
  const int64_t taken = used + reserved + 1;
  if (taken > *quota) return Decision::kDeny;
  return taken * 100 >= *quota * 80 ? Decision::kWarn : Decision::kAllow;
}

std::string_view Name(Entitlement::Decision decision) {
  switch (decision) {
    case Entitlement::Decision::kAllow:
      return "allow";
    case Entitlement::Decision::kWarn:
      return "warn";
    case Entitlement::Decision::kDeny:
      return "deny";
  }
  return "";
}

std::optional<Entitlement> FindEntitlement(db::Session& session, const std::string& user_id, Instant now) {
  db::Transaction tx(session, {.read_only = true});
  const auto rows = tx.Exec(sql::kFindEntitlement, db::Params::Of(user_id, FormatInstant(now).substr(0, 10)));
  std::optional<Entitlement> found;
  if (!rows.empty()) {
    const db::Row row = rows.Only();
    found = Entitlement{.user_id = row.Text("user_id"),
                        .plan_tier = row.OptText("plan_tier").value_or(""),
                        .quota = row.OptInt("quota"),
                        .used = row.Int("used"),
                        .reserved = row.Int("reserved"),
                        .reset_date = row.OptText("reset_date")};
  }
  tx.Commit();
  return found;
}

}  // namespace billsync::usage
