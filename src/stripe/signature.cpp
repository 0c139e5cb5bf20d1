#include "billsync/stripe/signature.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include "billsync/base/parse.h"

namespace billsync::stripe {
namespace {

constexpr size_t kMaxHeaderBytes = 4096;
constexpr size_t kMaxTimestampDigits = 12;
constexpr size_t kMaxSignatures = 16;
constexpr size_t kSignatureDigits = 64;

struct ParsedHeader {
  std::string_view timestamp;  // as received: these bytes are part of what was signed
  std::vector<std::string_view> signatures;
};

bool IsTimestamp(std::string_view text) {
  if (text.empty() || text.size() > kMaxTimestampDigits) return false;
  if (text.size() > 1 && text.front() == '0') return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsSignature(std::string_view text) {
  return text.size() == kSignatureDigits &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Takes one key=value item into `parsed`; false when it breaks the grammar.
bool TakeItem(std::string_view item, ParsedHeader& parsed) {
  const size_t equals = item.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  const std::string_view key = item.substr(0, equals);
  const std::string_view value = item.substr(equals + 1);
  if (key == "t") {
    if (!parsed.timestamp.empty() || !IsTimestamp(value)) return false;
    parsed.timestamp = value;
  } else if (key == "v1") {
    if (parsed.signatures.size() == kMaxSignatures || !IsSignature(value)) return false;
    parsed.signatures.push_back(value);
  }
  return true;
}

std::optional<ParsedHeader> ParseHeader(std::string_view header) {
  if (header.size() > kMaxHeaderBytes) return std::nullopt;
  ParsedHeader parsed;
  for (size_t start = 0; start <= header.size();) {
    const size_t comma = std::min(header.find(',', start), header.size());
    if (!TakeItem(header.substr(start, comma - start), parsed)) return std::nullopt;
    start = comma + 1;
  }
  if (parsed.timestamp.empty() || parsed.signatures.empty()) return std::nullopt;
  return parsed;
}

// What Stripe signs: the timestamp's digits, a dot, the body's bytes.
std::string SignedMessage(std::string_view timestamp, std::string_view body) {
  std::string message;
  message.reserve(timestamp.size() + 1 + body.size());
  message.append(timestamp).append(1, '.').append(body);
  return message;
}

// Lowercase hex of HMAC-SHA256. The key is the whole secret text, "whsec_" included; it is not base64.
std::string HexHmac(const Secret& secret, std::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const std::string& key = secret.Reveal();
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, message.size(), digest.data(), &size) ==
      nullptr) {
    throw std::runtime_error("HMAC-SHA256 is not available in this OpenSSL");
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(size_t{2} * size);
  for (unsigned int i = 0; i < size; ++i) {
    hex.push_back(kDigits[digest[i] >> 4U]);
    hex.push_back(kDigits[digest[i] & 15U]);
  }
  return hex;
}

// Compares with every v1, also after a match, so that time tells nothing about which one it was.
bool FitsAny(const std::string& expected, const std::vector<std::string_view>& signatures) {
  bool fits = false;
  for (const auto signature : signatures) {
    fits |= CRYPTO_memcmp(expected.data(), signature.data(), kSignatureDigits) == 0;
  }
  return fits;
}

}  // namespace

std::string_view Code(SignatureRefusal refusal) {
  switch (refusal) {
    case SignatureRefusal::kMissing:
      return "signature_missing";
    case SignatureRefusal::kMalformed:
      return "signature_malformed";
    case SignatureRefusal::kMismatch:
      return "signature_mismatch";
    case SignatureRefusal::kTooOld:
      return "signature_too_old";
    case SignatureRefusal::kFromTheFuture:
      return "signature_from_the_future";
  }
  throw std::logic_error("unknown SignatureRefusal");
}

tl::expected<VerifiedSignature, SignatureRefusal> VerifySignature(std::optional<std::string_view> header,
                                                                  std::string_view body,
                                                                  std::span<const SigningSecret> secrets, Instant now,
                                                                  std::chrono::seconds tolerance) {
  if (!header || header->empty()) return tl::unexpected(SignatureRefusal::kMissing);
  const auto parsed = ParseHeader(*header);
  if (!parsed) return tl::unexpected(SignatureRefusal::kMalformed);
  const auto seconds = ParseInt<long long>(parsed->timestamp);
  const auto timestamp = seconds ? InstantFromUnixSeconds(*seconds) : std::nullopt;
  if (!timestamp) return tl::unexpected(SignatureRefusal::kMalformed);

  const std::string message = SignedMessage(parsed->timestamp, body);
  const SigningSecret* match = nullptr;
  for (const auto& candidate : secrets) {
    // A blank secret would let anybody sign; configuration refuses it too, this is the second lock.
    const bool usable = !Trim(candidate.secret.Reveal()).empty();
    const bool fits = FitsAny(HexHmac(candidate.secret, message), parsed->signatures);
    if (usable && fits && match == nullptr) match = &candidate;
  }
  if (match == nullptr) return tl::unexpected(SignatureRefusal::kMismatch);

  const std::chrono::seconds age{UnixSeconds(now) - *seconds};
  if (age > tolerance) return tl::unexpected(SignatureRefusal::kTooOld);
  if (-age > tolerance) return tl::unexpected(SignatureRefusal::kFromTheFuture);
  return VerifiedSignature{match->name, *timestamp};
}

std::string SignatureHeader(std::string_view body, const Secret& secret, Instant at) {
  const std::string timestamp = std::to_string(UnixSeconds(at));
  return "t=" + timestamp + ",v1=" + HexHmac(secret, SignedMessage(timestamp, body));
}

}  // namespace billsync::stripe
