#include "billsync/stripe/json.h"

#include <array>
#include <charconv>
#include <cstring>
#include <stdexcept>

// The only file that includes RapidJSON in this library. A wrong-type access is a bug of ours and must throw, not read
// another member of a union; the private namespace keeps this build of the templates apart from anybody else's.
#define RAPIDJSON_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : throw std::logic_error("RapidJSON: " #condition))
// Whitespace, a third of what Stripe sends, and strings are scanned sixteen bytes at a time.
#if defined(__SSE2__)
#define RAPIDJSON_SSE2
#endif
#define RAPIDJSON_NAMESPACE billsync_stripe_rapidjson
#define RAPIDJSON_NAMESPACE_BEGIN namespace billsync_stripe_rapidjson {
#define RAPIDJSON_NAMESPACE_END }
#include <rapidjson/document.h>
#include <rapidjson/error/error.h>
#include <rapidjson/reader.h>

namespace billsync::stripe {
namespace {

namespace rj = billsync_stripe_rapidjson;

// The parser looks at whole blocks of this size.
constexpr size_t kBlockBytes = 16;
// Of one event.
constexpr size_t kTypicalBytes = 4096;

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

// No JSON holds it anywhere. RapidJSON 1.1 looks for control characters below 1A where it scans strings sixteen bytes
// at a time (reader.h: space[16] = { 0x19, … }), and takes these for printable.
constexpr bool IsHighControl(unsigned char c) {
  return c >= 0x1A && c <= 0x1F;
}

// Past what needs no further look from `at` on: ASCII but those, eight bytes at a time. In a block of ASCII, adding 66
// to a byte sets its highest bit from 1A on, adding 60 from 20 on.
size_t SkipPlain(std::string_view text, size_t at) {
  for (std::uint64_t block = 0; at + sizeof block <= text.size(); at += sizeof block) {
    std::memcpy(&block, text.data() + at, sizeof block);
    const std::uint64_t high_controls = (block + 0x6666666666666666U) & ~(block + 0x6060606060606060U);
    if (((block | high_controls) & 0x8080808080808080U) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80 &&
         !IsHighControl(static_cast<unsigned char>(text[at]))) {
    ++at;
  }
  return at;
}

// The parser's own check of an encoding, which it would make for every byte of every string, where there is something
// to check, and what it misses. `text` ends with a NUL that is not part of it.
std::optional<JsonFault> CheckBytes(std::string_view text) {
  struct {
    void Put(char) {}
  } nowhere;
  rj::StringStream from(text.data());
  for (size_t at = 0; (at = SkipPlain(text, at)) < text.size(); at = from.Tell()) {
    if (IsHighControl(static_cast<unsigned char>(text[at]))) return JsonFault::kNotJson;
    from.src_ = text.data() + at;
    if (!rj::UTF8<>::Validate(from, nowhere)) return JsonFault::kBadUtf8;
  }
  return std::nullopt;
}

// Passes the parser's events on to the document and stops it at the first thing we refuse. Before it goes deeper the
// (recursive) parser asks, so nesting costs it as much stack as we allow.
class Guard {
 public:
  // `escapes`: the text holds a backslash, so a string can hold what the text does not.
  Guard(rj::Document& document, bool escapes) : document_(document), escapes_(escapes) {}

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
    if (!escapes_) return true;
    if (text.find('\0') != std::string_view::npos) return Refuse(JsonFault::kNul);
    if (HoldsSurrogate(text)) return Refuse(JsonFault::kBadUtf8);
    return true;
  }

  rj::Document& document_;
  const bool escapes_;
  int depth_ = 0;
  std::optional<JsonFault> fault_;
};

// kParseErrorStringInvalidEncoding means a control character: the encoding was right.
JsonFault FaultOf(rj::ParseErrorCode code) {
  return code == rj::kParseErrorStringUnicodeSurrogateInvalid ? JsonFault::kBadUtf8 : JsonFault::kNotJson;
}

// Parses `text`, which holds no NUL, into `document`; none when it went well.
std::optional<JsonFault> ParseInto(rj::Document& document, std::string_view text) {
  std::string padded;
  padded.reserve(text.size() + kBlockBytes);
  padded.append(text).append(kBlockBytes, '\0');
  if (const auto fault = CheckBytes(std::string_view(padded).substr(0, text.size()))) return fault;
  std::optional<JsonFault> fault;
  auto generate = [&](rj::Document& target) {
    Guard guard(target, text.find('\\') != std::string_view::npos);
    rj::StringStream stream(padded.c_str());
    const rj::ParseResult result = rj::Reader().Parse(stream, guard);
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
  // `text_bytes`: of the text it is parsed from; its values take about twice as much.
  explicit Tree(size_t text_bytes) : memory(2 * text_bytes + kBlockBytes), document(&memory) {}

  rj::MemoryPoolAllocator<> memory;
  rj::Document document;
};

JsonDocument::JsonDocument(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

tl::expected<JsonDocument, JsonFault> JsonDocument::Parse(std::string_view text) {
  // RapidJSON takes a NUL for the end and would not look at what follows.
  if (text.find('\0') != std::string_view::npos) return tl::unexpected(JsonFault::kNul);
  auto tree = std::make_unique<Tree>(text.size());
  if (const auto fault = ParseInto(tree->document, text)) return tl::unexpected(*fault);
  return JsonDocument(std::move(tree));
}

JsonDocument JsonDocument::Overlay(JsonValue base, JsonValue patch) {
  if (base.IsMissing() || patch.IsMissing()) throw std::logic_error("overlay of a missing JSON value");
  auto tree = std::make_unique<Tree>(kTypicalBytes);
  auto& memory = tree->memory;
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
