#include "e2e/poison.h"

#include <functional>

namespace billsync::testing {
namespace {

std::string Quoted(const std::string& text) {
  return "\"" + text + "\"";
}

// A text that no compression makes short.
std::string LongText(Dice& dice, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += dice.Id("");
  return text;
}

Subscription SubscriptionOf(Dice& dice, const std::string& customer, int64_t now) {
  Subscription s;
  s.id = dice.Id("sub_poison_");
  s.customer = customer;
  s.status = "active";
  s.price = "price_demo_pro_monthly";
  s.currency = "usd";
  s.amount = 2900;
  s.created = s.period_start = now - 86400;
  s.period_end = now + 29 * 86400;
  return s;
}

Invoice InvoiceOf(Dice& dice, const std::string& customer, int64_t now) {
  Invoice i;
  i.id = dice.Id("in_poison_");
  i.customer = customer;
  i.subscription = "sub_elsewhere";
  i.status = "open";
  i.currency = "usd";
  i.total = 2900;
  i.created = now - 3600;
  i.billing_reason = "manual";
  return i;
}

// Makes the events of one call of MakePoison.
class Brewer {
 public:
  Brewer(int64_t now, const PoisonVictims& victims, Dice& dice) : now_(now), victims_(victims), dice_(dice) {}

  std::vector<Poison> One() {
    std::vector<Poison> all;
    const auto& me = victims_.healthy_customer;
    const auto add = [&](const std::string& kind, LifeEvent event, const std::string& fate, const std::string& detail) {
      all.push_back({kind, std::move(event), fate, detail});
    };

    // What Stripe could not have meant.
    add("items are a text", OfSubscription(me, {{"items", Quoted("many")}}), "parked unreadable_shape",
        "data.object.items");
    add("the status is a number", OfSubscription(me, {{"status", "7"}}), "parked unreadable_shape",
        "data.object.status");
    add("no items at all", OfSubscription(me, {{"items", R"({"data":[],"has_more":false})"}, {"plan", "null"}}),
        "parked unreadable_shape", "period");
    add("a total beyond 64 bits", OfInvoice(me, {{"total", "9223372036854775808"}}), "parked unreadable_shape",
        "data.object.total");
    add("a total that is a text", OfInvoice(me, {{"total", Quoted("1e300")}}), "parked unreadable_shape",
        "data.object.total");
    add("a total with a point", OfInvoice(me, {{"total", "29.5"}}), "parked unreadable_shape", "data.object.total");
    add("no currency", OfInvoice(me, {{"currency", "null"}}), "parked unreadable_shape", "currency");
    add("a time in milliseconds", OfInvoice(me, {{"due_date", "1795176000000"}}), "parked unreadable_shape",
        "data.object.due_date");
    add("metadata with a number", OfSubscription(me, {{"metadata", R"({"user_id":7})"}}), "parked unreadable_shape",
        "data.object.metadata");
    add("a type that lies about its object",
        MakeEvent(dice_.Id("evt_poison_"), "customer.subscription.updated", now_ - 50,
                  {{"id", Quoted(victims_.healthy_invoice)}, {"object", Quoted("invoice")}, {"total", "1"}}, {}, false),
        "parked unreadable_shape", "data.object");

    // What waits for somebody or something.
    add("a customer nobody knows", OfInvoice(dice_.Id("cus_unknown_"), {}), "parked unknown_customer",
        "no user is linked to the customer cus_unknown_");
    add("a user id that is none", OfSubscription(dice_.Id("cus_liar_"), {{"metadata", R"({"user_id":"'; DROP"})"}}),
        "parked unknown_customer", "no user is linked to the customer cus_liar_");
    add("a customer of 255 bytes", OfInvoice("cus_" + std::string(251, 'x'), {}), "parked unknown_customer", "cus_xxx");
    add("nobody's invoice", OfInvoice(me, {{"customer", "null"}}), "parked unknown_customer", "names no customer");
    add("a price nobody mapped", OfPrice(dice_.Id("price_unmapped_")), "parked unmapped_price", "price_unmapped_");
    add("a currency without a rate", OfInvoice(me, {{"currency", Quoted("chf")}}), "parked missing_exchange_rate",
        "chf");
    add("a currency that is none", OfInvoice(me, {{"currency", Quoted("zzz")}}), "parked missing_exchange_rate", "zzz");

    // What the database refuses.
    add("a total that no column holds", OfInvoice(me, {{"total", "9000000000000000000"}}), "parked apply_failed",
        "a number is too large for its column");
    add("more attempts than an integer", OfInvoice(me, {{"attempt_count", "99999999999"}}), "parked apply_failed",
        "a number is too large for its column");
    add("a status no index holds", OfSubscription(me, {{"status", Quoted(LongText(dice_, 9000))}}),
        "parked apply_failed", "a text is too long for its index");
    add("a user the platform refuses", OfSubscription(victims_.refused_customer, {}), "parked apply_failed",
        "a constraint refuses the row");

    // What needs no row.
    add("a preview", OfPreview(), "ignored type_not_used", "");
    add("a type we do not use",
        MakeEvent(dice_.Id("evt_poison_"), "tax_rate.created", now_,
                  {{"id", Quoted("txr_1")}, {"object", Quoted("tax_rate")}}, {}, false),
        "ignored type_not_used", "");
    add("a notification without an object", Thin(), "ignored thin_event", "");
    return all;
  }

 private:
  LifeEvent OfSubscription(const std::string& customer, const JsonFields& instead) {
    JsonFields fields = FieldsOf(SubscriptionOf(dice_, customer, now_), false);
    for (const auto& [name, value] : instead) fields[name] = value;
    return MakeEvent(dice_.Id("evt_poison_"), "customer.subscription.updated", now_ - 60, fields, {}, false);
  }

  LifeEvent OfPrice(const std::string& price) {
    Subscription s = SubscriptionOf(dice_, victims_.healthy_customer, now_);
    s.price = price;
    s.status = "past_due";  // so that its user keeps what the others give
    return MakeEvent(dice_.Id("evt_poison_"), "customer.subscription.updated", now_ - 60, FieldsOf(s, false), {},
                     false);
  }

  LifeEvent OfInvoice(const std::string& customer, const JsonFields& instead) {
    JsonFields fields = FieldsOf(InvoiceOf(dice_, customer, now_), true);
    for (const auto& [name, value] : instead) fields[name] = value;
    return MakeEvent(dice_.Id("evt_poison_"), "invoice.updated", now_ - 60, fields, {}, true);
  }

  LifeEvent OfPreview() {
    JsonFields fields = FieldsOf(InvoiceOf(dice_, victims_.healthy_customer, now_), false);
    fields.erase("id");
    return MakeEvent(dice_.Id("evt_poison_"), "invoice.upcoming", now_, fields, {}, false);
  }

  LifeEvent Thin() {
    const std::string id = dice_.Id("evt_poison_");
    return {id, "v1.invoice.paid", "", now_,
            R"({"id":)" + Quoted(id) +
                R"(,"object":"v2.core.event","type":"v1.invoice.paid","created":)"
                R"("2026-10-28T10:00:00Z","livemode":false,"related_object":{"id":"in_thin","type":"invoice",)"
                R"("url":"/v1/invoices/in_thin"}})"};
  }

  const int64_t now_;
  const PoisonVictims& victims_;
  Dice& dice_;
};

}  // namespace

std::vector<Poison> MakePoison(size_t count, int64_t now, const PoisonVictims& victims, Dice& dice) {
  Brewer brewer(now, victims, dice);
  std::vector<Poison> all;
  while (all.size() < count) {
    for (auto& poison : brewer.One()) all.push_back(std::move(poison));
  }
  return all;
}

std::vector<LifeEvent> MakeOddities(int64_t now, const std::string& customer, Dice& dice) {
  std::vector<LifeEvent> odd;
  const auto add = [&](Invoice invoice, const JsonFields& instead) {
    JsonFields fields = FieldsOf(invoice, false);
    for (const auto& [name, value] : instead) fields[name] = value;
    odd.push_back(MakeEvent(dice.Id("evt_odd_"), "invoice.updated", now - 60, fields, {}, false));
  };
  Invoice longest = InvoiceOf(dice, customer, now);
  longest.id = "in_" + LongText(dice, 252).substr(0, 252);
  add(longest, {});
  Invoice credit = InvoiceOf(dice, customer, now);
  credit.total = -500;
  add(credit, {});
  Invoice late = InvoiceOf(dice, customer, now);
  add(late, {{"due_date", "253402300799"}});  // the last second of the year 9999
  std::string deep = "1";
  for (int level = 0; level < 60; ++level) deep = "[" + deep + "]";
  add(InvoiceOf(dice, customer, now), {{"custom_fields", deep}});
  add(InvoiceOf(dice, customer, now), {{"description", Quoted(R"(\u00e9 \ud83d\ude00 '; -- \\ \" \u2028)")}});
  return odd;
}

}  // namespace billsync::testing
