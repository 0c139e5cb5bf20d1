// What a caller may do after the database failed. Every pqxx exception becomes one of these, in src/db/error_map.cpp.
#pragma once

#include <stdexcept>
#include <string>

namespace billsync::db {

// Base of the three; what() names the query and the SQLSTATE and never holds parameters or rows.
class Error : public std::runtime_error {
 public:
  Error(const std::string& what, std::string sqlstate) : std::runtime_error(what), sqlstate_(std::move(sqlstate)) {}
  // Five characters, or empty when the server said nothing (connection lost).
  const std::string& sqlstate() const { return sqlstate_; }

 private:
  std::string sqlstate_;
};

// Nothing was done; the same call may succeed later (connection refused, deadlock, timeout, pool exhausted).
class Transient : public Error {
 public:
  using Error::Error;
};

// The connection was lost while COMMIT was under way: re-read by key before deciding, never retry blindly.
class InDoubt : public Error {
 public:
  using Error::Error;
};

// The statement can never succeed as it is (syntax, constraint, type, permission).
class Bug : public Error {
 public:
  using Error::Error;
};

}  // namespace billsync::db
