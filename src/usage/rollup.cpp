#include "billsync/usage/rollup.h"

#include <algorithm>
#include <future>

#include "rollup_steps.h"
#include "usage/rollup_sql.h"

namespace billsync::usage {
namespace {

// Deltas of one transaction: enough to be cheap, few enough that the pairs they touch are a small parameter.
constexpr int64_t kDeltasPerTransaction = 20'000;
// Of one month in a recomputation, which may not end half way.
constexpr int64_t kAllDeltas = 2'000'000'000;

constexpr db::TransactionOptions kLong{.statement_timeout = std::chrono::minutes(30)};

// Users and months, as two array parameters.
struct Pairs {
  std::vector<std::string> users, months;
};

int64_t Publish(db::Transaction& tx, const Pairs& pairs, const std::string& take_over_from) {
  if (pairs.users.empty()) return 0;
  return tx.Exec(sql::kPublishPairs, db::Params::Of(pairs.users, pairs.months, take_over_from)).affected();
}

std::optional<std::string> FirstDay(const std::optional<billing::Month>& month) {
  return month ? std::optional(month->FirstDay()) : std::nullopt;
}

struct Drained {
  Pairs touched;
  std::vector<std::string> held;  // users whose rows somebody holds: their deltas are still there
  int64_t seen = 0;               // deltas looked at
};

Drained DrainDeltas(db::Transaction& tx, int64_t limit, const std::optional<billing::Month>& only,
                    const std::vector<std::string>& pass_over = {}) {
  Drained drained;
  for (const db::Row row : tx.Exec(sql::kDrainDeltas, db::Params::Of(limit, FirstDay(only), pass_over))) {
    drained.seen = row.Int("seen");
    if (auto month = row.OptText("month")) {
      drained.touched.users.push_back(row.Text("user_id"));
      drained.touched.months.push_back(std::move(*month));
    } else {
      drained.held.push_back(row.Text("user_id"));
    }
  }
  return drained;
}

int64_t BookLateDeltas(db::Transaction& tx, Instant now) {
  return tx.Exec(sql::kBookLateDeltas, db::Params::Of(billing::Month::Of(now).FirstDay())).Only().Int("adjustments");
}

Pairs TouchedPairs(db::Transaction& tx, const billing::Month& month) {
  Pairs pairs;
  for (const db::Row row : tx.Exec(sql::kTouchedPairs, db::Params::Of(month.FirstDay()))) {
    pairs.users.push_back(row.Text("user_id"));
  }
  pairs.months.assign(pairs.users.size(), month.FirstDay());
  return pairs;
}

int64_t PublishMonth(db::Transaction& tx, const billing::Month& month, const std::string& take_over_from) {
  return tx.Exec(sql::kPublishMonth, db::Params::Of(month.FirstDay(), take_over_from)).affected();
}

std::string TakeOverFrom(Instant now) {
  return OpenMonths(now).front().FirstDay();
}

db::Params Of(const billing::Month& month, const UserRange& users) {
  return db::Params::Of(month.FirstDay(), users.from, users.to);
}

// Returns how many pairs of user and model had more recorded than their runs say.
int64_t RecordDrift(db::Transaction& tx, const billing::Month& month, const UserRange& users) {
  return tx.Exec(sql::kRecordDrift, Of(month, users)).Only().Int("decreases");
}

bool AnyDrift(const db::ConnectOptions& options, const billing::Month& month, const UserRange& users) {
  db::Session session(options);
  db::Transaction tx(session, {.read_only = true, .statement_timeout = kLong.statement_timeout});
  PlanForOnePass(tx);
  const bool any = tx.Exec(sql::kAnyDrift, Of(month, users)).Only().Bool("drifted");
  tx.Commit();
  return any;
}

// RecordDrift of all users. Usually there is no drift, and to see that another session helps: it sees nothing of what
// `tx` has drained, and comes to the same, because draining moves no difference.
int64_t RecordDriftOfAll(db::Transaction& tx, const db::ConnectOptions& options, const billing::Month& month) {
  if (!tx.Exec(sql::kAnythingRecorded, db::Params::Of(month.FirstDay())).Only().Bool("recorded")) {
    return RecordDrift(tx, month, kAllUsers);
  }
  auto upper = std::async(std::launch::async, AnyDrift, options, month, kUpperUsers);
  int64_t decreases = RecordDrift(tx, month, kLowerUsers);
  if (upper.get()) decreases += RecordDrift(tx, month, kUpperUsers);
  return decreases;
}

struct Recomputed {
  int64_t changed = 0;
  int64_t decreases = 0;  // pairs of user and model of which more was recorded than the runs say
};

// Drains the month, records what its runs say and is not recorded, and publishes the whole month, and its days.
Recomputed Recompute(db::Transaction& tx, const db::ConnectOptions& options, const billing::Month& month, Instant now,
                     const std::string& take_over_from) {
  const auto first_day = db::Params::Of(month.FirstDay());
  PlanForOnePass(tx);
  DrainDeltas(tx, kAllDeltas, month);
  Recomputed result{.decreases = RecordDriftOfAll(tx, options, month)};
  result.changed = BookLateDeltas(tx, now);
  if (!DaysAreEven(tx, month)) tx.Exec(sql::kRecomputeDays, first_day);
  result.changed += PublishMonth(tx, month, take_over_from);
  return result;
}

FillState ReadFillState(db::Transaction& tx) {
  const auto rows = tx.Exec(sql::kFillState);
  const auto from = rows.Only().OptText("filled_from");
  return {.done = rows.Only().Bool("done"), .filled_from = from ? billing::Month::Parse(*from) : std::nullopt};
}

void TellFill(const std::vector<billing::Month>& months, const FillState& state, const Progress& progress) {
  const auto filled = std::ranges::count_if(
      months, [&](const auto& month) { return state.filled_from && month >= *state.filled_from; });
  progress("months of history", filled, static_cast<int64_t>(months.size()));
}

// Before the months are listed: what is stamped belongs to one of them.
void PrepareFill(db::Session& session) {
  db::Transaction tx(session, kLong);
  tx.Exec(sql::kStampUndatedRuns);
  tx.Exec(sql::kForgetRestoredRuns);
  tx.Commit();
}

}  // namespace

void LockRollup(db::Transaction& tx) {
  tx.Exec(sql::kLockRollup);
}

void PlanForOnePass(db::Transaction& tx) {
  tx.Exec(sql::kPlanForOnePass);
}

bool DaysAreEven(db::Transaction& tx, const billing::Month& month) {
  return tx.Exec(sql::kDaysAreEven, db::Params::Of(month.FirstDay())).Only().Bool("even");
}

int64_t BringUpToDate(db::Transaction& tx, const billing::Month& month, Instant now) {
  return Publish(tx, DrainDeltas(tx, kAllDeltas, month).touched, TakeOverFrom(now));
}

int64_t Rollup(db::Session& session, Instant now, const std::optional<billing::Month>& only, const Progress& progress) {
  int64_t changed = 0, done = 0, total = 0;
  std::vector<std::string> held;
  for (bool more = true; more;) {
    db::Transaction tx(session, kLong);
    LockRollup(tx);
    const Drained drained = DrainDeltas(tx, kDeltasPerTransaction, only, held);
    held.insert(held.end(), drained.held.begin(), drained.held.end());
    more = drained.seen == kDeltasPerTransaction;
    changed += Publish(tx, drained.touched, TakeOverFrom(now));
    if (!more) changed += BookLateDeltas(tx, now);
    done += drained.seen;
    // Counted once: what comes in meanwhile is as likely to be drained as to wait.
    if (more && total == 0)
      total = done + tx.Exec(sql::kCountDeltas, db::Params::Of(FirstDay(only))).Only().Int("deltas");
    tx.Commit();
    if (total > 0) progress("changes of runs", done, std::max(done, total));
  }
  return changed;
}

tl::expected<int64_t, Decrease> RecomputeMonth(db::Session& session, const billing::Month& month, Instant now,
                                               RecomputeOptions options) {
  db::Transaction tx(session, kLong);
  LockRollup(tx);
  const std::string from = options.foreign == ForeignRows::kTakeOver ? "-infinity" : TakeOverFrom(now);
  const Recomputed result = Recompute(tx, session.options(), month, now, from);
  if (result.decreases > 0 && !options.allow_decrease) return tl::unexpected(Decrease{result.decreases});
  tx.Commit();
  return result.changed;
}

int64_t RestoreOpenMonths(db::Session& session, Instant now, Restored which) {
  db::Transaction tx(session, kLong);
  LockRollup(tx);
  const std::string from = TakeOverFrom(now);
  int64_t changed = 0;
  for (const auto& month : OpenMonths(now)) {
    changed += which == Restored::kTouched ? Publish(tx, TouchedPairs(tx, month), from) : PublishMonth(tx, month, from);
  }
  tx.Commit();
  return changed;
}

std::chrono::milliseconds RollupLag(db::Session& session) {
  db::Transaction tx(session, {.read_only = true});
  const std::chrono::milliseconds lag{tx.Exec(sql::kRollupLag).Only().Int("lag_ms")};
  tx.Commit();
  return lag;
}

std::vector<billing::Month> MonthsOfUsage(db::Session& session) {
  db::Transaction tx(session, {.read_only = true, .statement_timeout = kLong.statement_timeout});
  std::vector<billing::Month> months;
  for (const db::Row row : tx.Exec(sql::kMonthsOfUsage)) {
    if (const auto month = billing::Month::Parse(row.Text("month"))) months.push_back(*month);
  }
  tx.Commit();
  return months;
}

std::vector<billing::Month> OpenMonths(Instant now) {
  const auto current = billing::Month::Of(now);
  return {current.Previous(), current};
}

FillState FirstFill(db::Session& session) {
  db::Transaction tx(session, {.read_only = true});
  const FillState state = ReadFillState(tx);
  tx.Commit();
  return state;
}

std::optional<billing::Month> FillNextMonth(db::Session& session, Instant now, const Progress& progress) {
  const FillState before = FirstFill(session);
  if (before.done) return std::nullopt;
  if (!before.filled_from) PrepareFill(session);
  const auto months = MonthsOfUsage(session);
  TellFill(months, before, progress);
  db::Transaction tx(session, kLong);
  LockRollup(tx);
  const FillState state = ReadFillState(tx);  // another filler may have moved it
  if (state.done) return std::nullopt;
  const auto next = std::find_if(months.rbegin(), months.rend(),
                                 [&](const auto& month) { return !state.filled_from || month < *state.filled_from; });
  const auto month = next == months.rend() ? std::nullopt : std::optional(*next);
  tx.Exec(sql::kRecordFill, db::Params::Of(FirstDay(month)));
  if (month) Recompute(tx, session.options(), *month, now, TakeOverFrom(now));
  tx.Commit();
  return month;
}

int64_t FillHistory(db::Session& session, const Clock& clock, const Progress& progress) {
  int64_t done = 0;
  while (FillNextMonth(session, clock(), progress)) ++done;
  return done;
}

}  // namespace billsync::usage
