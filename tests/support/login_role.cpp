#include "support/login_role.h"

#include <unistd.h>

#include <atomic>
#include <stdexcept>

namespace billsync::testing {

LoginRole::LoginRole(TestDatabase& database, const std::string& groups) : database_(database), url_(database.url()) {
  static std::atomic<int> next{0};
  name_ = "login_" + std::to_string(::getpid()) + "_" + std::to_string(++next);
  const std::string superuser = "//billsync@";
  const size_t at = url_.find(superuser);
  if (at == std::string::npos) throw std::runtime_error("unexpected cluster URL " + url_);
  url_.replace(at, superuser.size(), "//" + name_ + "@");
  database_.Run("CREATE ROLE " + name_ + " LOGIN" + groups);
}

LoginRole::~LoginRole() {
  database_.Run("DROP OWNED BY " + name_ + "; DROP ROLE " + name_);
}

void GrantRoles(TestDatabase& database) {
  database.Run(ReadSource("config/postgres-roles.sql"));
}

}  // namespace billsync::testing
