// Result over a pqxx::result.
#pragma once

#include <pqxx/pqxx>

#include "billsync/db/session.h"

namespace billsync::db {

struct Result::Impl {
  pqxx::result rows;
};

Result MakeResult(const pqxx::result& rows);  // shares the rows, does not copy them

}  // namespace billsync::db
