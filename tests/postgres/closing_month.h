// A month of usage to close, for tests of closing and of what comes later.
#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "billsync/report/export.h"
#include "billsync/usage/close.h"
#include "billsync/usage/rollup.h"
#include "platform_rows.h"
#include "support/postgres.h"

namespace billsync::testing {

inline const Instant kNow = ParseInstant("2026-11-20T12:00:00Z").value();
inline const auto kOctober = billing::Month::Parse("2026-10").value();
inline const auto kNovember = billing::Month::Parse("2026-11").value();

// October with usage of two users, about to be closed on November 20th: three runs of 0.3333 and one of 1.005.
class ClosingMonth : public ::testing::Test {
 protected:
  ClosingMonth() {
    for (int user : {1, 2}) AddUser(database_, user);
    Runs(1, 3, "0.3333");
    Runs(2, 1, "1.005");
  }

  void Runs(int user, int count, const std::string& cost, const std::string& at = "2026-10-05") {
    AddRuns(database_, user, count,
            {{"status", "'completed'"},
             {"cost_usd", cost},
             {"model_used", "'m'"},
             {"tokens_total", "10"},
             {"created_at", "'" + at + "'"}});
  }
  tl::expected<usage::Period, usage::NotClosed> Close(const billing::Month& month = kOctober, Instant now = kNow) {
    const auto session = database_.Connect();
    return usage::CloseMonth(*session, month, "the test", now);
  }
  int64_t Rollup(Instant now = kNow) {
    const auto session = database_.Connect();
    return usage::Rollup(*session, now);
  }
  // "" or what verification of a month finds.
  std::string Verify(const billing::Month& month = kOctober) {
    const auto session = database_.Connect();
    std::string text;
    for (const auto& drift : usage::VerifyMonth(*session, month).drifts) {
      text += std::string(usage::Name(drift.kind)) + " " + drift.user_id.substr(drift.user_id.size() > 2 ? 34 : 0) +
              " " + std::to_string(drift.completed_runs) + " " + drift.cost_usd + ";";
    }
    return text;
  }
  // "user origin>booked runs exact cents {breakdown}" of each, oldest first.
  std::string Adjustments() {
    return database_.Value(
        "SELECT coalesce(string_agg(right(user_id::text, 1) || ' ' || to_char(origin_period, 'MM') || '>' || "
        "to_char(booked_period, 'MM') || ' ' || total_runs || ' ' || amount_exact_usd || ' ' || amount_usd || ' ' || "
        "cost_breakdown, '; ' ORDER BY id), '') FROM billing_adjustments");
  }
  std::string Export(report::Report report, const billing::Month& month = kOctober) {
    const auto session = database_.Connect();
    std::ostringstream out;
    report::ExportToStream(*session, {.period = report::PeriodRange::Of(month), .items = {{report}}}, out,
                           [](int64_t, int64_t) {});
    return out.str();
  }
  // The SQLSTATE and constraint a statement is refused with; "" when it is not.
  std::string Refusal(const std::string& sql) {
    try {
      database_.Run(sql);
    } catch (const db::Error& e) {
      return e.what();
    }
    return "";
  }

  TestDatabase database_;
};

}  // namespace billsync::testing
