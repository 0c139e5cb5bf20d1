#include "billsync/usage/quota_reset.h"

#include "usage/quota_reset_sql.h"

namespace billsync::usage {
namespace {

// Of users, which are some hundred rows: few enough that nobody who needs one of them waits long.
constexpr int kPagesPerTransaction = 8;

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
  std::optional<int64_t> next_page;  // none: the end was reached
  int64_t pages = 0, resets = 0;
};

Batch ResetBatch(db::Session& session, const std::optional<std::string>& as_of, int64_t page,
                 const QuotaResetBatch& on_batch) {
  db::Transaction tx(session, {.statement_timeout = std::chrono::minutes(10)});
  const auto params = db::Params::Of(as_of, page, kPagesPerTransaction);
  if (!on_batch) {
    const auto rows = tx.Exec(sql::kResetQuotaBatch, params);
    tx.Commit();
    return {rows.Only().OptInt("next_page"), rows.Only().Int("pages"), rows.Only().Int("resets")};
  }
  const auto rows = tx.Exec(sql::kResetQuotaBatchListed, params);
  tx.Commit();
  const Batch batch{rows[0].OptInt("next_page"), rows[0].Int("pages"), rows[0].IsNull("user_id") ? 0 : rows.size()};
  if (batch.resets > 0) on_batch(ReadResets(rows));
  return batch;
}

}  // namespace

int64_t ResetQuotas(db::Session& session, const std::optional<std::string>& as_of, const QuotaResetBatch& on_batch,
                    const Progress& progress) {
  int64_t resets = 0, before_this_pass = 0, passes = 0;
  for (int64_t page = 0;;) {
    const Batch batch = ResetBatch(session, as_of, page, on_batch);
    resets += batch.resets;
    // The second pass only looks for those whom the first has missed.
    progress("pages of users", passes == 0 ? batch.next_page.value_or(batch.pages) : batch.pages, batch.pages);
    // Rows may have moved to pages that were looked at already: until a whole pass finds nobody.
    if (!batch.next_page && resets == before_this_pass) return resets;
    if (!batch.next_page) {
      before_this_pass = resets;
      ++passes;
    }
    page = batch.next_page.value_or(0);
  }
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
