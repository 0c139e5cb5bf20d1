// The Stripe-Signature header: first line the header, the rest the body.
//
// No search finds an HMAC, so the target puts one in: "@" in the header stands for the time of the check, "$" for the
// signature of that time and the body, "~" for one made by the second secret.
#include <array>

#include "billsync/stripe/signature.h"
#include "fuzz/target.h"

namespace billsync::fuzz {
namespace {

using stripe::SignatureRefusal;

constexpr Instant kNow{std::chrono::seconds(1'795'176'000)};
constexpr std::chrono::seconds kTolerance{300};

const std::vector<stripe::SigningSecret>& Secrets() {
  static const std::vector<stripe::SigningSecret> secrets = {{"old", Secret("whsec_old")},
                                                             {"new", Secret("whsec_new")}};
  return secrets;
}

// The 64 digits a delivery signed at kNow carries.
std::string Digits(std::string_view body, const Secret& secret) {
  const std::string header = stripe::SignatureHeader(body, secret, kNow);
  return header.substr(header.size() - 64);
}

std::string FilledIn(std::string_view header, std::string_view body) {
  std::string filled;
  for (const char c : header) {
    if (c == '@') {
      filled += std::to_string(UnixSeconds(kNow));
    } else if (c == '$') {
      filled += Digits(body, Secrets()[0].secret);
    } else if (c == '~') {
      filled += Digits(body, Secrets()[1].secret);
    } else {
      filled += c;
    }
  }
  return filled;
}

// What was accepted really carries the signature of these bytes and this secret, and is of the right age.
void MustBeGenuine(const stripe::VerifiedSignature& verified, const std::string& header, std::string_view body) {
  const auto age = std::chrono::abs(kNow - verified.timestamp);
  Must(age <= kTolerance, "an accepted signature is inside the tolerance");
  const auto& secret = verified.secret_name == "old" ? Secrets()[0] : Secrets()[1];
  Must(verified.secret_name == secret.name, "the secret that fits is a configured one");
  const std::string genuine = stripe::SignatureHeader(body, secret.secret, verified.timestamp);
  Must(header.find(genuine.substr(genuine.find("v1="))) != std::string::npos, "an accepted header holds the signature");
  Must(header.find(genuine.substr(0, genuine.find(','))) != std::string::npos, "and the time that was signed");
}

}  // namespace

void Signature(std::string_view input) {
  const size_t end = std::min(input.find('\n'), input.size());
  const std::string_view body = end < input.size() ? input.substr(end + 1) : "";
  const std::string header = FilledIn(input.substr(0, end), body);
  const auto verified = stripe::VerifySignature(header, body, Secrets(), kNow, kTolerance);
  if (!verified) {
    Must(!Code(verified.error()).empty(), "every refusal has a code");
    return;
  }
  MustBeGenuine(*verified, header, body);
  const auto refusal_of = [&](std::string_view other_body, Instant now) {
    const auto again = stripe::VerifySignature(header, other_body, Secrets(), now, kTolerance);
    return again ? std::nullopt : std::optional(again.error());
  };
  Must(refusal_of(std::string(body) + " ", kNow) == SignatureRefusal::kMismatch, "one byte more is another body");
  Must(refusal_of(body, verified->timestamp + kTolerance + std::chrono::seconds(1)) == SignatureRefusal::kTooOld,
       "what is accepted now is too old later");
  Must(refusal_of(body, verified->timestamp - kTolerance - std::chrono::seconds(1)) == SignatureRefusal::kFromTheFuture,
       "and was from the future before");
  Must(!stripe::VerifySignature(header, body, {}, kNow, kTolerance), "without a secret nothing is accepted");
}

}  // namespace billsync::fuzz
