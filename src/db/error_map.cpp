#include "error_map.h"

#include <pqxx/pqxx>
#include <string>
#include <string_view>

#include "billsync/db/errors.h"

namespace billsync::db {
namespace {

// SQLSTATEs after which the same call may succeed later. Classes from PostgreSQL's appendix A.
bool IsTransient(std::string_view sqlstate) {
  if (sqlstate == "40001" || sqlstate == "40P01" || sqlstate == "55P03" || sqlstate == "57014" || sqlstate == "25P03" ||
      sqlstate == "25006") {
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

// libpqxx 6.4 throws a type of its own for these and forgets the state.
std::string SqlstateOf(const pqxx::sql_error& error) {
  if (!error.sqlstate().empty()) return error.sqlstate();
  if (dynamic_cast<const pqxx::insufficient_privilege*>(&error) != nullptr) return "42501";
  if (dynamic_cast<const pqxx::unique_violation*>(&error) != nullptr) return "23505";
  if (dynamic_cast<const pqxx::foreign_key_violation*>(&error) != nullptr) return "23503";
  if (dynamic_cast<const pqxx::not_null_violation*>(&error) != nullptr) return "23502";
  if (dynamic_cast<const pqxx::check_violation*>(&error) != nullptr) return "23514";
  if (dynamic_cast<const pqxx::undefined_table*>(&error) != nullptr) return "42P01";
  if (dynamic_cast<const pqxx::undefined_column*>(&error) != nullptr) return "42703";
  if (dynamic_cast<const pqxx::undefined_function*>(&error) != nullptr) return "42883";
  if (dynamic_cast<const pqxx::syntax_error*>(&error) != nullptr) return "42601";
  if (dynamic_cast<const pqxx::disk_full*>(&error) != nullptr) return "53100";
  if (dynamic_cast<const pqxx::out_of_memory*>(&error) != nullptr) return "53200";
  return "";
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
    const std::string state = SqlstateOf(e);
    if (EndsSession(state)) *broken = true;
    const std::string what = name + ": " + FirstLine(e.what()) + " [" + state + "]";
    if (*broken && committing) throw InDoubt(what, state);
    if (IsTransient(state)) throw Transient(what, state);
    throw Bug(what, state);
  } catch (const pqxx::deadlock_detected& e) {
    throw Transient(name + ": " + FirstLine(e.what()) + " [40P01]", "40P01");
  } catch (const pqxx::serialization_failure& e) {
    throw Transient(name + ": " + FirstLine(e.what()) + " [40001]", "40001");
  } catch (const std::exception& e) {  // libpqxx's other failures, and what the standard library throws below it
    *broken = true;
    if (committing) throw InDoubt(name + ": " + FirstLine(e.what()), "");
    throw Transient(name + ": " + FirstLine(e.what()), "");
  }
}

}  // namespace billsync::db
