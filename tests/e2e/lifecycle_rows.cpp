// What came of the runs, against what the fixtures expect.
#include <algorithm>
#include <set>

#include "e2e/lifecycle_runs.h"

namespace billsync::testing {
namespace {

std::string Quoted(const std::optional<std::string>& value) {
  return value ? "'" + *value + "'" : "NULL";
}

class Comparison {
 public:
  Comparison(TestDatabase& database, const std::vector<Run>& runs)
      : session_(database.Connect()), tx_(*session_, {.read_only = true}), runs_(runs) {}

  std::vector<std::string> Run() {
    for (const auto& [table, key] : RowKeys()) CompareRows(table, key);
    CompareFates();
    return std::move(differences_);
  }

 private:
  // Each column as text, times as Unix seconds.
  std::string SelectOf(const std::string& table) {
    std::string select;
    for (const db::Row row : tx_.Exec("test",
                                      "SELECT column_name::text AS name, data_type::text AS type "
                                      "FROM information_schema.columns "
                                      "WHERE table_schema = 'public' AND table_name = $1",
                                      db::Params::Of(table))) {
      const std::string name = row.Text("name"), type = row.Text("type");
      const bool is_time = type == "timestamp with time zone" || type == "date";
      select += (select.empty() ? "SELECT " : ", ") +
                (is_time ? "extract(epoch FROM " + name + ")::bigint::text" : name + "::text") + " AS " + name;
      columns_[table].insert(name);
    }
    return select + " FROM " + table;
  }

  void CompareRows(const std::string& table, const std::string& key) {
    const auto rows = tx_.Exec("test", SelectOf(table), {});
    std::vector<std::set<std::string>> seen(runs_.size());
    for (const db::Row row : rows) {
      const std::string id = row.Text(key.c_str());
      const auto number = TwinOf(id);
      if (!number || *number >= runs_.size()) continue;  // a user of the platform
      const auto& run = runs_[*number];
      const std::string known_as = run.lifecycle->Untwinned(id, run.twin);
      seen[*number].insert(known_as);
      const auto expected = Find(run, table, key, known_as);
      if (expected == nullptr) {
        Differs(run, table + " has an unexpected row " + known_as);
      } else {
        CompareColumns(run, table, known_as, *expected, row);
      }
    }
    for (const auto& run : runs_) {
      for (const auto& expected : RowsOf(run, table)) {
        const std::string& wanted = *expected.at(key);
        if (!seen[run.twin.number].contains(wanted)) Differs(run, table + " has no row " + wanted);
      }
    }
  }

  static const std::vector<Columns>& RowsOf(const billsync::testing::Run& run, const std::string& table) {
    static const std::vector<Columns> none;
    const auto found = run.lifecycle->rows.find(table);
    return found == run.lifecycle->rows.end() ? none : found->second;
  }

  static const Columns* Find(const billsync::testing::Run& run, const std::string& table, const std::string& key,
                             const std::string& known_as) {
    const auto& rows = RowsOf(run, table);
    const auto found = std::ranges::find_if(rows, [&](const Columns& row) { return row.at(key) == known_as; });
    return found == rows.end() ? nullptr : &*found;
  }

  void CompareColumns(const billsync::testing::Run& run, const std::string& table, const std::string& known_as,
                      const Columns& expected, const db::Row& row) {
    for (const auto& [column, value] : expected) {
      if (!columns_[table].contains(column)) {
        Differs(run, table + " has no column " + column);
        continue;
      }
      auto actual = row.OptText(column.c_str());
      if (actual) actual = run.lifecycle->Untwinned(*actual, run.twin);
      if (actual == value) continue;
      Differs(run, table + " " + known_as + "." + column + ": expected " + Quoted(value) + ", is " + Quoted(actual));
    }
  }

  void CompareFates() {
    std::vector<std::set<size_t>> delivered(runs_.size());
    for (const auto& run : runs_) {
      for (const auto& one : run.deliveries) delivered[run.twin.number].insert(one.event);
    }
    for (const db::Row row : tx_.Exec("test", R"(
             SELECT id, concat_ws(' ', status, reason) AS fate, coalesce(detail, '') AS detail FROM stripe_events)",
                                      {})) {
      const auto known = TwinEventOf(row.Text("id"));
      if (!known || known->first >= runs_.size()) continue;
      const auto& run = runs_[known->first];
      const auto& event = run.lifecycle->events[known->second];
      delivered[known->first].erase(known->second);
      if (row.Text("fate") == event.fate) continue;
      Differs(run, "event " + event.file + ": expected " + event.fate + ", is " + row.Text("fate") + " " +
                       row.Text("detail"));
    }
    for (const auto& run : runs_) {
      for (const size_t lost : delivered[run.twin.number]) {
        Differs(run, "event " + run.lifecycle->events[lost].file + " is not stored");
      }
    }
  }

  void Differs(const billsync::testing::Run& run, const std::string& what) {
    differences_.push_back(run.Describe() + "\n    " + what);
  }

  std::unique_ptr<db::Session> session_;
  db::Transaction tx_;
  const std::vector<billsync::testing::Run>& runs_;
  std::map<std::string, std::set<std::string>> columns_;
  std::vector<std::string> differences_;
};

}  // namespace

std::vector<std::string> Differences(TestDatabase& database, const std::vector<Run>& runs) {
  return Comparison(database, runs).Run();
}

std::string Summary(const std::vector<std::string>& differences) {
  std::string text;
  std::map<std::string, int> by_kind;
  for (size_t i = 0; i < differences.size(); ++i) {
    if (i < 12) text += differences[i] + "\n";
    const size_t what = differences[i].find("\n    ");
    ++by_kind[differences[i].substr(0, differences[i].find(':')) + differences[i].substr(what + 4)];
  }
  for (const auto& [kind, count] : by_kind) text += std::to_string(count) + " x " + kind + "\n";
  return text;
}

}  // namespace billsync::testing
