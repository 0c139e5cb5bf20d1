#include "billsync/admin/token_guard.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>

namespace billsync::admin {
namespace {

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

// Equal lengths make the comparison constant in time whatever was sent.
Digest DigestOf(std::string_view text) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

}  // namespace

std::optional<Role> TokenGuard::RoleOf(std::optional<std::string_view> authorization) const {
  constexpr std::string_view kScheme = "Bearer ";
  if (!authorization || !authorization->starts_with(kScheme)) return std::nullopt;
  const Digest given = DigestOf(authorization->substr(kScheme.size()));
  std::optional<Role> role;
  for (const Token& token : tokens_) {
    const Digest known = DigestOf(token.secret.Reveal());
    if (CRYPTO_memcmp(given.data(), known.data(), known.size()) == 0 && (!role || token.role > *role)) {
      role = token.role;
    }
  }
  return role;
}

http::Handler TokenGuard::Require(Role role, http::Handler handler) const {
  return [this, role, handler = std::move(handler)](http::Request&& request, http::Responder responder) {
    const auto given = RoleOf(request.FindHeader("Authorization"));
    if (!given) {
      auto response = http::Problem(401, "token_required", "Send Authorization: Bearer TOKEN with a configured token.");
      response.headers.emplace_back("WWW-Authenticate", "Bearer");
      responder.Send(std::move(response));
    } else if (*given < role) {
      responder.Send(http::Problem(403, "role_insufficient", "This needs a token of the role ops."));
    } else {
      handler(std::move(request), std::move(responder));
    }
  };
}

}  // namespace billsync::admin
