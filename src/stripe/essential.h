// Which events of an object must be kept so that nothing that comes later is judged otherwise. See merge.h.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "fold.h"

namespace billsync::stripe {

// The places of an object's events, and which of them are kept. A place is kept whole: what is in it may be put in
// another order when events that come later give it another anchor.
template <typename T>
class EssentialPlaces {
 public:
  EssentialPlaces(const std::vector<Reading<T>>& readings, const Rules<T>& rules)
      : readings_(readings),
        rules_(rules),
        candidates_(Candidates(readings, rules)),
        places_(TiedSets(candidates_)),
        kept_(places_.size(), false) {
    if (places_.empty()) return;
    kept_.front() = true;  // so that the order still begins with what the object began with
    for (size_t i = 0; i < places_.size(); ++i) {
      if (i + 1 == places_.size() || !InOneGroup(PlaceOf(i), PlaceOf(i + 1))) KeepEndOfGroup(i);
    }
    for (const auto& column : rules_.columns) KeepNewestHighest(column.rank);
    KeepNewestEnd();
    if (rules_.marks) KeepNewestMarked();
    if (rules_.first_marks) KeepFirstMarked();
    KeepAnchors();
  }

  std::vector<std::string> EventIds() const {
    std::vector<std::string> ids;
    for (size_t i = 0; i < places_.size(); ++i) {
      if (!kept_[i]) continue;
      for (const size_t member : places_[i]) ids.push_back(readings_[member].event->id);
    }
    return ids;
  }

 private:
  const Place& PlaceOf(size_t i) const { return candidates_[places_[i].front()].place; }

  bool AllOf(size_t i, auto predicate) const {
    return std::all_of(places_[i].begin(), places_[i].end(),
                       [&](size_t member) { return predicate(readings_[member].snapshot); });
  }

  // A later event of the same group goes right above its newest place; and it may go on with the state that the group
  // ends in, whose beginning the row tells.
  void KeepEndOfGroup(size_t newest) {
    kept_[newest] = true;
    if (!rules_.dated_state) return;
    size_t begin = newest + 1;
    while (begin > 0 && InOneGroup(PlaceOf(begin - 1), PlaceOf(newest)) && AllOf(begin - 1, rules_.dated_state)) {
      --begin;
    }
    if (begin <= newest) kept_[begin] = true;
    if (begin > 0) kept_[begin - 1] = true;
  }

  void KeepNewestHighest(auto rank) {
    std::pair<std::int64_t, size_t> highest{0, 0};
    for (size_t i = 0; i < places_.size(); ++i) {
      for (const size_t member : places_[i]) {
        highest = std::max(highest, std::pair<std::int64_t, size_t>(rank(readings_[member].snapshot), i));
      }
    }
    kept_[highest.second] = true;
  }

  void KeepNewestEnd() {
    const auto ends = [&](size_t m) { return Ends(*readings_[m].event, readings_[m].snapshot, rules_); };
    for (size_t i = places_.size(); i > 0; --i) {
      if (!std::any_of(places_[i - 1].begin(), places_[i - 1].end(), ends)) continue;
      kept_[i - 1] = true;
      return;
    }
  }

  // Within a group: there a newer place has a later stamp too.
  void KeepNewestMarked() {
    const Instant winner = WinnersMoment();
    std::set<std::string> seen;
    for (size_t i = places_.size(); i > 0; --i) {
      if (i < places_.size() && !InOneGroup(PlaceOf(i - 1), PlaceOf(i))) seen.clear();
      for (const size_t member : places_[i - 1]) {
        for (auto& mark : rules_.marks(readings_[member].snapshot, winner)) {
          if (seen.insert(std::move(mark)).second) kept_[i - 1] = true;
        }
      }
    }
  }

  Instant WinnersMoment() const { return readings_[places_.back().front()].event->created; }

  void KeepFirstMarked() {
    const Instant winner = WinnersMoment();
    std::map<std::string, std::tuple<Instant, std::string, size_t>> first;
    for (size_t i = 0; i < places_.size(); ++i) {
      for (const size_t member : places_[i]) {
        const auto& [event, snapshot] = readings_[member];
        const std::tuple here(event->created, event->id, i);
        for (const auto& mark : rules_.first_marks(snapshot, winner)) {
          auto& known = first.try_emplace(mark, here).first->second;
          known = std::min(known, here);
        }
      }
    }
    for (const auto& [mark, where] : first) kept_[std::get<size_t>(where)] = true;
  }

  // The order inside a place depends on the newest event below it.
  void KeepAnchors() {
    const auto chosen = kept_;
    for (size_t i = 0; i < places_.size(); ++i) {
      if (!chosen[i]) continue;
      size_t at = i;
      for (size_t reach = kAnchorReach; reach > 0 && at > 0 && places_[at].size() > 1; --reach) kept_[--at] = true;
    }
  }

  const std::vector<Reading<T>>& readings_;
  const Rules<T>& rules_;
  std::vector<Candidate> candidates_;
  std::vector<TiedSet> places_;  // oldest → newest
  std::vector<bool> kept_;
};

// EssentialEvents (merge.h) of one kind.
template <typename T>
std::vector<std::string> EssentialBy(std::span<const StoredEvent> events, const Rules<T>& rules) {
  const auto readings = ReadAll(events, rules);
  return EssentialPlaces<T>(readings.readable, rules).EventIds();
}

// EssentialEvents (merge.h), where the rules of the kind are.
std::vector<std::string> EssentialOfSubscription(std::span<const StoredEvent> events);
std::vector<std::string> EssentialOfInvoice(std::span<const StoredEvent> events);
std::vector<std::string> EssentialOfCustomer(std::span<const StoredEvent> events);
std::vector<std::string> EssentialOfPrice(std::span<const StoredEvent> events);
std::vector<std::string> EssentialOfProduct(std::span<const StoredEvent> events);
std::vector<std::string> EssentialOfSchedule(std::span<const StoredEvent> events);
std::vector<std::string> EssentialOfCharge(std::span<const StoredEvent> events);
std::vector<std::string> EssentialOfPaymentIntent(std::span<const StoredEvent> events);
std::vector<std::string> EssentialOfInvoicePayment(std::span<const StoredEvent> events);
std::vector<std::string> EssentialOfRefund(std::span<const StoredEvent> events);
std::vector<std::string> EssentialOfCreditNote(std::span<const StoredEvent> events);
std::vector<std::string> EssentialOfDiscount(std::span<const StoredEvent> events);
std::vector<std::string> EssentialOfActiveEntitlements(std::span<const StoredEvent> events);

}  // namespace billsync::stripe
