#include "chain.h"

#include <algorithm>
#include <string_view>

#include "billsync/stripe/event_use.h"

namespace billsync::stripe {
namespace {

bool AllHaveIds(const std::vector<JsonValue>& elements) {
  return std::all_of(elements.begin(), elements.end(), [](JsonValue v) { return v.Find("id").Text().has_value(); });
}

bool AgreeOnSharedMembers(JsonValue a, JsonValue b);

bool ArraysAgree(const std::vector<JsonValue>& a, const std::vector<JsonValue>& b) {
  if (a.size() != b.size()) return false;
  if (!AllHaveIds(a) || !AllHaveIds(b)) return std::equal(a.begin(), a.end(), b.begin());
  return std::all_of(a.begin(), a.end(), [&](JsonValue element) {
    const auto twin = std::find_if(
        b.begin(), b.end(), [&](JsonValue other) { return other.Find("id").Text() == element.Find("id").Text(); });
    return twin != b.end() && AgreeOnSharedMembers(element, *twin);
  });
}

bool AgreeOnSharedMembers(JsonValue a, JsonValue b) {
  if (a.IsArray() && b.IsArray()) return ArraysAgree(a.Elements(), b.Elements());
  if (!a.IsObject() || !b.IsObject()) return a == b;
  for (const auto& [key, value] : a.Members()) {
    const JsonValue other = b.Find(key);
    if (!other.IsMissing() && !AgreeOnSharedMembers(value, other)) return false;
  }
  return true;
}

std::vector<std::string_view> ChangedKeys(std::span<const ChainLink> links) {
  std::vector<std::string_view> keys;
  for (const auto& link : links) {
    for (const auto& [key, value] : link.previous.Members()) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

std::vector<JsonValue> Pick(JsonValue object, std::span<const std::string_view> keys) {
  std::vector<JsonValue> values;
  for (const auto key : keys) values.push_back(object.Find(key));
  return values;
}

// A rendering that lacks a member altogether says nothing about it: in the one second in which an endpoint of another
// version takes over, the period is a member of the subscription in some events and of its items in others.
int Disagreements(const std::vector<JsonValue>& a, const std::vector<JsonValue>& b) {
  int count = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!a[i].IsMissing() && !b[i].IsMissing() && !Agrees(a[i], b[i])) ++count;
  }
  return count;
}

}  // namespace

ChainLink LinkOf(const StoredEvent& event, JsonValue root) {
  if (event.type == kApiReadType) return {root, {}};
  const JsonValue data = root.Find("data");
  return {data.Find("object"), data.Find("previous_attributes")};
}

bool Agrees(JsonValue old_value, JsonValue actual) {
  if (old_value.IsNull() || actual.IsNull()) return old_value.IsNull() && actual.IsNull();
  if (old_value.IsArray() && actual.IsArray()) return ArraysAgree(old_value.Elements(), actual.Elements());
  if (!old_value.IsObject() || !actual.IsObject()) return old_value == actual;
  for (const auto& [key, value] : old_value.Members()) {
    if (!Agrees(value, actual.Find(key))) return false;
  }
  for (const auto& [key, value] : actual.Members()) {
    if (old_value.Find(key).IsMissing() && !value.IsNull()) return false;
  }
  return true;
}

ChainCosts::ChainCosts(std::span<const ChainLink> links, std::optional<JsonValue> anchor) : size_(links.size()) {
  const auto keys = ChangedKeys(links);
  std::vector<States> states;
  for (const auto& link : links) states.push_back(StatesOf(link, keys));
  for (const auto& from : states) {
    for (const auto& to : states) {
      int cost = Cost(from.after, to);
      // Stripe now and then makes two events of one change: the second fits nowhere, but best beside its twin.
      if (cost > 1 && Disagreements(from.after, to.after) == 0 && Disagreements(from.before, to.before) == 0) cost = 1;
      steps_.push_back(cost);
    }
  }
  const auto before_all = anchor ? Pick(*anchor, keys) : std::vector<JsonValue>{};
  for (const auto& to : states) starts_.push_back(anchor ? Cost(before_all, to) : 0);
}

ChainCosts::States ChainCosts::StatesOf(const ChainLink& link, std::span<const std::string_view> keys) {
  States states;
  for (const auto key : keys) {
    const JsonValue now = link.object.Find(key);
    const JsonValue old_value = link.previous.Find(key);
    states.after.push_back(now);
    if (old_value.IsMissing() || now.IsMissing()) {
      states.before.push_back(old_value.IsMissing() ? now : old_value);
    } else {
      states.before.push_back(rolled_back_.emplace_back(JsonDocument::Overlay(now, old_value)).Root());
    }
  }
  return states;
}

int ChainCosts::Cost(const std::vector<JsonValue>& from_after, const States& to) {
  return kMismatch * Disagreements(to.before, from_after);
}

}  // namespace billsync::stripe
