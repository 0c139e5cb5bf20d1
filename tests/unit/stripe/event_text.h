// Builds stored events for tests from the parts a test is about.
#pragma once

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/stripe/json.h"
#include "billsync/stripe/merge.h"

namespace billsync::stripe {

// Test times count from here: 2026-11-10 08:00:00 UTC.
inline constexpr long long kStart = 1794297600;

inline Instant At(long long seconds) {
  return Instant{std::chrono::seconds{seconds}};
}

// A snapshot event `offset` seconds after kStart.
inline StoredEvent Event(const std::string& id, const std::string& type, long long offset, const std::string& object,
                         const std::string& previous = "") {
  const long long created = kStart + offset;
  std::string payload = R"({"id":")" + id + R"(","object":"event","type":")" + type + R"(","created":)" +
                        std::to_string(created) + R"(,"livemode":false,"data":{"object":)" + object;
  if (!previous.empty()) payload += R"(,"previous_attributes":)" + previous;
  return {id, type, At(created), payload + "}}"};
}

inline StoredEvent Read(const std::string& id, long long offset, const std::string& object) {
  return {id, "billsync.api_read", At(kStart + offset), object};
}

// A subscription object; `more` adds members: R"(,"cancel_at":1)".
inline std::string Sub(const std::string& status, const std::string& more = "") {
  return R"({"id":"sub_1","object":"subscription","customer":"cus_1","status":")" + status + "\"" + more + "}";
}

inline std::string Inv(const std::string& status, const std::string& more = "") {
  return R"({"id":"in_1","object":"invoice","customer":"cus_1","currency":"usd","status":")" + status + "\"" + more +
         "}";
}

inline JsonDocument Parsed(std::string_view text) {
  auto document = JsonDocument::Parse(text);
  if (!document) throw std::runtime_error("test text is not JSON: " + std::string(text));
  return *std::move(document);
}

inline std::string FileText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What `decode` makes of an object's text, and what it has against it ("" when nothing).
template <typename T>
T Decoded(tl::expected<T, std::string> (*decode)(JsonValue), const std::string& text) {
  const auto document = Parsed(text);
  auto decoded = decode(document.Root());
  if (!decoded) throw std::runtime_error(decoded.error());
  return *std::move(decoded);
}
template <typename T>
std::string FaultOf(tl::expected<T, std::string> (*decode)(JsonValue), const std::string& text) {
  const auto document = Parsed(text);
  const auto decoded = decode(document.Root());
  return decoded ? "" : decoded.error();
}

// The fold of `events`, which must give a row.
template <typename F>
F FoldedBy(FoldResult<F> (*fold)(std::span<const StoredEvent>), const std::vector<StoredEvent>& events) {
  auto folded = fold(events);
  if (!folded) throw std::runtime_error("nothing to fold");
  return *std::move(folded);
}

// Expects the fold of every order of `events` to be the same, and returns it.
template <typename F>
F FoldedInEveryOrder(FoldResult<F> (*fold)(std::span<const StoredEvent>), std::vector<StoredEvent> events) {
  const F first = FoldedBy(fold, events);
  const auto by_id = [](const StoredEvent& a, const StoredEvent& b) { return a.id < b.id; };
  std::sort(events.begin(), events.end(), by_id);
  do {
    if (FoldedBy(fold, events) != first) throw std::runtime_error("another order gives another row");
  } while (std::next_permutation(events.begin(), events.end(), by_id));
  return first;
}

// Calls `check` with every order of `events` (keep it to six or so).
template <typename Check>
void InEveryOrder(std::vector<StoredEvent> events, Check check) {
  const auto by_id = [](const StoredEvent& a, const StoredEvent& b) { return a.id < b.id; };
  std::sort(events.begin(), events.end(), by_id);
  do {
    check(events);
  } while (std::next_permutation(events.begin(), events.end(), by_id));
}

}  // namespace billsync::stripe
