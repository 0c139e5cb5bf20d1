#include "billsync/stripe/json.h"

#include <array>
#include <charconv>
#include <stdexcept>

// The only file that includes RapidJSON in this library. A wrong-type access is a bug of ours and must throw, not read
// another member of a union; the private namespace keeps this build of the templates apart from anybody else's.
#define RAPIDJSON_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : throw std::logic_error("RapidJSON: " #condition))
#define RAPIDJSON_NAMESPACE billsync_stripe_rapidjson
#define RAPIDJSON_NAMESPACE_BEGIN namespace billsync_stripe_rapidjson {
#define RAPIDJSON_NAMESPACE_END }
#include <rapidjson/document.h>
#include <rapidjson/error/error.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

namespace billsync::stripe {
namespace {

namespace rj = billsync_stripe_rapidjson;

// Iterative, because the recursive parser dies of deep nesting before any check of ours runs.
constexpr unsigned kParseFlags = rj::kParseIterativeFlag | rj::kParseValidateEncodingFlag;

const rj::Value& Node(const void* node) {
  return *static_cast<const rj::Value*>(node);
}

rj::Value::StringRefType Ref(std::string_view text) {
  return {text.data(), static_cast<rj::SizeType>(text.size())};
}

// Surrogates written as escapes pass the parser's own check when only the second half is there; they come out as
// the bytes ED A0..BF xx.
bool HoldsSurrogate(std::string_view text) {
  for (size_t at = text.find('\xED'); at != std::string_view::npos; at = text.find('\xED', at + 1)) {
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xA0) return true;
  }
  return false;
}

// Passes the parser's events on to the document and stops it at the first thing we refuse.
class Guard {
 public:
  explicit Guard(rj::Document& document) : document_(document) {}

  std::optional<JsonFault> fault() const { return fault_; }

  bool Null() { return document_.Null(); }
  bool Bool(bool value) { return document_.Bool(value); }
  bool Int(int value) { return document_.Int(value); }
  bool Uint(unsigned value) { return document_.Uint(value); }
  bool Int64(std::int64_t value) { return document_.Int64(value); }
  bool Uint64(std::uint64_t value) { return document_.Uint64(value); }
  bool Double(double value) { return document_.Double(value); }
  bool RawNumber(const char* text, rj::SizeType size, bool copy) { return document_.RawNumber(text, size, copy); }
  bool String(const char* text, rj::SizeType size, bool copy) {
    return Acceptable({text, size}) && document_.String(text, size, copy);
  }
  bool Key(const char* text, rj::SizeType size, bool copy) {
    return Acceptable({text, size}) && document_.Key(text, size, copy);
  }
  bool StartObject() { return Deeper() && document_.StartObject(); }
  bool StartArray() { return Deeper() && document_.StartArray(); }
  bool EndObject(rj::SizeType members) {
    --depth_;
    return document_.EndObject(members);
  }
  bool EndArray(rj::SizeType elements) {
    --depth_;
    return document_.EndArray(elements);
  }

 private:
  bool Refuse(JsonFault fault) {
    fault_ = fault;
    return false;
  }
  bool Deeper() { return ++depth_ <= kMaxJsonDepth || Refuse(JsonFault::kTooDeep); }
  bool Acceptable(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return Refuse(JsonFault::kNul);
    if (HoldsSurrogate(text)) return Refuse(JsonFault::kBadUtf8);
    return true;
  }

  rj::Document& document_;
  int depth_ = 0;
  std::optional<JsonFault> fault_;
};

JsonFault FaultOf(rj::ParseErrorCode code) {
  const bool encoding =
      code == rj::kParseErrorStringInvalidEncoding || code == rj::kParseErrorStringUnicodeSurrogateInvalid;
  return encoding ? JsonFault::kBadUtf8 : JsonFault::kNotJson;
}

// Parses `text` into `document`; none when it went well.
std::optional<JsonFault> ParseInto(rj::Document& document, std::string_view text) {
  std::optional<JsonFault> fault;
  auto generate = [&](rj::Document& target) {
    rj::MemoryStream stream(text.data(), text.size());
    rj::Reader reader;
    Guard guard(target);
    const rj::ParseResult result = reader.Parse<kParseFlags>(stream, guard);
    if (result.IsError()) fault = guard.fault() ? guard.fault() : FaultOf(result.Code());
    return !result.IsError();
  };
  document.Populate(generate);
  return fault;
}

void LayOver(rj::Value& base, const rj::Value& patch, rj::Document::AllocatorType& memory) {
  if (!base.IsObject() || !patch.IsObject()) {
    base.CopyFrom(patch, memory);
    return;
  }
  for (const auto& member : patch.GetObject()) {
    const auto found = base.FindMember(member.name);
    if (found != base.MemberEnd()) {
      LayOver(found->value, member.value, memory);
    } else {
      base.AddMember(rj::Value(member.name, memory), rj::Value(member.value, memory), memory);
    }
  }
}

}  // namespace

struct JsonDocument::Tree {
  rj::Document document;
};

JsonDocument::JsonDocument(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

tl::expected<JsonDocument, JsonFault> JsonDocument::Parse(std::string_view text) {
  // RapidJSON takes a NUL for the end and would not look at what follows.
  if (text.find('\0') != std::string_view::npos) return tl::unexpected(JsonFault::kNul);
  auto tree = std::make_unique<Tree>();
  if (const auto fault = ParseInto(tree->document, text)) return tl::unexpected(*fault);
  return JsonDocument(std::move(tree));
}

JsonDocument JsonDocument::Overlay(JsonValue base, JsonValue patch) {
  if (base.IsMissing() || patch.IsMissing()) throw std::logic_error("overlay of a missing JSON value");
  auto tree = std::make_unique<Tree>();
  auto& memory = tree->document.GetAllocator();
  tree->document.CopyFrom(Node(base.node_), memory);
  LayOver(tree->document, Node(patch.node_), memory);
  return JsonDocument(std::move(tree));
}

JsonValue JsonDocument::Root() const {
  return JsonValue(static_cast<const rj::Value*>(&tree_->document));
}

bool JsonValue::IsNull() const {
  return IsMissing() || Node(node_).IsNull();
}
bool JsonValue::IsObject() const {
  return !IsMissing() && Node(node_).IsObject();
}
bool JsonValue::IsArray() const {
  return !IsMissing() && Node(node_).IsArray();
}

JsonValue JsonValue::Find(std::string_view key) const {
  if (!IsObject()) return {};
  const auto& object = Node(node_);
  const auto found = object.FindMember(rj::Value(Ref(key)));
  return found == object.MemberEnd() ? JsonValue() : JsonValue(&found->value);
}

std::optional<std::string_view> JsonValue::Text() const {
  if (IsMissing() || !Node(node_).IsString()) return std::nullopt;
  return std::string_view(Node(node_).GetString(), Node(node_).GetStringLength());
}

std::optional<std::int64_t> JsonValue::Int64() const {
  if (IsMissing() || !Node(node_).IsInt64()) return std::nullopt;
  return Node(node_).GetInt64();
}

std::optional<bool> JsonValue::Bool() const {
  if (IsMissing() || !Node(node_).IsBool()) return std::nullopt;
  return Node(node_).GetBool();
}

std::optional<std::string> JsonValue::NumberText() const {
  if (IsMissing() || !Node(node_).IsNumber()) return std::nullopt;
  const auto& number = Node(node_);
  if (number.IsInt64()) return std::to_string(number.GetInt64());
  // Every finite double fits: a sign, 309 digits, or 0. and 1,074 places.
  std::array<char, 1088> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number.GetDouble(), std::chars_format::fixed);
  return std::string(text.data(), end.ptr);
}

std::vector<JsonValue> JsonValue::Elements() const {
  std::vector<JsonValue> elements;
  if (!IsArray()) return elements;
  for (const auto& element : Node(node_).GetArray()) elements.push_back(JsonValue(&element));
  return elements;
}

std::vector<std::pair<std::string_view, JsonValue>> JsonValue::Members() const {
  std::vector<std::pair<std::string_view, JsonValue>> members;
  if (!IsObject()) return members;
  for (const auto& member : Node(node_).GetObject()) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    members.emplace_back(name, JsonValue(&member.value));
  }
  return members;
}

bool operator==(JsonValue a, JsonValue b) {
  if (a.IsMissing() || b.IsMissing()) return a.IsMissing() && b.IsMissing();
  return Node(a.node_) == Node(b.node_);
}

}  // namespace billsync::stripe
