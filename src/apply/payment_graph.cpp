#include "payment_graph.h"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace billsync::apply {
namespace {

std::int64_t Sum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) throw std::overflow_error("refunds of one invoice exceed 64 bits");
  return sum;
}

// Names that mean one payment, each set called by one of its members.
class Payments {
 public:
  // The payment a fact is about; none when it names nothing.
  std::optional<std::string> Of(const PaymentFact& fact) {
    if (fact.payment_intent) return Find(*fact.payment_intent);
    if (fact.charge) return Find(*fact.charge);
    return std::nullopt;
  }
  void Join(const PaymentFact& fact) {
    if (!fact.payment_intent || !fact.charge) return;
    const std::string one = Find(*fact.payment_intent);
    const std::string other = Find(*fact.charge);
    above_[std::max(one, other)] = std::min(one, other);
  }

 private:
  std::string Find(const std::string& name) {
    std::string top = name;
    for (auto at = above_.try_emplace(name, name).first; at->second != top; at = above_.find(top)) top = at->second;
    above_[name] = top;
    return top;
  }

  std::map<std::string, std::string> above_;
};

// The amounts of one payment in one currency.
struct Amounts {
  std::int64_t refunds = 0, by_charges = 0;
  Instant charges_as_of = Instant::min();
  std::vector<std::pair<Instant, std::int64_t>> failed;  // refunds, with their newest event's moment

  void Add(const PaymentFact& fact) {
    if (fact.kind == PaymentFact::Kind::kCharge) {
      by_charges = Sum(by_charges, fact.amount_minor);
      charges_as_of = std::max(charges_as_of, fact.as_of);
    } else if (fact.failed) {
      failed.emplace_back(fact.as_of, fact.amount_minor);
    } else {
      refunds = Sum(refunds, fact.amount_minor);
    }
  }

  std::int64_t Refunded() const {
    std::int64_t left = by_charges;
    for (const auto& [at, amount] : failed) {
      if (at >= charges_as_of) left = Sum(left, -amount);
    }
    return std::max({refunds, left, std::int64_t{0}});
  }
};

}  // namespace

std::map<std::string, std::int64_t> RefundedByInvoice(const std::vector<PaymentFact>& facts,
                                                      const std::map<std::string, std::string>& currencies) {
  Payments payments;
  for (const auto& fact : facts) payments.Join(fact);
  std::map<std::string, std::string> invoice_of;                   // by payment
  std::map<std::pair<std::string, std::string>, Amounts> amounts;  // by payment and currency
  std::set<std::pair<std::string, PaymentFact::Kind>> seen;
  for (const auto& fact : facts) {
    const auto payment = payments.Of(fact);
    if (!payment || !seen.emplace(fact.said_by, fact.kind).second) continue;
    if (fact.invoice) {
      const auto [at, fresh] = invoice_of.emplace(*payment, *fact.invoice);
      if (!fresh) at->second = std::min(at->second, *fact.invoice);
    }
    if (fact.kind == PaymentFact::Kind::kOther || !fact.currency) continue;
    amounts[{*payment, *fact.currency}].Add(fact);
  }
  std::map<std::string, std::int64_t> refunded;
  for (const auto& [invoice, unused] : currencies) refunded[invoice] = 0;
  for (const auto& [payment, invoice] : invoice_of) {
    const auto currency = currencies.find(invoice);
    if (currency == currencies.end()) continue;
    const auto found = amounts.find({payment, currency->second});
    if (found != amounts.end()) refunded[invoice] = Sum(refunded[invoice], found->second.Refunded());
  }
  return refunded;
}

}  // namespace billsync::apply
