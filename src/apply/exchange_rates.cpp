#include "exchange_rates.h"

#include "apply/rows_sql.h"

namespace billsync::apply {
namespace {

std::string Day(Instant at) {
  return FormatInstant(at).substr(0, 10);
}

}  // namespace

void ExchangeRates::Want(const std::string& currency, Instant at) {
  if (currency != "usd") rates_.try_emplace({currency, Day(at)});
}

void ExchangeRates::Load(db::Transaction& tx) {
  if (rates_.empty()) return;
  db::ArrayColumns wanted(2);
  for (const auto& [key, unused] : rates_) wanted.AddRow(db::Params::Of(key.first, key.second));
  for (const db::Row row : tx.Exec(sql::kFindRates, wanted.ToParams())) {
    rates_[{row.Text("currency"), row.Text("day")}] = row.OptText("rate");
  }
}

std::optional<std::string> ExchangeRates::Find(const std::string& currency, Instant at) const {
  if (currency == "usd") return "1";
  const auto found = rates_.find({currency, Day(at)});
  return found == rates_.end() ? std::nullopt : found->second;
}

}  // namespace billsync::apply
