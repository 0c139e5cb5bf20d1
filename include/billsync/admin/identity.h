// Who asks, and the sessions of people with a browser.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "billsync/base/instant.h"
#include "billsync/base/secret.h"

namespace billsync::admin {

// Finance reads and exports; ops also retries, runs and closes.
enum class Role { kFinance, kOps };
// "finance", "ops"
std::string_view Name(Role role);

struct Token {
  Role role = Role::kFinance;
  Secret secret;
  // So short that it may be guessed: fewer than 16 characters. Told of, not refused.
  bool IsShort() const { return secret.Reveal().size() < 16; }
};

// Who an authenticated request comes from.
struct Identity {
  Role role = Role::kFinance;
  std::string actor;              // "ops token 3fa81c22": role and fingerprint of the token, for the record
  bool by_cookie = false;         // a browser's session: what changes something also needs `csrf`
  std::string csrf{};             // of a session: what its forms must carry
  std::string session{};          // of a session: its name, of no use to anybody without its signature
  std::optional<Instant> ends{};  // of a session
};

// Signs and checks the sessions of one token. A session is a text that names the token by its fingerprint, says when it
// ends and carries an HMAC-SHA256 under a key that is derived (PBKDF2) from the token: every process with the same
// configuration accepts it, nobody without the token can make one, and a token that is replaced ends its sessions.
// Immutable, thread-safe.
class SessionKey {
 public:
  explicit SessionKey(const Token& token);

  // Eight hexadecimal digits that tell tokens apart in the record. They say nothing of a token that was drawn at
  // random.
  const std::string& fingerprint() const { return fingerprint_; }
  Role role() const { return role_; }

  // A session that ends at `ends`. Takes a random number, so no two are alike.
  std::string Sign(Instant ends) const;
  // Whose session it is; none when it is not ours, altered, or over. Compares in constant time.
  std::optional<Identity> Check(std::string_view session, Instant now) const;
  // The identity without a session.
  Identity Bearer() const;

 private:
  std::string Mac(std::string_view purpose, std::string_view text) const;

  Role role_;
  std::string fingerprint_;
  std::array<unsigned char, 32> key_{};
};

// How long a session lasts after the login.
inline constexpr std::chrono::hours kSessionLife{8};
inline constexpr std::string_view kSessionCookie = "billsync_session";

}  // namespace billsync::admin
