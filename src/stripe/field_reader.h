// Reads the fields of one JSON object and remembers the first that is unreadable, with its path.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/stripe/json.h"

namespace billsync::stripe {

// Missing and null are "no value"; a value of another type is a fault. The faults of children land in the same place,
// so a decoder reads everything and looks once at the end. `fault` must outlive the reader and all its children.
class FieldReader {
 public:
  FieldReader(JsonValue object, std::string path, std::string* fault);

  // The text, or a fault when it is missing or empty.
  std::string RequiredText(std::string_view key);
  std::optional<std::string> Text(std::string_view key);
  std::optional<std::int64_t> Int(std::string_view key);
  // `missing` is what a missing value means.
  bool Flag(std::string_view key, bool missing = false);
  // Unix seconds in the years 1970-9999.
  std::optional<Instant> Time(std::string_view key);
  // A decimal number as text: "-0.05".
  std::optional<std::string> Decimal(std::string_view key);
  // A decimal number, written as text or as a JSON number: 12.5 reads as "12.5".
  std::optional<std::string> Number(std::string_view key);
  // An id, or the id of the object expanded in its place; empty text is no value.
  std::optional<std::string> Reference(std::string_view key);
  // The reference under `key`; where that has none, the one under `fallback`.
  std::optional<std::string> FirstReference(std::string_view key, std::string_view fallback);
  std::map<std::string, std::string> TextMap(std::string_view key);
  // The reader of a nested object; of nothing when it is missing or null.
  FieldReader Child(std::string_view key) const;
  // The readers of an array's elements; none when it is missing or null.
  std::vector<FieldReader> List(std::string_view key) const;
  // The reader of element `index` of the array `element`, which was found under `key`.
  FieldReader Element(std::string_view key, size_t index, JsonValue element) const;

  JsonValue Raw(std::string_view key) const { return object_.Find(key); }
  bool IsObject() const { return object_.IsObject(); }
  // Demands that `object` says what kind of object this is, if it says anything.
  void ExpectKind(std::string_view kind);

 private:
  void Fault(std::string_view key, std::string_view what) const;

  JsonValue object_;
  std::string path_;
  std::string* fault_;
};

}  // namespace billsync::stripe
