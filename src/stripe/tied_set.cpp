#include "tied_set.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <optional>

#include "chain.h"

namespace billsync::stripe {
namespace {

// All paths are weighed up to this many members (2^n·n² steps); bursts of more are put in order step by step.
constexpr size_t kExactLimit = 12;
// Up to this many are put in order step by step (n² comparisons). No object changes as often: Stripe answers an
// account's 101st request of a second with 429.
constexpr size_t kChainLimit = 256;
constexpr int kNever = std::numeric_limits<int>::max() / 4;

// The best of several equally fitting members, and what made it the best.
struct Choice {
  size_t member = 0;
  OrderRule rule = OrderRule::kChain;
  std::vector<size_t> rivals;  // equals that only the id put aside
};

class Path {
 public:
  Path(std::span<const Candidate> candidates, std::span<const size_t> members, const StoredEvent* anchor)
      : candidates_(candidates),
        members_(members),
        has_anchor_(anchor != nullptr),
        costs_(Links(), anchor == nullptr ? std::nullopt : std::optional<JsonValue>(LinkTo(*anchor).object)) {}

  Ordering Order() const { return members_.size() <= kExactLimit ? ByWeighingAllPaths() : StepByStep(); }

 private:
  using Costs = std::vector<std::vector<int>>;  // [set of members, as bits][last of them]

  // Parses again what the fold has read and dropped.
  ChainLink LinkTo(const StoredEvent& event) {
    return LinkOf(event, documents_.emplace_back(JsonDocument::Parse(event.payload).value()).Root());
  }

  std::vector<ChainLink> Links() {
    std::vector<ChainLink> links;
    for (const size_t member : members_) links.push_back(LinkTo(*candidates_[member].event));
    return links;
  }

  const Candidate& At(size_t i) const { return candidates_[members_[i]]; }

  // Of members that fit equally well, the one that belongs last. `equals` is sorted by event id.
  Choice Latest(const std::vector<size_t>& equals) const {
    Choice choice;
    auto most = At(equals.front()).progress;
    for (const size_t i : equals) most = std::max(most, At(i).progress);
    for (const size_t i : equals) {
      if (At(i).progress == most) choice.rivals.push_back(i);
    }
    choice.member = choice.rivals.back();
    choice.rivals.pop_back();
    if (!choice.rivals.empty()) {
      choice.rule = OrderRule::kEventId;
    } else if (equals.size() > 1) {
      choice.rule = OrderRule::kProgress;
    }
    return choice;
  }

  // Cheapest cost of a path through exactly the members of each set, per last member.
  Costs CheapestPaths() const {
    const size_t count = members_.size();
    Costs cheapest(size_t{1} << count, std::vector<int>(count, kNever));
    for (size_t i = 0; i < count; ++i) cheapest[size_t{1} << i][i] = costs_.Start(i);
    for (size_t set = 1; set < cheapest.size(); ++set) {
      for (size_t last = 0; last < count; ++last) {
        if (cheapest[set][last] == kNever) continue;
        for (size_t next = 0; next < count; ++next) {
          const size_t bit = size_t{1} << next;
          if ((set & bit) != 0) continue;
          int& known = cheapest[set | bit][next];
          known = std::min(known, cheapest[set][last] + costs_.Step(last, next));
        }
      }
    }
    return cheapest;
  }

  Ordering ByWeighingAllPaths() const {
    const auto cheapest = CheapestPaths();
    const size_t count = members_.size();
    Ordering ordering;
    size_t set = cheapest.size() - 1;
    std::optional<size_t> above;
    while (set != 0) {
      int least = kNever;
      std::vector<size_t> equals;
      for (size_t i = 0; i < count; ++i) {
        if ((set >> i & 1U) == 0) continue;
        const int cost = cheapest[set][i] + (above ? costs_.Step(i, *above) : 0);
        if (cost < least) equals.clear();
        least = std::min(least, cost);
        if (cost == least) equals.push_back(i);
      }
      const Choice choice = Latest(equals);
      if (!above) ordering.rivals = Candidates(choice.rivals);
      ordering.placements.push_back({members_[choice.member], choice.rule});
      set &= ~(size_t{1} << choice.member);
      above = choice.member;
    }
    std::reverse(ordering.placements.begin(), ordering.placements.end());
    return ordering;
  }

  // Goes from each member to the one that fits best, the least advanced first. Not certain to find the best path, so
  // every other member stays a rival of the last.
  Ordering StepByStep() const {
    Ordering ordering;
    std::vector<size_t> left(members_.size());
    for (size_t i = 0; i < left.size(); ++i) left[i] = i;
    std::optional<size_t> last;
    while (!left.empty()) {
      const auto fit = [&](size_t i) {
        return last ? costs_.Step(*last, i) : has_anchor_ ? costs_.Start(i) : -LeastCostInto(i);
      };
      const auto next = std::min_element(left.begin(), left.end(), [&](size_t a, size_t b) {
        return std::pair(fit(a), At(a).progress) < std::pair(fit(b), At(b).progress);
      });
      last = *next;
      left.erase(next);
      ordering.placements.push_back({members_[*last], OrderRule::kChain});
    }
    for (const auto& placement : ordering.placements) ordering.rivals.push_back(placement.candidate);
    ordering.rivals.pop_back();
    return ordering;
  }

  // How well the best fitting predecessor fits; large for a member that nothing leads to, which is a good start.
  int LeastCostInto(size_t to) const {
    int least = kNever;
    for (size_t from = 0; from < members_.size(); ++from) {
      if (from != to) least = std::min(least, costs_.Step(from, to));
    }
    return least;
  }

  std::vector<size_t> Candidates(const std::vector<size_t>& of) const {
    std::vector<size_t> candidates;
    for (const size_t i : of) candidates.push_back(members_[i]);
    return candidates;
  }

  std::span<const Candidate> candidates_;
  std::span<const size_t> members_;
  bool has_anchor_;
  std::deque<JsonDocument> documents_;  // what costs_ views
  ChainCosts costs_;
};

// The most advanced last, the greater id of equals; every other member stays a rival of the last.
Ordering ByProgress(std::span<const Candidate> candidates, std::span<const size_t> members) {
  std::vector<size_t> order(members.begin(), members.end());
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return candidates[a].progress < candidates[b].progress; });
  Ordering ordering;
  for (const size_t member : order) {
    const bool equal = !ordering.placements.empty() &&
                       candidates[ordering.placements.back().candidate].progress == candidates[member].progress;
    ordering.placements.push_back({member, equal ? OrderRule::kEventId : OrderRule::kProgress});
  }
  order.pop_back();
  ordering.rivals = std::move(order);
  return ordering;
}

}  // namespace

Ordering OrderTiedSet(std::span<const Candidate> candidates, std::span<const size_t> members,
                      const StoredEvent* anchor) {
  if (members.size() == 1) return {{{members.front(), OrderRule::kFirst}}, {}};
  if (members.size() > kChainLimit) return ByProgress(candidates, members);
  return Path(candidates, members, anchor).Order();
}

}  // namespace billsync::stripe
