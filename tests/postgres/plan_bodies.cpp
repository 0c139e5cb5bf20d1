#include "plan_bodies.h"

namespace billsync::testing {
namespace {

std::string Quoted(const std::optional<std::string>& text) {
  return text ? "\"" + *text + "\"" : "null";
}

std::string Metadata(const std::optional<std::string>& tier) {
  return tier ? "{\"plan_tier\":" + Quoted(tier) + "}" : "{}";
}

template <typename Parts, typename Json>
std::string Joined(const Parts& parts, Json json) {
  std::string all;
  for (const auto& part : parts) all += (all.empty() ? "" : ",") + json(part);
  return all;
}

std::string PriceMembers(const PlanPrice& price) {
  const bool flat = !price.tiered;
  return "\"id\":" + Quoted(price.id) +
         ",\"object\":\"price\",\"active\":true,\"currency\":\"usd\",\"product\":" + Quoted(price.product) +
         ",\"lookup_key\":" + Quoted(price.lookup_key) + ",\"metadata\":" + Metadata(price.tier) +
         ",\"billing_scheme\":" + (flat ? "\"per_unit\"" : "\"tiered\"") +
         ",\"unit_amount\":" + (flat ? std::to_string(price.unit_amount) : "null") +
         ",\"recurring\":{\"interval\":" + Quoted(price.interval) +
         ",\"interval_count\":1,\"usage_type\":" + (price.metered ? "\"metered\"" : "\"licensed\"") + "}" + price.more;
}

}  // namespace

std::string PlanPrice::Json() const {
  return "{" + PriceMembers(*this) + "}";
}

std::string PlanItem::Json() const {
  return "{\"id\":" + Quoted(id) + ",\"current_period_start\":" + std::to_string(period_start) +
         ",\"current_period_end\":" + std::to_string(period_end) +
         (price.metered ? "" : ",\"quantity\":" + std::to_string(quantity)) + ",\"price\":" + price.Json() + "}";
}

std::string PlanEvent::Body() const {
  return EventBody(event, type, created,
                   "\"id\":" + Quoted(id) + ",\"object\":\"subscription\",\"customer\":" + Quoted(customer) +
                       ",\"status\":" + Quoted(status) + ",\"currency\":" + Quoted(currency) + ",\"schedule\":" +
                       Quoted(schedule) + ",\"metadata\":{},\"items\":{\"has_more\":" + (has_more ? "true" : "false") +
                       ",\"data\":[" + Joined(items, [](const PlanItem& item) { return item.Json(); }) + "]}" + more);
}

std::string PriceBody(const std::string& event, const std::string& verb, long long created, const PlanPrice& price) {
  return EventBody(event, "price." + verb, created, PriceMembers(price));
}

std::string ProductBody(const std::string& event, const std::string& verb, long long created, const std::string& id,
                        const std::optional<std::string>& tier) {
  return EventBody(event, "product." + verb, created,
                   "\"id\":" + Quoted(id) +
                       ",\"object\":\"product\",\"active\":true,\"name\":\"A product\",\"metadata\":" + Metadata(tier));
}

std::string ScheduleEvent::Body() const {
  const std::string list = Joined(phases, [](const SchedulePhaseText& phase) {
    return "{\"start_date\":" + std::to_string(phase.start) + ",\"end_date\":" + std::to_string(phase.end) +
           ",\"items\":[{\"price\":" + Quoted(phase.price) + ",\"quantity\":" + std::to_string(phase.quantity) + "}" +
           phase.more + "]}";
  });
  const bool attached = status == "active";
  const std::string now = attached ? "{\"start_date\":" + std::to_string(phases[current].start) +
                                         ",\"end_date\":" + std::to_string(phases[current].end) + "}"
                                   : "null";
  return EventBody(event, "subscription_schedule." + verb, created,
                   "\"id\":\"sub_sched_1\",\"object\":\"subscription_schedule\",\"customer\":\"cus_1\",\"status\":" +
                       Quoted(status) + ",\"subscription\":" + (status == "released" ? "null" : "\"sub_1\"") +
                       ",\"released_subscription\":" + (status == "released" ? "\"sub_1\"" : "null") +
                       ",\"current_phase\":" + now + ",\"end_behavior\":" + Quoted(end_behavior) + ",\"phases\":[" +
                       list + "]");
}

}  // namespace billsync::testing
