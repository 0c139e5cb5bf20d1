// A role that may log in, for the life of a test.
#pragma once

#include <string>

#include "support/postgres.h"

namespace billsync::testing {

class LoginRole {
 public:
  // `groups`: " IN ROLE billsync_service", or nothing.
  explicit LoginRole(TestDatabase& database, const std::string& groups = "");
  ~LoginRole();
  LoginRole(const LoginRole&) = delete;
  LoginRole& operator=(const LoginRole&) = delete;

  const std::string& name() const { return name_; }
  // The database's URL with this role as user.
  const std::string& url() const { return url_; }

 private:
  TestDatabase& database_;
  std::string name_, url_;
};

// Creates the groups of config/postgres-roles.sql and grants them what they need in this database.
void GrantRoles(TestDatabase& database);

}  // namespace billsync::testing
