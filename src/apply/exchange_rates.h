// Rates to US dollars for the amounts of one batch.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "billsync/base/instant.h"
#include "billsync/db/session.h"

namespace billsync::apply {

// Collect what is needed, load once, then ask.
class ExchangeRates {
 public:
  void Want(const std::string& currency, Instant at);
  void Load(db::Transaction& tx);

  // US dollars per unit as a decimal text: "1" for usd, the last rate of billing_fx_rates not after the day of `at`
  // else; none when there is no such rate.
  std::optional<std::string> Find(const std::string& currency, Instant at) const;

 private:
  using Key = std::pair<std::string, std::string>;  // currency, YYYY-MM-DD
  std::map<Key, std::optional<std::string>> rates_;
};

}  // namespace billsync::apply
