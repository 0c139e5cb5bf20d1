// Bearer tokens of the admin listener.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "billsync/base/secret.h"
#include "billsync/http/router.h"

namespace billsync::admin {

// Finance reads and exports; ops also retries, runs and closes.
enum class Role { kFinance, kOps };

struct Token {
  Role role = Role::kFinance;
  Secret secret;
};

// Wraps handlers so that they run only with a token of a sufficient role. Immutable, thread-safe.
class TokenGuard {
 public:
  explicit TokenGuard(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  // The role of an "Authorization: Bearer …" value; every token is compared, in constant time.
  std::optional<Role> RoleOf(std::optional<std::string_view> authorization) const;

  // 401 without a known token, 403 when its role is not enough. The guard must outlive the router.
  http::Handler Require(Role role, http::Handler handler) const;

 private:
  const std::vector<Token> tokens_;
};

}  // namespace billsync::admin
