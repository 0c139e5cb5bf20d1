#include "error_map.h"

#include <pqxx/pqxx>

#include <string>
#include <string_view>

#include "billsync/db/errors.h"

namespace billsync::db {
namespace {

// SQLSTATEs after which the same call may succeed later. Classes from PostgreSQL's appendix A.
bool IsTransient(std::string_view sqlstate) {
  if (sqlstate == "40001" || sqlstate == "40P01" || sqlstate == "55P03" || sqlstate == "57014" ||
      sqlstate == "25P03" || sqlstate == "25006") {
    return true;  // serialization, deadlock, lock timeout, cancelled, idle timeout, a standby that is read only
  }
  const std::string_view group = sqlstate.substr(0, 2);
  return group == "08" || group == "53" || group == "57" || group == "58";  // connection, resources, operator, system
}

// The first line of a server message, without what PostgreSQL adds about the row (DETAIL holds data).
std::string FirstLine(const char* what) {
  const std::string_view text = what;
  return std::string(text.substr(0, text.find('\n')));
}

bool EndsSession(std::string_view sqlstate) {
  return sqlstate == "57P01" || sqlstate == "57P02" || sqlstate == "57P03" || sqlstate == "25P03" ||
         sqlstate.substr(0, 2) == "08";
}

}  // namespace

void RethrowMapped(const char* query, bool committing, bool* broken) {
  const std::string name = query;
  try {
    throw;
  } catch (const pqxx::broken_connection& e) {
    *broken = true;
    if (committing) throw InDoubt(name + ": connection lost during COMMIT", "");
    throw Transient(name + ": " + FirstLine(e.what()), "");
  } catch (const pqxx::sql_error& e) {
    const std::string state = e.sqlstate();
    if (EndsSession(state)) *broken = true;
    const std::string what = name + ": " + FirstLine(e.what()) + " [" + state + "]";
    if (*broken && committing) throw InDoubt(what, state);
    if (IsTransient(state)) throw Transient(what, state);
    throw Bug(what, state);
  } catch (const pqxx::failure& e) {
    *broken = true;
    throw Transient(name + ": " + FirstLine(e.what()), "");
  }
}

}  // namespace billsync::db
