// The body of a delivery: strict JSON, then the envelope.
#include <algorithm>

#include "billsync/stripe/event.h"
#include "billsync/stripe/event_use.h"
#include "billsync/stripe/json.h"
#include "fuzz/target.h"

namespace billsync::fuzz {
namespace {

using stripe::JsonDocument;
using stripe::JsonValue;

// What PostgreSQL's text and an index entry can hold.
void MustBeStorable(const std::string& text) {
  Must(text.size() <= stripe::kMaxIdBytes, "ids and types are at most 255 bytes");
  Must(std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }),
       "ids and types have no control characters");
}

// Members of one name make "the same" ambiguous: two equal texts need not compare equal.
bool HasRepeatedNames(JsonValue value) {
  std::vector<std::string_view> names;
  for (const auto& [name, member] : value.Members()) {
    if (HasRepeatedNames(member)) return true;
    names.push_back(name);
  }
  std::ranges::sort(names);
  if (std::ranges::adjacent_find(names) != names.end()) return true;
  return std::ranges::any_of(value.Elements(), HasRepeatedNames);
}

int Depth(JsonValue value) {
  int deepest = 0;
  for (const auto& [name, member] : value.Members()) deepest = std::max(deepest, Depth(member));
  for (const auto& element : value.Elements()) deepest = std::max(deepest, Depth(element));
  return deepest + (value.IsObject() || value.IsArray() ? 1 : 0);
}

void CheckOverlay(JsonValue root) {
  if (HasRepeatedNames(root)) return;
  Must(root == root, "a value equals itself");
  Must(JsonDocument::Overlay(root, root).Root() == root, "laying a value over itself changes nothing");
  const auto data = root.Find("data");
  const auto object = data.Find("object");
  const auto previous = data.Find("previous_attributes");
  if (object.IsMissing() || previous.IsMissing()) return;
  const auto before = JsonDocument::Overlay(object, previous);
  Must(JsonDocument::Overlay(before.Root(), previous).Root() == before.Root(), "turning back twice is turning back");
}

}  // namespace

void Body(std::string_view input) {
  const auto document = JsonDocument::Parse(input);
  const auto envelope = stripe::ReadEnvelope(input);
  if (!document) {
    Must(!envelope && !Code(envelope.error()).empty(), "what is no JSON is no event, and the refusal has a code");
    return;
  }
  Must(input.find('\0') == std::string_view::npos, "accepted text has no NUL");
  Must(Depth(document->Root()) <= stripe::kMaxJsonDepth, "accepted text is not nested deeper than the limit");
  CheckOverlay(document->Root());
  const auto again = stripe::ReadEnvelope(*document);
  Must(again.has_value() == envelope.has_value(), "the text and its tree have the same envelope");
  if (!envelope) {
    Must(again.error() == envelope.error(), "or the same refusal");
    return;
  }
  Must(!envelope->id.empty() && !envelope->type.empty(), "an event has an id and a type");
  for (const auto& text :
       {envelope->id, envelope->type, envelope->object_type, envelope->object_id.value_or(""),
        envelope->customer.value_or(""), envelope->api_version.value_or(""), envelope->account.value_or("")}) {
    MustBeStorable(text);
  }
  stripe::UseOf(envelope->type, envelope->object_type);
  Must(ParseInstant(FormatInstant(envelope->created)) == envelope->created, "its time can be written and read");
}

}  // namespace billsync::fuzz
