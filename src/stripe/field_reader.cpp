#include "field_reader.h"

#include <algorithm>

namespace billsync::stripe {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// [-]digits[.digits]
bool IsDecimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const size_t dot = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, dot);
  const std::string_view fraction = dot == text.size() ? "0" : text.substr(dot + 1);
  return !whole.empty() && !fraction.empty() && std::all_of(whole.begin(), whole.end(), IsDigit) &&
         std::all_of(fraction.begin(), fraction.end(), IsDigit);
}

// Names of a map are whatever somebody chose; what is said of one is a line that people read in a terminal.
std::string_view Showable(std::string_view name) {
  constexpr size_t kLongest = 64;
  const bool plain = name.size() <= kLongest &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7F; });
  return plain ? name : "(a name that cannot be shown)";
}

}  // namespace

FieldReader::FieldReader(JsonValue object, std::string path, std::string* fault)
    : object_(object), path_(std::move(path)), fault_(fault) {
  if (!object_.IsNull() && !object_.IsObject() && fault_->empty()) *fault_ = path_ + " is not an object";
}

void FieldReader::Fault(std::string_view key, std::string_view what) const {
  if (fault_->empty()) fault_->append(path_).append(".").append(key).append(" ").append(what);
}

std::string FieldReader::RequiredText(std::string_view key) {
  auto text = Text(key);
  if (!text || text->empty()) {
    Fault(key, "is missing");
    return {};
  }
  return *std::move(text);
}

std::optional<std::string> FieldReader::Text(std::string_view key) {
  const JsonValue value = object_.Find(key);
  if (value.IsNull()) return std::nullopt;
  const auto text = value.Text();
  if (!text) Fault(key, "is not text");
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

std::optional<std::int64_t> FieldReader::Int(std::string_view key) {
  const JsonValue value = object_.Find(key);
  if (value.IsNull()) return std::nullopt;
  const auto number = value.Int64();
  if (!number) Fault(key, "is not a whole number of 64 bits");
  return number;
}

bool FieldReader::Flag(std::string_view key, bool missing) {
  const JsonValue value = object_.Find(key);
  if (value.IsNull()) return missing;
  const auto flag = value.Bool();
  if (!flag) Fault(key, "is not true or false");
  return flag.value_or(false);
}

std::optional<Instant> FieldReader::Time(std::string_view key) {
  const JsonValue value = object_.Find(key);
  if (value.IsNull()) return std::nullopt;
  const auto seconds = value.Int64();
  const auto at = seconds ? InstantFromUnixSeconds(*seconds) : std::nullopt;
  if (!at) Fault(key, "is not a Unix time in seconds");
  return at;
}

std::optional<std::string> FieldReader::Decimal(std::string_view key) {
  auto text = Text(key);
  if (text && !IsDecimal(*text)) Fault(key, "is not a decimal number");
  return text;
}

std::optional<std::string> FieldReader::Number(std::string_view key) {
  if (auto number = object_.Find(key).NumberText()) return number;
  return Decimal(key);
}

std::optional<std::string> FieldReader::Reference(std::string_view key) {
  if (object_.Find(key).IsObject()) {
    auto id = Child(key).RequiredText("id");
    return id.empty() ? std::nullopt : std::optional<std::string>(std::move(id));
  }
  auto text = Text(key);
  return text && text->empty() ? std::nullopt : text;
}

std::optional<std::string> FieldReader::FirstReference(std::string_view key, std::string_view fallback) {
  auto reference = Reference(key);
  return reference ? reference : Reference(fallback);
}

std::map<std::string, std::string> FieldReader::TextMap(std::string_view key) {
  std::map<std::string, std::string> entries;
  FieldReader map = Child(key);
  for (const auto& [name, value] : map.object_.Members()) {
    if (value.IsNull()) continue;
    const auto text = value.Text();
    if (text) {
      entries.emplace(name, *text);
    } else {
      map.Fault(Showable(name), "is not text");
    }
  }
  return entries;
}

FieldReader FieldReader::Child(std::string_view key) const {
  return {object_.Find(key), std::string(path_).append(".").append(key), fault_};
}

std::vector<FieldReader> FieldReader::List(std::string_view key) const {
  const JsonValue list = object_.Find(key);
  if (!list.IsNull() && !list.IsArray()) Fault(key, "is not an array");
  std::vector<FieldReader> readers;
  for (const JsonValue element : list.Elements()) {
    readers.push_back(Element(key, readers.size(), element));
  }
  return readers;
}

FieldReader FieldReader::Element(std::string_view key, size_t index, JsonValue element) const {
  return {element, std::string(path_).append(".").append(key).append("[" + std::to_string(index) + "]"), fault_};
}

void FieldReader::ExpectKind(std::string_view kind) {
  if (!object_.IsObject() && fault_->empty()) *fault_ = path_ + " is missing";
  const auto found = Text("object");
  if (found && *found != kind) Fault("object", std::string("is not \"").append(kind).append("\""));
}

}  // namespace billsync::stripe
