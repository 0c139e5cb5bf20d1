#include "billsync/billing/held_tier.h"

#include <algorithm>
#include <tuple>

namespace billsync::billing {
namespace {

// Whether a later snapshot of that tier, or of a higher one, shows what follows a failed payment, or that nothing was
// collected.
bool FailedSince(std::span<const BoughtTier> later, Tier tier) {
  return std::ranges::any_of(later, [&](const BoughtTier& one) {
    const bool fine = (one.status == "active" || one.status == "trialing") && !one.collection_paused;
    return one.tier && *one.tier >= tier && !fine;
  });
}

bool StillRuns(const BoughtTier& bought, const PresentPeriod& present) {
  return present.start <= bought.at || present.anchor == present.start;
}

const KnownInvoice* Find(const KnownInvoices& invoices, const std::optional<std::string>& id) {
  const auto found = id ? invoices.find(*id) : invoices.end();
  return found == invoices.end() ? nullptr : &found->second;
}

// Whether `bought` was billed by an invoice that is paid, as far as anybody knows. By stamps, not by places in the
// order: the earliest snapshot of a list of prices with an invoice is kept whatever is left unread.
bool WasPaid(std::span<const BoughtTier> history, const BoughtTier& bought, const KnownInvoices& invoices) {
  const KnownInvoice* invoice = Find(invoices, bought.invoice);
  if (invoice != nullptr && !invoice->paid) return false;
  const auto tells = [&](const BoughtTier& one) {
    return one.tier && one.invoice == bought.invoice && one.period_end && *one.period_end > history.back().at;
  };
  Instant until = bought.at;
  for (const auto& one : history) {
    if (tells(one)) until = std::min(until, one.at);
  }
  if (invoice != nullptr && invoice->finalized_at) until = std::max(until, *invoice->finalized_at);
  return std::ranges::none_of(
      history, [&](const BoughtTier& one) { return tells(one) && *one.tier < *bought.tier && one.at <= until; });
}

}  // namespace

std::optional<HeldTier> FindHeldTier(std::span<const BoughtTier> history, Tier now_tier, const PresentPeriod& present,
                                     const KnownInvoices& invoices) {
  std::optional<HeldTier> held;
  for (size_t i = 0; i < history.size(); ++i) {
    const BoughtTier& bought = history[i];
    if (!bought.tier || *bought.tier <= now_tier || bought.status != "active" || bought.collection_paused) continue;
    if (!bought.period_end || !StillRuns(bought, present)) continue;
    const HeldTier candidate{*bought.tier, std::min(*bought.period_end, present.end)};
    if (candidate.until <= history.back().at || FailedSince(history.subspan(i + 1), *bought.tier)) continue;
    if (!WasPaid(history, bought, invoices)) continue;
    if (!held || std::tie(held->tier, held->until) < std::tie(candidate.tier, candidate.until)) held = candidate;
  }
  return held;
}

}  // namespace billsync::billing
