// Money checked against what else knows of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "billsync/billing/month.h"
#include "billsync/db/session.h"

namespace billsync::usage {

// A run that costs something else than its LLM calls. Amounts are exact decimals in US dollars.
struct RunMismatch {
  std::string run_id, user_id, model, run_cost, calls_cost;
  int64_t calls = 0;
};

// Runs of one model that have LLM calls.
struct ModelMoney {
  std::string model;
  int64_t runs = 0, differing = 0;
  std::string run_cost, calls_cost;
};

// A row whose amounts do not add up.
struct UnevenRow {
  std::string row;                      // "usage of USER", "adjustment ID"
  std::string breakdown, exact, other;  // other: the cents of usage, the lines of an adjustment
};

struct MoneyCheck {
  billing::Month month;
  std::vector<ModelMoney> models;
  std::vector<RunMismatch> mismatches;                    // the largest ones
  int64_t runs_without_calls = 0, calls_without_run = 0;  // not comparable, no fault by themselves
  std::vector<UnevenRow> uneven;

  int64_t Differing() const;
  bool Clean() const { return Differing() == 0 && uneven.empty(); }
};

// Compares, for a month, each run's cost with the sum of its llm_calls, each breakdown with its total, and each
// adjustment with its lines. At most `listed` runs are named. Changes nothing; reads one moment.
MoneyCheck VerifyMoney(db::Session& session, const billing::Month& month, int64_t listed);

}  // namespace billsync::usage
