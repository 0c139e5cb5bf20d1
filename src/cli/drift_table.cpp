#include "drift_table.h"

#include "billsync/base/json_writer.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

// "+3", "-1", "0"
std::string Signed(int64_t number) {
  return (number > 0 ? "+" : "") + std::to_string(number);
}

std::string Signed(const std::string& number) {
  return (number.starts_with('-') || number.find_first_not_of("0.") == std::string::npos ? "" : "+") + number;
}

}  // namespace

void PrintDrifts(const std::vector<usage::MonthCheck>& checks) {
  Table table({"MONTH", "WHAT", "USER", "MODEL", "COMPLETED", "FAILED", "CANCELLED", "UNPRICED", "TOKENS", "COST USD"});
  for (const auto& check : checks) {
    for (const auto& drift : check.drifts) {
      table.AddRow({check.month.Text(), std::string(usage::Name(drift.kind)), drift.user_id, drift.model,
                    Signed(drift.completed_runs), Signed(drift.failed_runs), Signed(drift.cancelled_runs),
                    Signed(drift.unpriced_runs), Signed(drift.tokens), Signed(drift.cost_usd)});
    }
  }
  if (!table.empty()) table.Print();
}

std::string CheckJson(const usage::MonthCheck& check) {
  JsonArray drifts;
  for (const auto& drift : check.drifts) {
    JsonObject one;
    one.Add("kind", usage::Name(drift.kind)).Add("user_id", drift.user_id).Add("model", drift.model);
    one.Add("completed_runs", drift.completed_runs).Add("failed_runs", drift.failed_runs);
    one.Add("cancelled_runs", drift.cancelled_runs).Add("unpriced_runs", drift.unpriced_runs);
    drifts.AddRaw(one.Add("tokens", drift.tokens).Add("cost_usd", drift.cost_usd).Text());
  }
  return JsonObject()
      .Add("month", check.month.Text())
      .Add("state", check.closed ? "closed" : "open")
      .Add("platform_rows", check.foreign_rows)
      .AddRaw("drifts", drifts.Text())
      .Text();
}

}  // namespace billsync::cli
