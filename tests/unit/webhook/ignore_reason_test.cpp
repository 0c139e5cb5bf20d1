#include <gtest/gtest.h>

#include "billsync/webhook/endpoint.h"

namespace billsync::webhook {
namespace {

using billing::IgnoreReason;

stripe::EventEnvelope Event(const std::string& type, const std::string& object_type,
                            std::optional<std::string> object_id = "x_1") {
  stripe::EventEnvelope event;
  event.id = "evt_1";
  event.type = type;
  event.object_type = object_type;
  event.object_id = std::move(object_id);
  return event;
}

stripe::EventEnvelope Thin(stripe::EventEnvelope event) {
  event.thin = true;
  return event;
}

stripe::EventEnvelope Live(stripe::EventEnvelope event) {
  event.livemode = true;
  return event;
}

TEST(IgnoreReason, IsNoneForWhatIsApplied) {
  for (const auto& [type, object] : std::vector<std::pair<std::string, std::string>>{
           {"customer.created", "customer"},
           {"customer.subscription.updated", "subscription"},
           {"customer.subscription.paused", "subscription"},
           {"invoice.paid", "invoice"},
           {"invoice.overdue", "invoice"},
           {"checkout.session.completed", "checkout.session"},
           // Not what the type promises: the applier parks it as unreadable, it is not unimportant.
           {"invoice.paid", "surprise"}}) {
    EXPECT_EQ(IgnoreReasonOf(Event(type, object), std::nullopt), std::nullopt) << type;
  }
}

TEST(IgnoreReason, NamesWhyAnEventChangesNoRow) {
  const struct {
    const char* what;
    stripe::EventEnvelope event;
    std::optional<bool> livemode;
    std::optional<IgnoreReason> reason;
  } cases[] = {
      {"another type", Event("setup_intent.succeeded", "setup_intent"), {}, IgnoreReason::kTypeNotUsed},
      {"a type of the future", Event("billing.agent_wallet.rebalanced", "x"), {}, IgnoreReason::kTypeNotUsed},
      {"a verb of the future", Event("invoice.teleported", "invoice"), {}, IgnoreReason::kTypeNotUsed},
      {"a preview", Event("invoice.upcoming", "invoice", std::nullopt), {}, IgnoreReason::kTypeNotUsed},
      {"no id", Event("invoice.created", "invoice", std::nullopt), {}, IgnoreReason::kNoObjectId},
      {"thin", Thin(Event("v1.invoice.paid", "invoice")), {}, IgnoreReason::kThinEvent},
      {"thin with a snapshot's type", Thin(Event("invoice.paid", "invoice")), {}, IgnoreReason::kThinEvent},
      {"test, any wanted", Event("invoice.paid", "invoice"), {}, std::nullopt},
      {"test, test wanted", Event("invoice.paid", "invoice"), false, std::nullopt},
      {"test, live wanted", Event("invoice.paid", "invoice"), true, IgnoreReason::kOtherMode},
      {"live, test wanted", Live(Event("invoice.paid", "invoice")), false, IgnoreReason::kOtherMode},
      {"live, live wanted", Live(Event("invoice.paid", "invoice")), true, std::nullopt},
      {"live, any wanted", Live(Event("invoice.paid", "invoice")), {}, std::nullopt},
      {"the mode comes first", Thin(Event("invoice.paid", "invoice")), true, IgnoreReason::kOtherMode},
  };
  for (const auto& c : cases) EXPECT_EQ(IgnoreReasonOf(c.event, c.livemode), c.reason) << c.what;
}

}  // namespace
}  // namespace billsync::webhook
