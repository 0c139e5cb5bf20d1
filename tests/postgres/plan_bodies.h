// Bodies of events about prices, products, schedules, and subscriptions of several items.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mirror.h"

namespace billsync::testing {

// A price as an item or a price.* event shows it. Metered and tiered ones have no unit amount or quantity.
struct PlanPrice {
  std::string id = "price_demo_pro_monthly";
  std::optional<std::string> product = std::nullopt, lookup_key = std::nullopt;
  std::optional<std::string> tier = std::nullopt;  // metadata.plan_tier
  long long unit_amount = 2900;
  std::string interval = "month";
  bool metered = false, tiered = false;
  std::string more = "";  // further members of the price, with a comma in front

  std::string Json() const;
};

struct PlanItem {
  std::string id = "si_1";
  PlanPrice price = {};
  int quantity = 1;
  long long period_start = kAsOfSeconds - 86400, period_end = kAsOfSeconds + 29 * 86400;

  std::string Json() const;
};

struct PlanEvent {
  std::string event = "evt_1";
  long long created = kAsOfSeconds - 3600;
  std::vector<PlanItem> items = {PlanItem{}};
  std::string status = "active";
  std::string type = "customer.subscription.updated";
  std::string id = "sub_1", customer = "cus_1", currency = "usd";
  bool has_more = false;
  std::optional<std::string> schedule = std::nullopt;
  std::string more = "";  // further members of the object, with a comma in front

  std::string Body() const;
};

std::string PriceBody(const std::string& event, const std::string& verb, long long created, const PlanPrice& price);
std::string ProductBody(const std::string& event, const std::string& verb, long long created, const std::string& id,
                        const std::optional<std::string>& tier);

struct SchedulePhaseText {
  long long start, end;
  std::string price;
  int quantity = 1;
  std::string more = "";  // further items, with a comma in front
};
struct ScheduleEvent {
  std::string event = "evt_sched";
  std::string verb = "created";
  long long created = kAsOfSeconds - 3000;
  std::vector<SchedulePhaseText> phases = {};
  size_t current = 0;  // the phase that runs
  std::string status = "active", end_behavior = "release";

  // Of sub_sched_1, which is attached to sub_1 while it is active and was released from it when it is released.
  std::string Body() const;
};

}  // namespace billsync::testing
