#include "told.h"

#include <rapidcheck.h>

#include <algorithm>

#include "unit/stripe/event_text.h"

namespace billsync::stripe {
namespace {

std::string JsonOf(const Hash& hash) {
  std::string text;
  for (const auto& [key, value] : hash) text += (text.empty() ? "" : ",") + Text(key) + ":" + value;
  return "{" + text + "}";
}

std::string ValueOf(const Hash& hash, const std::string& key) {
  const auto found = hash.find(key);
  return found == hash.end() ? "null" : found->second;
}

Hash ChangedMembers(const Hash& before, const Hash& after) {
  Hash changed;
  for (const auto& [key, value] : before) {
    if (ValueOf(after, key) != value) changed[key] = value;
  }
  for (const auto& [key, value] : after) {
    if (!before.contains(key)) changed[key] = "null";
  }
  return changed;
}

std::string Plain(const std::variant<std::string, Hash>& value) {
  const auto* hash = std::get_if<Hash>(&value);
  return hash == nullptr ? std::get<std::string>(value) : JsonOf(*hash);
}

}  // namespace

std::string Text(const std::string& value) {
  return "\"" + value + "\"";
}

std::string Number(long long value) {
  return std::to_string(value);
}

std::string Json(const Rendering& rendering) {
  Hash flat;
  for (const auto& [key, value] : rendering) flat[key] = Plain(value);
  return JsonOf(flat);
}

std::string PreviousAttributes(const Rendering& before, const Rendering& after) {
  Hash previous;
  for (const auto& [key, now] : after) {
    const auto old_value = before.find(key);
    if (old_value == before.end()) {
      previous[key] = "null";
    } else if (std::holds_alternative<Hash>(now) && std::holds_alternative<Hash>(old_value->second)) {
      const auto changed = ChangedMembers(std::get<Hash>(old_value->second), std::get<Hash>(now));
      if (!changed.empty()) previous[key] = JsonOf(changed);
    } else if (now != old_value->second) {
      previous[key] = Plain(old_value->second);
    }
  }
  return JsonOf(previous);
}

std::string RandomId(size_t step) {
  return "evt_" + std::to_string(*rc::gen::inRange(1000, 9999)) + "_" + std::to_string(step);
}

std::vector<StoredEvent> Shuffled(std::vector<StoredEvent> events) {
  for (size_t i = events.size(); i > 1; --i) std::swap(events[i - 1], events[*rc::gen::inRange<size_t>(0, i)]);
  return events;
}

std::vector<StoredEvent> ShuffledWithDuplicates(std::vector<StoredEvent> events) {
  const size_t originals = events.size();
  const int duplicates = *rc::gen::inRange(0, 4);
  for (int i = 0; i < duplicates; ++i) events.push_back(events[*rc::gen::inRange<size_t>(0, originals)]);
  return Shuffled(std::move(events));
}

}  // namespace billsync::stripe
