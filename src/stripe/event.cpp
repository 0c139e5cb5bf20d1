#include "billsync/stripe/event.h"

#include <algorithm>
#include <stdexcept>

#include "billsync/stripe/active_entitlements.h"

namespace billsync::stripe {
namespace {

EventRefusal RefusalOf(JsonFault fault) {
  switch (fault) {
    case JsonFault::kNotJson:
      return EventRefusal::kNotJson;
    case JsonFault::kBadUtf8:
      return EventRefusal::kBadUtf8;
    case JsonFault::kNul:
      return EventRefusal::kNul;
    case JsonFault::kTooDeep:
      return EventRefusal::kTooDeep;
  }
  throw std::logic_error("unknown JsonFault");
}

bool IsControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

bool IsUsableName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxIdBytes && std::none_of(text.begin(), text.end(), IsControl);
}

// Reads optional ids and remembers whether one of them cannot be an id.
class IdReader {
 public:
  // A text, or the id of an object that was expanded in its place; none for null and anything else.
  std::optional<std::string> Reference(JsonValue value) {
    const auto text = value.IsObject() ? value.Find("id").Text() : value.Text();
    if (!text || text->empty()) return std::nullopt;
    usable_ = usable_ && IsUsableName(*text);
    return std::string(*text);
  }
  bool usable() const { return usable_; }

 private:
  bool usable_ = true;
};

std::optional<Instant> ReadCreated(JsonValue value, bool thin) {
  if (!thin) {
    const auto seconds = value.Int64();
    return seconds ? InstantFromUnixSeconds(*seconds) : std::nullopt;
  }
  const auto text = value.Text();
  if (!text) return std::nullopt;
  constexpr std::string_view kZeroOffset = "+00:00";
  if (!text->ends_with(kZeroOffset)) return ParseInstant(*text);
  return ParseInstant(std::string(text->substr(0, text->size() - kZeroOffset.size())) + "Z");
}

void ReadSnapshotObject(JsonValue object, IdReader& ids, EventEnvelope& envelope) {
  envelope.object_type = ids.Reference(object.Find("object")).value_or("");
  envelope.object_id = ids.Reference(object.Find("id"));
  if (envelope.object_type == "customer") {
    envelope.customer = envelope.object_id;
    return;
  }
  envelope.customer = ids.Reference(object.Find("customer"));
  if (!envelope.customer) envelope.customer = ids.Reference(object.Find("customer_account"));
  if (envelope.object_type == kActiveEntitlementsType && envelope.customer) {
    envelope.object_id = EntitlementsObjectId(*envelope.customer);
  }
}

void ReadRelatedObject(JsonValue related, IdReader& ids, EventEnvelope& envelope) {
  envelope.object_type = ids.Reference(related.Find("type")).value_or("");
  envelope.object_id = ids.Reference(related.Find("id"));
  if (envelope.object_type == "customer") envelope.customer = envelope.object_id;
}

}  // namespace

std::string_view Code(EventRefusal refusal) {
  switch (refusal) {
    case EventRefusal::kNul:
      return "body_nul";
    case EventRefusal::kNotJson:
      return "body_not_json";
    case EventRefusal::kBadUtf8:
      return "body_bad_utf8";
    case EventRefusal::kTooDeep:
      return "body_too_deep";
    case EventRefusal::kNotAnEvent:
      return "not_an_event";
    case EventRefusal::kBadId:
      return "event_id_invalid";
    case EventRefusal::kBadType:
      return "event_type_invalid";
    case EventRefusal::kBadCreated:
      return "event_created_invalid";
  }
  throw std::logic_error("unknown EventRefusal");
}

tl::expected<EventEnvelope, EventRefusal> ReadEnvelope(std::string_view body) {
  const auto document = JsonDocument::Parse(body);
  if (!document) return tl::unexpected(RefusalOf(document.error()));
  return ReadEnvelope(*document);
}

tl::expected<EventEnvelope, EventRefusal> ReadEnvelope(const JsonDocument& document) {
  const JsonValue root = document.Root();
  const auto kind = root.Find("object").Text();
  EventEnvelope envelope;
  envelope.thin = kind == "v2.core.event";
  if (kind != "event" && !envelope.thin) return tl::unexpected(EventRefusal::kNotAnEvent);
  const JsonValue livemode = root.Find("livemode");
  if (!livemode.IsNull() && !livemode.Bool()) return tl::unexpected(EventRefusal::kNotAnEvent);
  envelope.livemode = livemode.Bool().value_or(false);

  const auto id = root.Find("id").Text();
  if (!id || !IsUsableName(*id)) return tl::unexpected(EventRefusal::kBadId);
  envelope.id = *id;
  const auto type = root.Find("type").Text();
  if (!type || !IsUsableName(*type)) return tl::unexpected(EventRefusal::kBadType);
  envelope.type = *type;
  const auto created = ReadCreated(root.Find("created"), envelope.thin);
  if (!created) return tl::unexpected(EventRefusal::kBadCreated);
  envelope.created = *created;

  IdReader ids;
  envelope.api_version = ids.Reference(root.Find("api_version"));
  envelope.account = ids.Reference(root.Find("account"));
  if (envelope.thin) {
    ReadRelatedObject(root.Find("related_object"), ids, envelope);
  } else {
    ReadSnapshotObject(root.Find("data").Find("object"), ids, envelope);
  }
  if (!ids.usable()) return tl::unexpected(EventRefusal::kBadId);
  return envelope;
}

}  // namespace billsync::stripe
