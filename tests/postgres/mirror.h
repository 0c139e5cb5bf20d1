// A database with stored Stripe events and an applier on it.
#pragma once

#include <string>
#include <vector>

#include "billsync/apply/applier.h"
#include "billsync/db/pool.h"
#include "support/postgres.h"

namespace billsync::testing {

// The moment the events of fixtures/events are looked at: 2026-11-20 12:00:00 UTC, in Unix seconds.
inline constexpr long long kAsOfSeconds = 1795176000;
inline constexpr Instant kAsOf{std::chrono::seconds(kAsOfSeconds)};

// The plan map of fixtures/demo; `batch` is the applier's.
apply::ApplyOptions DemoOptions(int64_t batch = 256);

// A delivered body: the envelope around data.object, whose members `object` are (without braces).
std::string EventBody(const std::string& event, const std::string& type, long long created, const std::string& object);

// The parts of a subscription event a test is about.
struct SubscriptionEvent {
  std::string event = "evt_1";
  std::string type = "customer.subscription.updated";
  long long created = kAsOfSeconds - 3600;
  std::string id = "sub_1", customer = "cus_1", status = "active";
  std::string price = "price_demo_pro_monthly";
  std::string currency = "usd";
  long long unit_amount = 2900;
  long long period_start = kAsOfSeconds - 86400, period_end = kAsOfSeconds + 29 * 86400;
  std::string metadata = "{}";

  std::string Body() const;
};

struct InvoiceEvent {
  std::string event = "evt_2";
  std::string type = "invoice.paid";
  long long created = kAsOfSeconds - 3600;
  std::string id = "in_1", customer = "cus_1", status = "paid", currency = "usd";
  long long total = 2900;

  std::string Body() const;
};

struct CustomerEvent {
  std::string event = "evt_3";
  std::string type = "customer.created";
  long long created = kAsOfSeconds - 7200;
  std::string id = "cus_1", email = "user01@example.com";
  std::string metadata = "{}";

  std::string Body() const;
};

struct CheckoutEvent {
  std::string event = "evt_4";
  long long created = kAsOfSeconds - 7200;
  std::string customer = "cus_1";
  std::string client_reference_id = "";

  std::string Body() const;
};

class Mirror {
 public:
  Mirror() : pool_({.url = database.url(), .role = "applier"}, 4) {}

  // Puts a delivered body into stripe_events as received at `at`.
  void Store(const std::string& body, Instant at = kAsOf);
  // Applies until nothing is due.
  size_t Apply(const apply::ApplyOptions& options = DemoOptions(), Instant now = kAsOf);
  // "applied", "parked unknown_customer", …
  std::string StatusOf(const std::string& event);
  // "pro 1000"
  std::string PlanOf(int user);
  // Everything the events amount to, as one text: the rows of every kind, links and users, without surrogate keys and
  // the times of writing.
  std::string Rows();
  // As before the first event: no events, no billing rows, no users.
  void Clear();
  db::Pool& pool() { return pool_; }

  TestDatabase database;

 private:
  db::Pool pool_;
};

// Bodies of fixtures/events/<name>, in the order of their numbers.
std::vector<std::string> CaseBodies(const std::string& name);

}  // namespace billsync::testing
