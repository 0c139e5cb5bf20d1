#include "platform_rows.h"

namespace billsync::testing {
namespace {

std::string TwoDigits(int number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

std::string Quoted(const std::string& text) {
  return "'" + text + "'";
}

std::string InsertText(const std::string& table, const Columns& columns) {
  std::string names, values;
  for (const auto& [name, value] : columns) {
    names += (names.empty() ? "" : ", ") + name;
    values += (values.empty() ? "" : ", ") + value;
  }
  return "INSERT INTO " + table + " (" + names + ") SELECT " + values;
}

void AddAgent(TestDatabase& database) {
  if (database.Value(std::string("SELECT count(*) FROM agents WHERE id = '") + kAgentId + "'") == "1") return;
  AddUser(database, 99);
  database.Run(InsertText("teams", {{"id", Quoted(kTeamId)},
                                    {"name", "'Compiler Works'"},
                                    {"slug", "'compiler-works'"},
                                    {"owner_id", Quoted(UserId(99))}}));
  database.Run(InsertText("agents", {{"id", Quoted(kAgentId)},
                                     {"team_id", Quoted(kTeamId)},
                                     {"name", "'Triage'"},
                                     {"slug", "'triage'"},
                                     {"spec_content", "'# Triage'"},
                                     {"created_by", Quoted(UserId(99))}}));
}

Columns RunColumns(int user, const Columns& columns) {
  Columns all = {{"agent_id", Quoted(kAgentId)},
                 {"team_id", Quoted(kTeamId)},
                 {"user_id", Quoted(UserId(user))},
                 {"input", "'do it'"}};
  for (const auto& [name, value] : columns) all[name] = value;
  return all;
}

}  // namespace

std::string UserId(int number) {
  return "00000000-0000-4000-8000-0000000000" + TwoDigits(number);
}

std::string RunId(int number) {
  return "10000000-0000-4000-8000-0000000000" + TwoDigits(number);
}

void AddUser(TestDatabase& database, int number, const Columns& columns) {
  Columns all = {{"id", Quoted(UserId(number))}, {"email", "'user" + TwoDigits(number) + "@example.com'"}};
  for (const auto& [name, value] : columns) all[name] = value;
  database.Run(InsertText("users", all));
}

void AddRuns(TestDatabase& database, int user, int count, const Columns& columns) {
  AddAgent(database);
  database.Run(InsertText("agent_runs", RunColumns(user, columns)) + " FROM generate_series(1, " +
               std::to_string(count) + ") AS n");
}

void AddRun(TestDatabase& database, int number, int user, const Columns& columns) {
  AddAgent(database);
  Columns all = RunColumns(user, columns);
  all["id"] = Quoted(RunId(number));
  database.Run(InsertText("agent_runs", all));
}

}  // namespace billsync::testing
