// Who may do what on the admin listener: bearer tokens of programs, session cookies of people.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/admin/ended_sessions.h"
#include "billsync/admin/identity.h"
#include "billsync/admin/login_limit.h"
#include "billsync/http/router.h"

namespace billsync::admin {

// A handler that is told who asks.
using IdentifiedHandler = std::function<void(const Identity&, http::Request&& request, http::Responder responder)>;

// Wraps handlers so that they run only for somebody of a sufficient role. Thread-safe.
class TokenGuard {
 public:
  // `ended` tells which sessions were logged out and must outlive the guard; without it no session is ended early.
  explicit TokenGuard(std::vector<Token> tokens, Clock clock = SystemNow, const EndedSessions* ended = nullptr);

  // The role of an "Authorization: Bearer …" value, whose scheme may be in any case (RFC 9110, 11.1); every token is
  // compared, in constant time.
  std::optional<Role> RoleOf(std::optional<std::string_view> authorization) const;

  // Who a token belongs to, compared in the same way; none for an unknown one.
  std::optional<Identity> IdentifyToken(std::string_view token) const;
  // Who sends a request: by its bearer token if it has one, else by its session cookie. Throws db::Error when the
  // database cannot say whether the session was logged out.
  std::optional<Identity> Identify(const http::Request& request) const;
  // A new session of the token's owner, for the cookie kSessionCookie; none for an unknown token.
  std::optional<std::string> OpenSession(std::string_view token) const;

  // Ends a session before its time, for every process on the database; throws db::Error. `identity` is whose request it
  // came with; one without a session is nothing to end.
  void EndSession(const Identity& identity) const;

  // What somebody is told whom Identify does not know: 401; 429 with Retry-After after ten wrong bearer tokens of a
  // peer in a minute. A right token is let in all the same: behind a proxy or in a shared network a peer is many.
  // Counts.
  http::Response RefuseUnknown(const http::Request& request) const;

  // 503 for a session when the database is away, 401 or 429 without a known token or session, 403 when its role is not
  // enough, or when a browser's request that changes something comes from another site or without its session's form
  // token. The guard must outlive the router.
  http::Handler Require(Role role, http::Handler handler) const;
  http::Handler RequireIdentity(Role role, IdentifiedHandler handler) const;

 private:
  const SessionKey* KeyOf(std::string_view token) const;

  const std::vector<Token> tokens_;
  const Clock clock_;
  std::vector<SessionKey> keys_;  // one a token, in the same order
  const EndedSessions* const ended_;
  mutable LoginLimit wrong_tokens_;  // apart from that of logins: a program must not lock people out
};

// 503 problem+json with Retry-After: what cannot be answered without the database.
http::Response DatabaseAway();

// Why a browser's request that changes something must be refused; empty when it may go on. The site is told by Origin
// (a proxy has to pass Host on), the session's form token stands in the header X-CSRF-Token or the form field csrf.
std::string_view ForgedBecause(const Identity& identity, const http::Request& request);

// Origin, if the browser sent one, names the host the request was sent to.
bool IsSameSite(const http::Request& request);

// The cookie's value; none when the request has none of this name.
std::optional<std::string_view> FindCookie(const http::Request& request, std::string_view name);

}  // namespace billsync::admin
