#include "support/stripe_lives.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <tuple>

namespace billsync::testing {
namespace {

std::string Quoted(const std::string& text) {
  return "\"" + text + "\"";
}

// One customer with everything Stripe would tell about it.
class Teller {
 public:
  Teller(Dice& dice, const LifeOptions& options, CustomerLife& life, Lives& lives)
      : dice_(dice), options_(options), life_(life), lives_(lives) {}

  void Tell(int64_t start) {
    now_ = start;
    customer_ = {{"id", Quoted(life_.customer)},
                 {"object", Quoted("customer")},
                 {"email", Quoted(life_.customer + "@example.com")},
                 {"created", std::to_string(now_)},
                 {"livemode", "false"},
                 {"balance", "0"},
                 {"delinquent", "false"},
                 {"metadata", life_.evidence == Evidence::kCustomerMetadata ? UserMetadata() : "{}"}};
    Emit("customer.created", customer_);
    if (life_.evidence == Evidence::kCheckoutReference) TellCheckout();
    const size_t subscriptions = 1 + dice_.Below(2);
    for (size_t i = 0; i < subscriptions && now_ < options_.end; ++i) TellSubscription();
    if (dice_.Chance(20)) ChangeCustomer();
    if (dice_.Chance(10)) Emit("customer.deleted", customer_);
  }

 private:
  std::string UserMetadata() const { return R"({"user_id":)" + Quoted(life_.user_id) + "}"; }

  // Of a subscription.
  std::string Metadata(const std::string& note) const {
    const bool names_user = life_.evidence == Evidence::kSubscriptionMetadata;
    return R"({"note":)" + Quoted(note) + (names_user ? R"(,"user_id":)" + Quoted(life_.user_id) : "") + "}";
  }

  std::string NewId(const std::string& prefix) { return dice_.Id(prefix + "_" + options_.name + "_"); }

  // Lets time pass: most things of a burst share a second.
  void Pass(int64_t longest_s) {
    if (longest_s > 60 || dice_.Chance(35))
      now_ += static_cast<int64_t>(dice_.Below(static_cast<size_t>(longest_s) + 1));
    now_ = std::min(now_, options_.end);
  }

  void Emit(const std::string& type, const JsonFields& object, const JsonFields& previous = {},
            bool old_shape = false) {
    lives_.events.push_back(MakeEvent(NewId("evt"), type, now_, object, previous, old_shape));
  }

  void TellCheckout() {
    Emit("checkout.session.completed", {{"id", Quoted(NewId("cs"))},
                                        {"object", Quoted("checkout.session")},
                                        {"customer", Quoted(life_.customer)},
                                        {"client_reference_id", Quoted(life_.user_id)},
                                        {"mode", Quoted("subscription")},
                                        {"status", Quoted("complete")},
                                        {"payment_status", Quoted("paid")},
                                        {"livemode", "false"}});
  }

  void ChangeCustomer() {
    Pass(5000);
    const JsonFields before = customer_;
    customer_["email"] = Quoted(life_.customer + "@example.org");
    Emit("customer.updated", customer_, Changed(before, customer_));
  }

  // ── subscriptions ──────────────────────────────────────────────────────────────────────────────────────────────

  void TellSubscription() {
    Subscription s;
    s.id = NewId("sub");
    s.customer = life_.customer;
    s.created = now_;
    s.currency = dice_.Of(options_.currencies);
    std::tie(s.price, s.amount) = dice_.Of(options_.prices);
    s.quantity = 1 + static_cast<int64_t>(dice_.Below(3));
    s.period_start = now_;
    s.period_end = now_ + 30 * kDay;
    s.metadata = Metadata("0");
    s.status = dice_.Of<std::string>({"incomplete", "active", "trialing"});
    if (s.status == "trialing") s.trial_end = s.period_end;
    life_.subscriptions.push_back(s.id);
    const bool old_shape = dice_.Chance(50);
    Emit("customer.subscription.created", FieldsOf(s, old_shape), {}, old_shape);
    TellInvoice(s, "subscription_create");
    const size_t steps = 1 + dice_.Below(8);
    for (size_t i = 0; i < steps && !s.Ended() && now_ < options_.end; ++i) Step(s);
    if (!s.Ended() && dice_.Chance(options_.schedule_percent)) TellSchedule(s);
    if (s.Ended() && dice_.Chance(50)) LateMetadata(s);
    lives_.subscriptions.push_back(s);
  }

  // Something happens to the subscription and is told as one event, or as two of the same second.
  void Step(Subscription& s) {
    Pass(dice_.Chance(60) ? 2 : 20 * kDay);
    const Subscription before = s;
    std::string type = "customer.subscription.updated";
    switch (dice_.Below(9)) {
      case 0:
        std::tie(s.price, s.amount) = dice_.Of(options_.prices);
        break;
      case 1:
        s.quantity += 1;
        break;
      case 2:
        s.cancel_at_period_end = !s.cancel_at_period_end;
        s.cancel_at = s.cancel_at_period_end ? std::optional(s.period_end) : std::nullopt;
        s.canceled_at = s.cancel_at_period_end ? std::optional(now_) : std::nullopt;
        break;
      case 3:
        s.pause = s.pause.empty() ? "void" : "";
        break;
      case 4:
        s.metadata = Metadata(std::to_string(dice_.Below(1000)));
        break;
      case 5:
        s.status = s.status == "past_due" ? dice_.Of<std::string>({"active", "unpaid"}) : "past_due";
        break;
      case 6:
        s.period_start = s.period_end;
        s.period_end += 30 * kDay;
        s.status = "active";
        break;
      case 7:
        if (s.status == "incomplete" && dice_.Chance(30)) {
          s.status = "incomplete_expired";
          s.canceled_at = now_;
        } else {
          s.status = dice_.Of<std::string>({"active", "active", "paused"});
        }
        break;
      default:
        if (dice_.Chance(60)) break;
        type = "customer.subscription.deleted";
        s.status = "canceled";
        s.canceled_at = s.ended_at = now_;
        break;
    }
    TellChange(type, before, s);
    if (before.period_start != s.period_start) TellInvoice(s, "subscription_cycle");
  }

  void TellChange(const std::string& type, const Subscription& before, const Subscription& after) {
    const bool old_shape = dice_.Chance(50);
    const JsonFields fields = FieldsOf(after, old_shape);
    const JsonFields changed = Changed(FieldsOf(before, old_shape), fields);
    if (type.ends_with(".deleted")) return Emit(type, fields, {}, old_shape);
    if (changed.empty()) return;
    Emit(type, fields, changed, old_shape);
    if (before.status == after.status) return;
    if (after.status == "paused") Emit("customer.subscription.paused", fields, {}, old_shape);
    if (before.status == "paused") Emit("customer.subscription.resumed", fields, {}, old_shape);
  }

  void LateMetadata(Subscription& s) {
    Pass(3);
    const Subscription before = s;
    s.metadata = Metadata("late");
    TellChange("customer.subscription.updated", before, s);
  }

  // ── invoices ───────────────────────────────────────────────────────────────────────────────────────────────────

  void TellInvoice(Subscription& s, const std::string& billing_reason) {
    const int64_t then = now_;
    Invoice i;
    i.id = NewId("in");
    i.customer = s.customer;
    i.subscription = s.id;
    i.currency = s.currency;
    i.total = s.amount * s.quantity;
    i.created = now_;
    i.billing_reason = billing_reason;
    life_.invoices.push_back(i.id);
    const Subscription before = s;
    s.latest_invoice = i.id;
    TellChange("customer.subscription.updated", before, s);
    Tell("invoice.created", i);
    Pass(3600);
    if (now_ < options_.end && !dice_.Chance(5)) Settle(i);
    lives_.invoices.push_back(i);
    now_ = then;  // the subscription does not wait for its invoice
  }

  void Tell(const std::string& type, const Invoice& i) {
    const bool old_shape = dice_.Chance(50);
    Emit(type, FieldsOf(i, old_shape), {}, old_shape);
  }

  // The verb and the update that tells of the same change; either may come first.
  void Tell(const std::string& type, const Invoice& before, const Invoice& after) {
    const bool old_shape = dice_.Chance(50);
    Tell(type, after);
    const JsonFields fields = FieldsOf(after, old_shape);
    if (dice_.Chance(70)) Emit("invoice.updated", fields, Changed(FieldsOf(before, old_shape), fields), old_shape);
  }

  void Settle(Invoice& i) {
    Invoice before = i;
    i.status = "open";
    i.finalized_at = now_;
    i.number = "N-" + i.id.substr(i.id.size() - 6);
    Tell("invoice.finalized", before, i);
    const size_t failures = dice_.Chance(30) ? 1 + dice_.Below(3) : 0;
    for (size_t n = 0; n < failures; ++n) {
      Pass(dice_.Chance(50) ? 1 : kDay);
      before = i;
      ++i.attempt_count;
      Tell("invoice.payment_failed", before, i);
    }
    Pass(2);
    before = i;
    const size_t end = dice_.Below(10);
    if (end == 0) {
      i.status = "void";
      i.voided_at = now_;
      return Tell("invoice.voided", before, i);
    }
    if (end == 1) {
      i.status = "uncollectible";
      i.uncollectible_at = now_;
      Tell("invoice.marked_uncollectible", before, i);
      if (dice_.Chance(50)) return;
      Pass(2);
      before = i;
    }
    if (end == 2) return;
    i.status = "paid";
    i.paid_at = now_;
    i.amount_paid = i.total;
    ++i.attempt_count;
    Tell("invoice.paid", before, i);
    if (dice_.Chance(70)) Tell("invoice.payment_succeeded", i);
    if (dice_.Chance(options_.money_percent)) TellMoney(i);
  }

  // ── money ──────────────────────────────────────────────────────────────────────────────────────────────────────

  // How the invoice was paid, and what of it was given back.
  void TellMoney(const Invoice& i) {
    const bool old_shape = dice_.Chance(50);
    Payment payment{.intent = i.PaymentIntent(), .charge = NewId("ch"), .invoice_payment = NewId("inpay")};
    Emit("charge.succeeded", ChargeFields(i, payment, old_shape), {}, old_shape);
    if (dice_.Chance(60)) Emit("payment_intent.succeeded", IntentFields(i, payment, old_shape), {}, old_shape);
    if (!old_shape || dice_.Chance(30)) Emit("invoice_payment.paid", InvoicePaymentFields(i, payment));
    for (size_t n = dice_.Below(3); n > 0 && payment.refunded < i.total; --n) TellRefund(i, payment, old_shape);
    if (dice_.Chance(25)) TellCreditNote(i);
  }

  void TellRefund(const Invoice& i, Payment& payment, bool old_shape) {
    Pass(dice_.Chance(60) ? 1 : kDay);
    const std::string id = NewId("re");
    const int64_t amount = 1 + static_cast<int64_t>(dice_.Below(static_cast<size_t>(i.total - payment.refunded)));
    const JsonFields pending = RefundFields(id, i, payment, amount, "pending", now_);
    if (dice_.Chance(30)) Emit("refund.created", pending);
    if (dice_.Chance(15)) {
      const JsonFields failed = RefundFields(id, i, payment, amount, "failed", now_);
      return Emit("refund.failed", failed);
    }
    const JsonFields before = ChargeFields(i, payment, old_shape);
    payment.refunded += amount;
    const JsonFields after = ChargeFields(i, payment, old_shape);
    if (dice_.Chance(70)) Emit("charge.refunded", after, Changed(before, after), old_shape);
    Emit("refund.updated", RefundFields(id, i, payment, amount, "succeeded", now_), {{"status", Quoted("pending")}});
  }

  void TellCreditNote(const Invoice& i) {
    Pass(2);
    const std::string id = NewId("cn");
    const int64_t issued = now_;
    Emit("credit_note.created", CreditNoteFields(id, i, 100, issued, std::nullopt));
    if (dice_.Chance(70)) return;
    Pass(kDay);
    Emit("credit_note.voided", CreditNoteFields(id, i, 100, issued, now_));
  }

  // ── schedules ──────────────────────────────────────────────────────────────────────────────────────────────────

  void TellSchedule(Subscription& s) {
    const Subscription before = s;
    s.schedule = NewId("sub_sched");
    const std::string next = dice_.Of(options_.prices).first;
    const JsonFields active = ScheduleFields(s.schedule, s, next, "active");
    Emit("subscription_schedule.created", active);
    TellChange("customer.subscription.updated", before, s);
    if (dice_.Chance(50)) return;
    Pass(dice_.Chance(50) ? 1 : kDay);
    const JsonFields released = ScheduleFields(s.schedule, s, next, "released");
    Emit("subscription_schedule.released", released);
    const Subscription held = s;
    s.schedule = "";
    TellChange("customer.subscription.updated", held, s);
  }

  static constexpr int64_t kDay = 86400;
  Dice& dice_;
  const LifeOptions& options_;
  CustomerLife& life_;
  Lives& lives_;
  JsonFields customer_;
  int64_t now_ = 0;
};

}  // namespace

std::string LifeUserId(size_t number) {
  char text[40];
  std::snprintf(text, sizeof text, "00000000-0000-4000-8000-%012zu", number);
  return text;
}

namespace {

// Who there is. Some users have two customers: then the platform has written the first into the user's row, and the
// second names its user itself.
std::vector<CustomerLife> Cast(Dice& dice, const LifeOptions& options) {
  std::vector<CustomerLife> cast;
  for (size_t user = options.first_user; cast.size() < options.customers; ++user) {
    const auto add = [&](Evidence evidence) {
      cast.push_back({.customer = dice.Id("cus_" + options.name + "_"),
                      .user_id = LifeUserId(user),
                      .evidence = evidence,
                      .subscriptions = {},
                      .invoices = {}});
    };
    if (cast.size() + 2 <= options.customers && dice.Chance(20)) {
      add(Evidence::kUsersRow);
      add(dice.Of<Evidence>({Evidence::kCustomerMetadata, Evidence::kSubscriptionMetadata}));
    } else {
      add(dice.Of<Evidence>({Evidence::kUsersRow, Evidence::kCustomerMetadata, Evidence::kSubscriptionMetadata,
                             Evidence::kCheckoutReference}));
    }
  }
  return cast;
}

// Prices and products get and change a tier of their own, and lookup keys move. None loses its tier: an unknown price
// leaves a tier as it was, so what is then in the rows is of the past and not of the events alone.
void TellCatalog(Dice& dice, const LifeOptions& options, std::vector<LifeEvent>& events) {
  for (const auto& [price, amount] : options.prices) {
    if (!dice.Chance(options.catalog_percent)) continue;
    int64_t now = options.end - static_cast<int64_t>(dice.Below(30 * 86400));
    for (size_t n = 1 + dice.Below(3); n > 0; --n) {
      const std::string tier = dice.Of<std::string>({R"({"plan_tier":"pro"})", R"({"plan_tier":"enterprise"})"});
      const bool product = dice.Chance(40);
      JsonFields fields = {{"id", Quoted(product ? "prod_of_" + price : price)},
                           {"object", Quoted(product ? "product" : "price")},
                           {"active", "true"},
                           {"created", "1790841600"},
                           {"livemode", "false"},
                           {"metadata", tier}};
      if (product) {
        fields.emplace("name", Quoted("Agents"));
      } else {
        fields.insert({{"product", Quoted("prod_of_" + price)},
                       {"currency", Quoted("usd")},
                       {"unit_amount", std::to_string(amount)},
                       {"lookup_key", dice.Chance(50) ? "null" : Quoted("key_" + std::to_string(dice.Below(3)))}});
      }
      events.push_back(MakeEvent(dice.Id("evt_" + options.name + "_"), product ? "product.updated" : "price.updated",
                                 now, fields, {}, false));
      now = std::min(now + static_cast<int64_t>(dice.Below(3)), options.end);
    }
  }
}

}  // namespace

Lives MakeLives(Dice& dice, const LifeOptions& options) {
  Lives lives{.customers = Cast(dice, options), .events = {}, .subscriptions = {}, .invoices = {}};
  for (CustomerLife& life : lives.customers) {
    Teller teller(dice, options, life, lives);
    teller.Tell(options.end - static_cast<int64_t>(dice.Below(static_cast<size_t>(options.days) * 86400)));
  }
  TellCatalog(dice, options, lives.events);
  std::ranges::stable_sort(lives.events, {}, &LifeEvent::created);
  return lives;
}

}  // namespace billsync::testing
