#include "billsync/admin/token_guard.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "billsync/base/log.h"
#include "billsync/base/parse.h"

namespace billsync::admin {
namespace {

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

// Equal lengths make the comparison constant in time whatever was sent.
Digest DigestOf(std::string_view text) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  const Digest x = DigestOf(a), y = DigestOf(b);
  return CRYPTO_memcmp(x.data(), y.data(), x.size()) == 0;
}

std::optional<std::string_view> BearerOf(std::optional<std::string_view> authorization) {
  constexpr std::string_view kScheme = "bearer ";
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; };
  if (!authorization || !std::ranges::equal(authorization->substr(0, kScheme.size()), kScheme, same)) {
    return std::nullopt;
  }
  return authorization->substr(kScheme.size());
}

bool ChangesNothing(const http::Request& request) {
  return request.method == "GET" || request.method == "HEAD";
}

}  // namespace

http::Response DatabaseAway() {
  auto response = http::Problem(503, "database_unavailable", "The database cannot be reached; try again.");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

TokenGuard::TokenGuard(std::vector<Token> tokens, Clock clock, const EndedSessions* ended)
    : tokens_(std::move(tokens)), clock_(std::move(clock)), ended_(ended) {
  for (const Token& token : tokens_) keys_.emplace_back(token);
}

const SessionKey* TokenGuard::KeyOf(std::string_view token) const {
  const SessionKey* found = nullptr;
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const bool same = EqualInConstantTime(token, tokens_[i].secret.Reveal());
    if (same && (found == nullptr || keys_[i].role() > found->role())) found = &keys_[i];
  }
  return found;
}

std::optional<Identity> TokenGuard::IdentifyToken(std::string_view token) const {
  const SessionKey* key = KeyOf(token);
  return key == nullptr ? std::nullopt : std::optional(key->Bearer());
}

std::optional<Role> TokenGuard::RoleOf(std::optional<std::string_view> authorization) const {
  const auto token = BearerOf(authorization);
  const auto identity = token ? IdentifyToken(*token) : std::nullopt;
  return identity ? std::optional(identity->role) : std::nullopt;
}

std::optional<Identity> TokenGuard::Identify(const http::Request& request) const {
  if (const auto authorization = request.FindHeader("Authorization")) {
    const auto token = BearerOf(authorization);
    return token ? IdentifyToken(*token) : std::nullopt;
  }
  const auto session = FindCookie(request, kSessionCookie);
  if (!session) return std::nullopt;
  const Instant now = clock_();
  for (const SessionKey& key : keys_) {
    if (session->starts_with(key.fingerprint() + ".")) {
      auto identity = key.Check(*session, now);
      if (identity && (ended_ == nullptr || !ended_->Contains(identity->session))) return identity;
    }
  }
  return std::nullopt;
}

void TokenGuard::EndSession(const Identity& identity) const {
  if (ended_ != nullptr && identity.by_cookie && identity.ends) ended_->Add(identity.session, *identity.ends);
}

std::optional<std::string> TokenGuard::OpenSession(std::string_view token) const {
  const SessionKey* key = KeyOf(token);
  return key == nullptr ? std::nullopt : std::optional(key->Sign(clock_() + kSessionLife));
}

http::Response TokenGuard::RefuseUnknown(const http::Request& request) const {
  if (BearerOf(request.FindHeader("Authorization"))) {
    const auto now = std::chrono::steady_clock::now();
    if (!wrong_tokens_.MayTry(request.remote_addr, now)) {
      auto response = http::Problem(429, "too_many_attempts", "Too many wrong tokens. Wait a minute, then try again.");
      response.headers.emplace_back("Retry-After", std::to_string(LoginLimit::kWindow.count()));
      return response;
    }
    wrong_tokens_.NoteFailure(request.remote_addr, now);
    Log(LogLevel::kWarning, "a bearer token is not known", {{"from", request.remote_addr}});
  }
  auto response = http::Problem(401, "token_required", "Send Authorization: Bearer TOKEN with a configured token.");
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

http::Handler TokenGuard::Require(Role role, http::Handler handler) const {
  return RequireIdentity(
      role, [handler = std::move(handler)](const Identity&, http::Request&& request, http::Responder responder) {
        handler(std::move(request), std::move(responder));
      });
}

http::Handler TokenGuard::RequireIdentity(Role role, IdentifiedHandler handler) const {
  return [this, role, handler = std::move(handler)](http::Request&& request, http::Responder responder) {
    std::optional<Identity> identity;
    try {
      identity = Identify(request);
    } catch (const db::Error& e) {
      Log(LogLevel::kWarning, "a session could not be checked", {{"error", e.what()}});
      return responder.Send(DatabaseAway());
    }
    if (!identity) return responder.Send(RefuseUnknown(request));
    if (identity->role < role) {
      return responder.Send(http::Problem(403, "role_insufficient", "This needs a token of the role ops."));
    }
    if (const auto forged = ForgedBecause(*identity, request); !forged.empty()) {
      return responder.Send(http::Problem(403, "forged", forged));
    }
    handler(*identity, std::move(request), std::move(responder));
  };
}

std::string_view ForgedBecause(const Identity& identity, const http::Request& request) {
  if (!identity.by_cookie || ChangesNothing(request)) return {};
  if (!IsSameSite(request)) return "The request comes from another site.";
  std::string given(request.FindHeader("X-CSRF-Token").value_or(""));
  if (given.empty()) {
    const auto form = http::ParseForm(request.body);
    if (form) {
      for (const auto& [name, value] : *form) {
        if (name == "csrf") given = value;
      }
    }
  }
  if (!EqualInConstantTime(given, identity.csrf)) return "The form is not of this session; load the page again.";
  return {};
}

bool IsSameSite(const http::Request& request) {
  const auto origin = request.FindHeader("Origin");
  if (!origin) {
    const auto site = request.FindHeader("Sec-Fetch-Site");
    return !site || *site == "same-origin" || *site == "none";
  }
  const size_t scheme = origin->find("://");
  return scheme != std::string_view::npos && origin->substr(scheme + 3) == request.FindHeader("Host").value_or("");
}

std::optional<std::string_view> FindCookie(const http::Request& request, std::string_view name) {
  for (std::string_view line : request.AllHeaders("Cookie")) {
    while (!line.empty()) {
      const std::string_view pair = Trim(line.substr(0, line.find(';')));
      line.remove_prefix(std::min(line.find(';'), line.size() - 1) + 1);
      const size_t equals = pair.find('=');
      if (equals != std::string_view::npos && pair.substr(0, equals) == name) return pair.substr(equals + 1);
    }
  }
  return std::nullopt;
}

}  // namespace billsync::admin
