// Most of a test's time here is the copying of its database.
#include "support/postgres.h"

namespace billsync::testing {
namespace {

[[maybe_unused]] const bool made_ahead = [] {
  TestDatabase::MakeAhead();
  return true;
}();

}  // namespace
}  // namespace billsync::testing
