// The Stripe-Signature header: checking what came in, signing what tests and `send` put out.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "billsync/base/instant.h"
#include "billsync/base/secret.h"

namespace billsync::stripe {

// One configured endpoint secret. The name is for logs and metrics; during a rotation there are several.
struct SigningSecret {
  std::string name;
  Secret secret;
};

// Why a request is not Stripe's, in the order the checks run. Numbers never change.
enum class SignatureRefusal {
  kMissing = 1,        // no header, or an empty one
  kMalformed = 2,      // not the canonical form
  kMismatch = 3,       // no v1 fits any secret
  kTooOld = 4,         // signed longer ago than the tolerance
  kFromTheFuture = 5,  // signed further ahead than the tolerance
};

// The stable problem code: signature_missing, signature_malformed, signature_mismatch, signature_too_old,
// signature_from_the_future.
std::string_view Code(SignatureRefusal refusal);

struct VerifiedSignature {
  std::string secret_name;  // the first configured secret that fits
  Instant timestamp;        // when this delivery was signed; says nothing about when the event happened
};

// Checks `header` against the raw bytes of the request. The grammar is strict, since Stripe only sends the canonical
// form: items key=value joined by ',', exactly one t of 1-12 digits without a leading zero, 1-16 v1 of 64 lowercase
// hex digits, unknown keys ignored, at most 4 KiB. Every secret is tried and every v1 compared, in constant time.
// Blank secrets never fit. Age is judged in whole seconds and only after the signature, `tolerance` inclusive, both
// ways. Pure; any thread.
tl::expected<VerifiedSignature, SignatureRefusal> VerifySignature(std::optional<std::string_view> header,
                                                                  std::string_view body,
                                                                  std::span<const SigningSecret> secrets, Instant now,
                                                                  std::chrono::seconds tolerance);

// The header value "t=…,v1=…" that a delivery of `body` signed at `at` carries.
std::string SignatureHeader(std::string_view body, const Secret& secret, Instant at);

}  // namespace billsync::stripe
