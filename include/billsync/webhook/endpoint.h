// POST /webhooks/stripe: verify, store, answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/http/router.h"
#include "billsync/stripe/signature.h"
#include "billsync/webhook/inbox.h"

namespace billsync::webhook {

struct EndpointOptions {
  std::vector<stripe::SigningSecret> secrets;  // at least one, none empty
  std::chrono::seconds tolerance{300};
  std::optional<bool> livemode;  // events of the other mode are stored and ignored; nullopt takes both
};

// Counters since the start.
struct EndpointStats {
  std::map<std::string, uint64_t> verified_by_secret;  // by the secret's name: tells when an old one is safe to drop
  std::map<std::string, uint64_t> refused_by_code;     // 400s by problem code
  // Signatures that did not hold, by the secret's name and problem code. What fits no secret counts for each of them;
  // what is too old or from the future for the one that fits.
  std::map<std::pair<std::string, std::string>, uint64_t> failed_by_secret;
  std::map<std::string, uint64_t> ignored_by_reason;  // verified events that are only stored, by reason
};

// Thread-safe; outlives the server whose router it was added to.
class Endpoint {
 public:
  Endpoint(EndpointOptions options, Inbox& inbox, Clock clock);

  // Adds POST /webhooks/stripe.
  void AddTo(http::Router& router);

  EndpointStats Stats() const;

 private:
  void Receive(http::Request&& request, http::Responder responder);
  void CountFailure(const http::Request& request, std::string_view header, stripe::SignatureRefusal refusal);
  void Refuse(http::Responder& responder, std::string_view code, std::string_view detail);

  const EndpointOptions options_;
  Inbox& inbox_;
  const Clock clock_;
  mutable std::mutex mutex_;
  EndpointStats stats_;
};

// What an event is stored as: nothing when it is to be applied, else why it is ignored.
std::optional<billing::IgnoreReason> IgnoreReasonOf(const stripe::EventEnvelope& event, std::optional<bool> livemode);

}  // namespace billsync::webhook
