// Result over a pqxx::result.
#pragma once

#include <pqxx/pqxx>

#include "billsync/db/session.h"

namespace billsync::db {

struct Result::Impl {
  pqxx::result rows;
};

Result MakeResult(pqxx::result rows);

}  // namespace billsync::db
