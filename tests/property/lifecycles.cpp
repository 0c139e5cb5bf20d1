// Lives of a subscription, an invoice and a customer as stripe.md's lifecycles tell them, step by step.
#include <rapidcheck.h>

#include <optional>
#include <utility>

#include "told.h"
#include "unit/stripe/event_text.h"

namespace billsync::stripe {
namespace {

constexpr long long kMonth = 30LL * 86400;

std::string OrNull(const std::optional<long long>& value) {
  return value ? Number(*value) : "null";
}

// What a life of any object has: the clock, the shape, and the telling of each step.
class Teller {
 public:
  explicit Teller(bool mixed) : mixed_(mixed) {}

  long long second() const { return second_; }
  const Told& told() const { return told_; }

 protected:
  ~Teller() = default;

  void Pass() { second_ += *rc::gen::element<long long>(0, 0, 0, 1, 2, 3600, 86400); }

  // One event of what the object shows now. `updated` events tell what changed since the last Remember().
  template <typename Object>
  void Tell(const std::string& type, const Object& before, const Object& now, bool late = false) {
    if (mixed_ || told_.events.empty()) shape_ = *rc::gen::element(Shape::kAcacia, Shape::kEndive);
    const auto rendering = now.Render(shape_);
    told_.object = Json(rendering);
    const std::string previous =
        type.ends_with(".updated") ? PreviousAttributes(before.Render(shape_), rendering) : std::string();
    told_.events.push_back(
        Event(RandomId(told_.events.size()), type, second_ - kStart + (late ? 1 : 0), told_.object, previous));
  }

 private:
  bool mixed_;
  Shape shape_ = Shape::kEndive;
  long long second_ = kStart;
  Told told_;
};

struct SubscriptionState {
  struct Item {
    std::string id, price;
    int quantity = 1;
  };

  std::string status;
  std::vector<Item> items;
  long long period_start = kStart, period_end = kStart + kMonth;
  bool cancel_at_period_end = false;
  std::optional<long long> cancel_at, canceled_at, ended_at, trial_end;
  std::optional<std::string> pause;
  std::string invoice = "in_0";
  Hash metadata;

  Rendering Render(Shape shape) const {
    std::string list;
    for (const auto& item : items) {
      list += (list.empty() ? "" : ",") + std::string(R"({"id":)") + Text(item.id) + R"(,"quantity":)" +
              Number(item.quantity) + R"(,"price":{"id":)" + Text(item.price) + "}";
      if (shape == Shape::kEndive) {
        list += R"(,"current_period_start":)" + Number(period_start) + R"(,"current_period_end":)" + Number(period_end);
      }
      list += "}";
    }
    Rendering object{{"id", Text("sub_1")},
                     {"object", Text("subscription")},
                     {"customer", Text("cus_1")},
                     {"currency", Text("usd")},
                     {"created", Number(kStart)},
                     {"status", Text(status)},
                     {"items", Hash{{"data", "[" + list + "]"}, {"has_more", "false"}}},
                     {"cancel_at_period_end", cancel_at_period_end ? "true" : "false"},
                     {"cancel_at", OrNull(cancel_at)},
                     {"canceled_at", OrNull(canceled_at)},
                     {"ended_at", OrNull(ended_at)},
                     {"trial_end", OrNull(trial_end)},
                     {"pause_collection", pause ? R"({"behavior":)" + Text(*pause) + "}" : "null"},
                     {"latest_invoice", Text(invoice)},
                     {"metadata", metadata}};
    if (shape == Shape::kAcacia) {
      object["current_period_start"] = Number(period_start);
      object["current_period_end"] = Number(period_end);
    }
    return object;
  }
};

class SubscriptionTeller : public Teller {
 public:
  using Teller::Teller;

  void Live(int steps) {
    Begin();
    while (steps-- > 0 && Step()) {
    }
  }

 private:
  void Begin() {
    state_.status = *rc::gen::element<std::string>("incomplete", "incomplete", "active", "trialing");
    state_.items = {{"si_1", "price_0"}};
    if (state_.status == "trialing") state_.trial_end = state_.period_end;
    Tell("customer.subscription.created", state_, state_, *rc::gen::inRange(0, 4) == 0);
  }

  void Change(auto change) {
    const auto before = state_;
    change(state_);
    Tell("customer.subscription.updated", before, state_);
  }

  // False when nothing can follow.
  bool Step() {
    Pass();
    ++step_;
    const std::string n = std::to_string(step_);
    if (state_.status == "incomplete") {
      const bool paid = *rc::gen::inRange(0, 4) > 0;
      Change([&](auto& s) {
        s.status = paid ? "active" : "incomplete_expired";
        if (!paid) s.canceled_at = second();
      });
      return paid;
    }
    if (state_.status == "paused") {
      Change([](auto& s) { s.status = "active"; });
      Tell("customer.subscription.resumed", state_, state_);
      return true;
    }
    switch (*rc::gen::inRange(0, 13)) {
      case 0:  // upgrade or downgrade with an invoice
        Change([&](auto& s) {
          s.items.front().price = "price_" + n;
          s.invoice = "in_" + n;
        });
        return true;
      case 1:
        Change([](auto& s) { ++s.items.front().quantity; });
        return true;
      case 2:
        Change([&](auto& s) { s.items.push_back({"si_9" + n, "price_addon"}); });
        return true;
      case 3:
        if (state_.items.size() == 1) return true;
        Change([](auto& s) { s.items.pop_back(); });
        return true;
      case 4:  // cancel at the period's end, or take it back
        Change([&](auto& s) {
          s.cancel_at_period_end = !s.cancel_at_period_end;
          s.cancel_at = s.cancel_at_period_end ? std::optional(s.period_end) : std::nullopt;
          s.canceled_at = s.cancel_at_period_end ? std::optional(second()) : std::nullopt;
        });
        return true;
      case 5:  // renewal
        Change([&](auto& s) {
          s.period_start = s.period_end;
          s.period_end += kMonth;
          s.invoice = "in_" + n;
        });
        return true;
      case 6:
        Change([](auto& s) { s.status = s.status == "past_due" ? "unpaid" : "past_due"; });
        return true;
      case 7:
        if (state_.status == "active") return true;
        Change([](auto& s) { s.status = "active"; });
        return true;
      case 8:
        Change([](auto& s) { s.pause = s.pause ? std::nullopt : std::optional<std::string>("void"); });
        return true;
      case 9:
        Change([](auto& s) { s.status = "paused"; });
        Tell("customer.subscription.paused", state_, state_);
        return true;
      case 10:
      case 11:
        Change([&](auto& s) { s.metadata["note"] = Text(n); });
        return true;
      default:
        End();
        return false;
    }
  }

  void End() {
    state_.status = "canceled";
    state_.canceled_at = state_.canceled_at.value_or(second());
    state_.ended_at = second();
    Tell("customer.subscription.deleted", state_, state_);
    if (*rc::gen::arbitrary<bool>()) return;
    Pass();
    Change([](auto& s) { s.metadata["reason"] = Text("late"); });
  }

  SubscriptionState state_;
  int step_ = 0;
};

struct InvoiceState {
  std::string status = "draft";
  long long total = 2900, paid = 0, credited = 0;
  int attempts = 0;
  std::optional<std::string> number;
  std::optional<long long> due, next_attempt, finalized_at, paid_at, voided_at, uncollectible_at;
  Hash metadata;

  Rendering Render(Shape shape) const {
    const long long due_amount = total;
    Rendering object{{"id", Text("in_1")},
                     {"object", Text("invoice")},
                     {"customer", Text("cus_1")},
                     {"currency", Text("usd")},
                     {"created", Number(kStart)},
                     {"status", Text(status)},
                     {"total", Number(total)},
                     {"amount_due", Number(due_amount)},
                     {"amount_paid", Number(paid)},
                     {"amount_remaining", Number(due_amount - paid)},
                     {"post_payment_credit_notes_amount", Number(credited)},
                     {"attempt_count", Number(attempts)},
                     {"attempted", attempts > 0 ? "true" : "false"},
                     {"next_payment_attempt", OrNull(next_attempt)},
                     {"number", number ? Text(*number) : "null"},
                     {"due_date", OrNull(due)},
                     {"status_transitions", Hash{{"finalized_at", OrNull(finalized_at)},
                                                 {"paid_at", OrNull(paid_at)},
                                                 {"voided_at", OrNull(voided_at)},
                                                 {"marked_uncollectible_at", OrNull(uncollectible_at)}}},
                     {"metadata", metadata}};
    if (shape == Shape::kAcacia) {
      object["subscription"] = Text("sub_1");
      object["paid"] = status == "paid" ? "true" : "false";
    } else {
      object["parent"] = R"({"type":"subscription_details","subscription_details":{"subscription":"sub_1"}})";
    }
    return object;
  }
};

class InvoiceTeller : public Teller {
 public:
  using Teller::Teller;

  void Live(int steps) {
    Tell("invoice.created", state_, state_, *rc::gen::inRange(0, 4) == 0);
    while (steps-- > 0 && Step()) {
    }
  }

 private:
  // A change is told by events of its own and by an .updated, in any order.
  void Change(std::vector<std::string> verbs, auto change) {
    const auto before = state_;
    change(state_);
    verbs.emplace_back("updated");
    std::rotate(verbs.begin(), verbs.begin() + *rc::gen::inRange<long>(0, static_cast<long>(verbs.size())),
                verbs.end());
    for (const auto& verb : verbs) Tell("invoice." + verb, before, state_);
  }

  void Pay() {
    Change({"paid", "payment_succeeded"}, [&](auto& i) {
      i.status = "paid";
      i.paid = i.total;
      i.paid_at = second();
      i.next_attempt = std::nullopt;
    });
  }

  bool Step() {
    Pass();
    ++step_;
    if (state_.status == "draft") return StepOfDraft();
    if (state_.status == "paid" || state_.status == "void") {
      Change({}, [&](auto& i) {
        i.metadata["note"] = Text(std::to_string(step_));
        if (i.status == "paid" && *rc::gen::arbitrary<bool>()) i.credited += 100;
      });
      return true;
    }
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
        Pay();
        return true;
      case 1:
        Change({"voided"}, [&](auto& i) {
          i.status = "void";
          i.voided_at = second();
        });
        return true;
      case 2:
        Change({}, [&](auto& i) {
          i.due = second() + 7 * 86400;
          i.metadata["due"] = Text(std::to_string(step_));
        });
        return true;
      case 3:
        if (state_.status == "uncollectible") return true;
        Change({"marked_uncollectible"}, [&](auto& i) {
          i.status = "uncollectible";
          i.uncollectible_at = second();
          i.next_attempt = std::nullopt;
        });
        return true;
      default:
        Change({"payment_failed"}, [&](auto& i) {
          ++i.attempts;
          i.next_attempt = second() + 3 * 86400;
        });
        return true;
    }
  }

  bool StepOfDraft() {
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        Change({}, [](auto& i) { i.total += 500; });
        return true;
      case 1:  // all at once: the draft is found paid
        Finalize({}, "paid");
        return true;
      case 2:
        Finalize({"finalized"}, "open");
        return true;
      default:
        if (*rc::gen::inRange(0, 3) > 0) return true;
        Tell("invoice.deleted", state_, state_);
        return false;
    }
  }

  void Finalize(std::vector<std::string> verbs, const std::string& status) {
    Change(std::move(verbs), [&](auto& i) {
      i.status = status;
      i.number = "A-1";
      i.finalized_at = second();
      if (status != "paid") return;
      i.paid = i.total;
      i.paid_at = second();
    });
  }

  InvoiceState state_;
  int step_ = 0;
};

struct CustomerState {
  std::string email = "a@example.com";
  long long balance = 0;
  bool delinquent = false;
  Hash metadata;

  Rendering Render(Shape) const {
    return {{"id", Text("cus_1")},        {"object", Text("customer")},
            {"created", Number(kStart)},  {"email", email.empty() ? "null" : Text(email)},
            {"balance", Number(balance)}, {"delinquent", delinquent ? "true" : "false"},
            {"metadata", metadata},       {"livemode", "false"}};
  }
};

class CustomerTeller : public Teller {
 public:
  CustomerTeller() : Teller(false) {}

  void Live(int steps) {
    Tell("customer.created", state_, state_, *rc::gen::inRange(0, 4) == 0);
    for (int step = 1; step <= steps; ++step) {
      Pass();
      const int what = *rc::gen::inRange(0, 6);
      if (what == 5) {
        Tell("customer.deleted", state_, state_);
        return;
      }
      const auto before = state_;
      if (what == 0) state_.email = state_.email.empty() || *rc::gen::arbitrary<bool>() ? Numbered(step) : "";
      if (what == 1) state_.delinquent = !state_.delinquent;
      if (what == 2) state_.balance -= step;
      if (what > 2) state_.metadata["user_id"] = Text(std::to_string(step));
      Tell("customer.updated", before, state_);
    }
  }

 private:
  static std::string Numbered(int step) { return "a" + std::to_string(step) + "@example.com"; }

  CustomerState state_;
};

}  // namespace

Told SubscriptionLife(bool mixed) {
  SubscriptionTeller teller(mixed);
  teller.Live(*rc::gen::inRange(0, 25));
  return teller.told();
}

Told InvoiceLife(bool mixed) {
  InvoiceTeller teller(mixed);
  teller.Live(*rc::gen::inRange(0, 12));
  return teller.told();
}

Told CustomerLife() {
  CustomerTeller teller;
  teller.Live(*rc::gen::inRange(0, 15));
  return teller.told();
}

}  // namespace billsync::stripe
