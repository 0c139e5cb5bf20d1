#include "billsync/admin/identity.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <span>
#include <stdexcept>

#include "billsync/base/parse.h"

namespace billsync::admin {
namespace {

// Slow enough that a fingerprint in the record is no help in guessing a token that a person made up.
constexpr int kDerivationRounds = 50'000;

std::string Hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::string_view Name(Role role) {
  switch (role) {
    case Role::kFinance:
      return "finance";
    case Role::kOps:
      return "ops";
  }
  return "";
}

SessionKey::SessionKey(const Token& token) : role_(token.role) {
  const std::string& secret = token.secret.Reveal();
  const std::string salt = "billsync session " + std::string(Name(role_));
  std::array<unsigned char, 36> derived{};
  if (PKCS5_PBKDF2_HMAC(secret.data(), static_cast<int>(secret.size()),
                        reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()),
                        kDerivationRounds, EVP_sha256(), static_cast<int>(derived.size()), derived.data()) != 1) {
    throw std::runtime_error("a session key could not be derived");
  }
  std::copy(derived.begin(), derived.begin() + 32, key_.begin());
  fingerprint_ = Hex(std::span(derived).subspan(32));
}

std::string SessionKey::Mac(std::string_view purpose, std::string_view text) const {
  const std::string message = std::string(purpose) + "\n" + std::string(text);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), reinterpret_cast<const unsigned char*>(message.data()),
       message.size(), mac.data(), &size);
  return Hex(std::span(mac).first(size));
}

std::string SessionKey::Sign(Instant ends) const {
  std::array<unsigned char, 16> nonce{};
  if (RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) != 1) throw std::runtime_error("no random numbers");
  const std::string text = fingerprint_ + "." + std::to_string(UnixSeconds(ends)) + "." + Hex(nonce);
  return text + "." + Mac("session", text);
}

std::optional<Identity> SessionKey::Check(std::string_view session, Instant now) const {
  const size_t mac_at = session.rfind('.');
  if (mac_at == std::string_view::npos) return std::nullopt;
  const std::string_view text = session.substr(0, mac_at);
  if (!EqualInConstantTime(session.substr(mac_at + 1), Mac("session", text))) return std::nullopt;
  const size_t from = text.find('.') + 1;
  const auto seconds = ParseInt<long long>(text.substr(from, text.find('.', from) - from));
  const auto ends = seconds ? InstantFromUnixSeconds(*seconds) : std::nullopt;
  if (!ends || now >= *ends) return std::nullopt;
  Identity identity = Bearer();
  identity.by_cookie = true;
  identity.csrf = Mac("form", text);
  identity.session = text;
  identity.ends = ends;
  return identity;
}

Identity SessionKey::Bearer() const {
  return {.role = role_, .actor = std::string(Name(role_)) + " token " + fingerprint_};
}

}  // namespace billsync::admin
