// Made-up but consistent lives of Stripe's objects, told in events the way Stripe tells them: in the old shape and the
// new, several in one second, with previous_attributes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/dice.h"
#include "support/object_tales.h"

namespace billsync::testing {

// What tells which user a customer belongs to. One way a customer: which of several is believed may depend on what
// came first.
enum class Evidence { kUsersRow, kCustomerMetadata, kSubscriptionMetadata, kCheckoutReference };

struct CustomerLife {
  std::string customer;
  std::string user_id;
  Evidence evidence = Evidence::kUsersRow;
  std::vector<std::string> subscriptions, invoices;
};

struct Lives {
  std::vector<CustomerLife> customers;
  std::vector<LifeEvent> events;  // in the order they happened
  // As they are in the end.
  std::vector<Subscription> subscriptions;
  std::vector<Invoice> invoices;
};

struct LifeOptions {
  size_t customers = 4;
  int64_t end = 0;            // nothing happens later than this Unix second
  int64_t days = 70;          // before `end` the first customer came
  std::string name = "life";  // in every object's id, so that two tellings share none
  size_t first_user = 1;      // users are numbered from here
  // Prices subscriptions may have, with their amounts in minor units, and currencies.
  std::vector<std::pair<std::string, int64_t>> prices = {{"price_demo_pro_monthly", 2900},
                                                         {"price_demo_enterprise_monthly", 29900}};
  std::vector<std::string> currencies = {"usd"};
  // How many of a hundred paid invoices tell how, with refunds and credit notes; how many of a hundred subscriptions
  // get a schedule, and prices events of their own.
  unsigned money_percent = 0, schedule_percent = 0, catalog_percent = 0;
};

// 00000000-0000-4000-8000-0000000000NN.
std::string LifeUserId(size_t number);

Lives MakeLives(Dice& dice, const LifeOptions& options);

}  // namespace billsync::testing
