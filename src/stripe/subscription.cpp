#include "billsync/stripe/subscription.h"

#include <algorithm>

#include "field_reader.h"
#include "price_reader.h"

namespace billsync::stripe {
namespace {

SubscriptionItem DecodeItem(FieldReader item) {
  SubscriptionItem decoded;
  decoded.id = item.RequiredText("id");
  decoded.quantity = item.Int("quantity");
  const bool legacy = item.Raw("price").IsNull() && item.Raw("plan").IsObject();
  decoded.price = legacy ? ReadPlan(item.Child("plan")) : ReadPrice(item.Child("price"));
  decoded.period_start = item.Time("current_period_start");
  decoded.period_end = item.Time("current_period_end");
  return decoded;
}

std::vector<SubscriptionItem> DecodeItems(FieldReader& subscription) {
  std::vector<SubscriptionItem> items;
  const FieldReader list = subscription.Child("items");
  size_t index = 0;
  for (const JsonValue element : list.Raw("data").Elements()) {
    items.push_back(DecodeItem(list.Element("data", index++, element)));
  }
  if (items.empty() && subscription.Raw("plan").IsObject()) {
    SubscriptionItem item;
    item.quantity = subscription.Int("quantity");
    item.price = ReadPlan(subscription.Child("plan"));
    items.push_back(std::move(item));
  }
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return items;
}

// Until 2025-02-24.acacia the period is the subscription's, from 2025-03-31.basil on each item has one; payloads in
// between carry both. For several items Stripe itself means the latest start and the earliest end.
void ReadPeriod(FieldReader& source, Subscription& decoded) {
  decoded.period_start = source.Time("current_period_start");
  decoded.period_end = source.Time("current_period_end");
  const bool own_start = decoded.period_start.has_value();
  const bool own_end = decoded.period_end.has_value();
  for (const auto& item : decoded.items) {
    if (!own_start && item.period_start) {
      decoded.period_start =
          decoded.period_start ? std::max(*decoded.period_start, *item.period_start) : *item.period_start;
    }
    if (!own_end && item.period_end) {
      decoded.period_end = decoded.period_end ? std::min(*decoded.period_end, *item.period_end) : *item.period_end;
    }
  }
  for (auto& item : decoded.items) {
    if (!item.period_start) item.period_start = decoded.period_start;
    if (!item.period_end) item.period_end = decoded.period_end;
  }
}

}  // namespace

bool IsTerminalSubscriptionStatus(std::string_view status) {
  return status == "canceled" || status == "incomplete_expired";
}

tl::expected<Subscription, std::string> DecodeSubscription(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind("subscription");
  Subscription decoded;
  decoded.id = source.RequiredText("id");
  decoded.customer = source.Reference("customer");
  if (!decoded.customer) decoded.customer = source.Reference("customer_account");
  decoded.status = source.RequiredText("status");
  decoded.currency = source.Text("currency");
  decoded.created = source.Time("created");
  decoded.start_date = source.Time("start_date");
  decoded.items = DecodeItems(source);
  decoded.items_truncated = source.Child("items").Flag("has_more");
  ReadPeriod(source, decoded);
  decoded.billing_cycle_anchor = source.Time("billing_cycle_anchor");
  decoded.billing_day = source.Child("billing_cycle_anchor_config").Int("day_of_month");
  if (decoded.billing_day && (*decoded.billing_day < 1 || *decoded.billing_day > 31))
    decoded.billing_day = std::nullopt;
  decoded.cancel_at_period_end = source.Flag("cancel_at_period_end");
  decoded.cancel_at = source.Time("cancel_at");
  decoded.canceled_at = source.Time("canceled_at");
  decoded.ended_at = source.Time("ended_at");
  decoded.trial_start = source.Time("trial_start");
  decoded.trial_end = source.Time("trial_end");
  decoded.pause_collection = source.Child("pause_collection").Text("behavior");
  decoded.latest_invoice = source.Reference("latest_invoice");
  decoded.schedule = source.Reference("schedule");
  decoded.collection_method = source.Text("collection_method");
  decoded.metadata = source.TextMap("metadata");
  decoded.livemode = source.Flag("livemode");
  if (!fault.empty()) return tl::unexpected(fault);
  return decoded;
}

}  // namespace billsync::stripe
