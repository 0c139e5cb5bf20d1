#include "billsync/webhook/endpoint.h"

#include <algorithm>
#include <array>

#include "billsync/base/log.h"
#include "billsync/stripe/event_use.h"

namespace billsync::webhook {
namespace {

std::string_view Detail(stripe::SignatureRefusal refusal) {
  switch (refusal) {
    case stripe::SignatureRefusal::kMissing:
      return "The request has no Stripe-Signature header.";
    case stripe::SignatureRefusal::kMalformed:
      return "The Stripe-Signature header is not of the form t=…,v1=….";
    case stripe::SignatureRefusal::kMismatch:
      return "No signature fits a configured signing secret; compare STRIPE_WEBHOOK_SECRET with the endpoint's.";
    case stripe::SignatureRefusal::kTooOld:
      return "The signature is older than the tolerance; is this a replay, or is a clock wrong?";
    case stripe::SignatureRefusal::kFromTheFuture:
      return "The signature is from the future; is a clock wrong?";
  }
  return "";
}

std::string_view Detail(stripe::EventRefusal refusal) {
  switch (refusal) {
    case stripe::EventRefusal::kNul:
      return "The body holds a NUL character.";
    case stripe::EventRefusal::kNotJson:
      return "The body is not JSON.";
    case stripe::EventRefusal::kBadUtf8:
      return "The body is not UTF-8.";
    case stripe::EventRefusal::kTooDeep:
      return "The body is nested too deep.";
    case stripe::EventRefusal::kNotAnEvent:
      return "The body is not a Stripe event.";
    case stripe::EventRefusal::kBadId:
      return "The event has no usable id.";
    case stripe::EventRefusal::kBadType:
      return "The event has no usable type.";
    case stripe::EventRefusal::kBadCreated:
      return "The event's created is not a time in whole seconds.";
  }
  return "";
}

// The refusals that a secret has a part in.
constexpr std::array kOfASecret = {stripe::SignatureRefusal::kMismatch, stripe::SignatureRefusal::kTooOld,
                                   stripe::SignatureRefusal::kFromTheFuture};

http::Response Unavailable(std::string_view code, std::string_view detail) {
  http::Response response = http::Problem(503, code, detail);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

http::Response AnswerFor(StoreOutcome outcome, const std::string& id) {
  const auto received = [&](std::string_view duplicate) {
    return http::Response{
        .status = 200,
        .content_type = "application/json",
        .body = "{\"received\":true,\"id\":" + JsonQuote(id) + ",\"duplicate\":" + std::string(duplicate) + "}"};
  };
  switch (outcome) {
    case StoreOutcome::kStored:
      return received("false");
    case StoreOutcome::kDuplicate:
      return received("true");
    case StoreOutcome::kUnavailable:
      return Unavailable("database_unavailable", "The event was not stored; send it again.");
    case StoreOutcome::kOverloaded:
      return Unavailable("overloaded", "Too many events are waiting; send it again.");
  }
  return Unavailable("database_unavailable", "The event was not stored; send it again.");
}

}  // namespace

std::optional<billing::IgnoreReason> IgnoreReasonOf(const stripe::EventEnvelope& event, std::optional<bool> livemode) {
  if (livemode && *livemode != event.livemode) return billing::IgnoreReason::kOtherMode;
  if (event.thin) return billing::IgnoreReason::kThinEvent;
  if (stripe::UseOf(event.type, event.object_type) == stripe::EventUse::kIgnored) {
    return billing::IgnoreReason::kTypeNotUsed;
  }
  if (!event.object_id) return billing::IgnoreReason::kNoObjectId;
  return std::nullopt;
}

// A series that begins at 0 shows the first failure as an increase, and a secret that never fits as one that never
// moves.
Endpoint::Endpoint(EndpointOptions options, Inbox& inbox, Clock clock)
    : options_(std::move(options)), inbox_(inbox), clock_(std::move(clock)) {
  for (const auto& secret : options_.secrets) {
    stats_.verified_by_secret[secret.name] = 0;
    for (const auto refusal : kOfASecret) stats_.failed_by_secret[{secret.name, std::string(Code(refusal))}] = 0;
  }
}

void Endpoint::AddTo(http::Router& router) {
  router.Add("POST", "/webhooks/stripe", [this](http::Request&& request, http::Responder responder) {
    Receive(std::move(request), std::move(responder));
  });
}

EndpointStats Endpoint::Stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Endpoint::Receive(http::Request&& request, http::Responder responder) {
  const auto headers = request.AllHeaders("Stripe-Signature");
  if (headers.size() > 1) {
    return Refuse(responder, Code(stripe::SignatureRefusal::kMalformed), "The Stripe-Signature header comes twice.");
  }
  const auto header = headers.empty() ? std::nullopt : std::optional(headers.front());
  const auto verified = stripe::VerifySignature(header, request.body, options_.secrets, clock_(), options_.tolerance);
  if (!verified) {
    CountFailure(request, header.value_or(""), verified.error());
    return Refuse(responder, Code(verified.error()), Detail(verified.error()));
  }
  {
    const std::lock_guard lock(mutex_);
    ++stats_.verified_by_secret[verified->secret_name];
  }
  auto envelope = stripe::ReadEnvelope(request.body);
  if (!envelope) return Refuse(responder, Code(envelope.error()), Detail(envelope.error()));
  const auto ignored = IgnoreReasonOf(*envelope, options_.livemode);
  if (ignored) {
    const std::lock_guard lock(mutex_);
    ++stats_.ignored_by_reason[std::string(billing::Code(*ignored))];
  }
  std::string id = envelope->id;
  // std::function wants a copyable callable, a Responder only moves.
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  inbox_.Submit({std::move(*envelope), std::move(request.body), ignored},
                [shared, id = std::move(id)](StoreOutcome outcome) { shared->Send(AnswerFor(outcome, id)); });
}

void Endpoint::CountFailure(const http::Request& request, std::string_view header, stripe::SignatureRefusal refusal) {
  if (std::ranges::find(kOfASecret, refusal) == kOfASecret.end()) return;
  // Which secret it fits, whatever its age.
  const auto fits =
      stripe::VerifySignature(header, request.body, options_.secrets, clock_(), std::chrono::seconds::max());
  const std::lock_guard lock(mutex_);
  for (const auto& secret : options_.secrets) {
    if (fits && fits->secret_name != secret.name) continue;
    ++stats_.failed_by_secret[{secret.name, std::string(Code(refusal))}];
  }
}

void Endpoint::Refuse(http::Responder& responder, std::string_view code, std::string_view detail) {
  {
    const std::lock_guard lock(mutex_);
    ++stats_.refused_by_code[std::string(code)];
  }
  responder.Send(http::Problem(400, code, detail));
}

}  // namespace billsync::webhook
