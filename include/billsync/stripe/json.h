// Strict JSON reading. The only JSON reader for what Stripe sends: one parse a payload, one set of rules.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace billsync::stripe {

// Why a text is not acceptable JSON. Numbers never change.
enum class JsonFault {
  kNotJson = 1,  // syntax, trailing text, a number beyond double
  kBadUtf8 = 2,  // ill-formed bytes or a lone surrogate escape
  kNul = 3,      // a NUL byte, raw or as \u0000: PostgreSQL text cannot hold it
  kTooDeep = 4,  // more than kMaxJsonDepth nested arrays and objects
};

inline constexpr int kMaxJsonDepth = 64;

// A view of one value inside a JsonDocument, valid as long as the document lives. A missing value is a view too, so
// that lookups chain: Find("data").Find("object"). Copies are cheap; reading is safe from several threads.
class JsonValue {
 public:
  // Missing.
  JsonValue() = default;

  bool IsMissing() const { return node_ == nullptr; }
  // Missing or null: Stripe uses both for "no value".
  bool IsNull() const;
  bool IsObject() const;
  bool IsArray() const;

  // The member of that name; missing when there is none or this is no object. Of duplicate names the first counts.
  JsonValue Find(std::string_view key) const;

  // The value if it has exactly that type, else none. Int64 refuses 1.0, 1e2 and everything beyond 64 bits.
  std::optional<std::string_view> Text() const;
  std::optional<std::int64_t> Int64() const;
  std::optional<bool> Bool() const;
  // A number in the shortest decimal notation that means it, without exponent: "12.5". What is no 64-bit integer has
  // been through a double: good for percentages, not for money.
  std::optional<std::string> NumberText() const;

  // Elements of an array, members of an object; empty for any other value.
  std::vector<JsonValue> Elements() const;
  std::vector<std::pair<std::string_view, JsonValue>> Members() const;

  // Structural equality: member order does not matter, element order does. Missing equals only missing.
  friend bool operator==(JsonValue a, JsonValue b);

 private:
  friend class JsonDocument;
  explicit JsonValue(const void* node) : node_(node) {}

  const void* node_ = nullptr;
};

// Owns a parsed text. Movable, not copyable; views stay valid across a move.
class JsonDocument {
 public:
  // Parses the whole text or refuses it. Never throws on bad input, whatever its nesting; does not keep `text`.
  static tl::expected<JsonDocument, JsonFault> Parse(std::string_view text);

  // A copy of `base` with `patch` laid over it: objects are merged member by member, everything else is replaced by
  // the patch. This is how Stripe's previous_attributes turn an object back. Both must not be missing.
  static JsonDocument Overlay(JsonValue base, JsonValue patch);

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  JsonValue Root() const;

 private:
  struct Tree;
  explicit JsonDocument(std::unique_ptr<Tree> tree);

  std::unique_ptr<Tree> tree_;
};

}  // namespace billsync::stripe
