// Sessions, transactions, parameters and strictly read rows: all that billsync lets anybody see of libpqxx.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/db/errors.h"
#include "billsync/db/query.h"

namespace billsync::db {

// The parameters $1, $2 … of a statement, all sent as text. Text must not hold NUL: Add throws Bug.
class Params {
 public:
  Params& Add(std::string_view text);
  Params& Add(const char* text) { return Add(std::string_view(text)); }
  Params& Add(const std::string& text) { return Add(std::string_view(text)); }
  Params& Add(int64_t number);
  Params& Add(int number) { return Add(static_cast<int64_t>(number)); }
  Params& Add(bool value);
  Params& Add(Instant at);
  Params& Add(std::nullptr_t);
  // A PostgreSQL array literal; nullopt elements become NULL. Cast it in SQL: $1::text[].
  Params& Add(const std::vector<std::string>& values);
  Params& Add(const std::vector<std::optional<std::string>>& values);
  template <typename T>
  Params& Add(const std::optional<T>& value) {
    return value ? Add(*value) : Add(nullptr);
  }

  template <typename... Args>
  static Params Of(const Args&... args) {
    Params params;
    (params.Add(args), ...);
    return params;
  }

  const std::vector<std::optional<std::string>>& values() const { return values_; }

 private:
  std::vector<std::optional<std::string>> values_;
};

// The array parameters of a set-based statement (unnest): rows go in one at a time, one array a column comes out.
class ArrayColumns {
 public:
  explicit ArrayColumns(size_t columns) : columns_(columns) {}
  // As many values as there are columns.
  void AddRow(const Params& row);
  bool empty() const { return columns_.empty() || columns_.front().empty(); }
  size_t rows() const { return columns_.empty() ? 0 : columns_.front().size(); }
  // $1 is the first column's array, and so on.
  Params ToParams() const;

 private:
  std::vector<std::vector<std::optional<std::string>>> columns_;
};

// {"a","b",NULL} for a text[] parameter or COPY field.
std::string ArrayLiteral(const std::vector<std::optional<std::string>>& values);

// A parameter's value as it stands in a query's text: 'it''s', NULL.
std::string Literal(const std::optional<std::string>& value);

class Result;

// One row. Reads are strict: the wrong type, an unexpected NULL or an unknown column throws Bug naming the column.
class Row {
 public:
  std::string Text(const char* column) const;
  std::optional<std::string> OptText(const char* column) const;
  // Points into the Result; valid while it lives.
  std::string_view View(const char* column) const;
  int64_t Int(const char* column) const;
  std::optional<int64_t> OptInt(const char* column) const;
  bool Bool(const char* column) const;
  // A timestamptz column of a session whose TimeZone is UTC.
  Instant At(const char* column) const;
  std::optional<Instant> OptAt(const char* column) const;
  bool IsNull(const char* column) const;
  // Column `index` as sent by the server; nullopt for NULL. For writers that print every column.
  std::optional<std::string_view> Raw(int index) const;

 private:
  friend class Result;
  Row(const Result* result, int index) : result_(result), index_(index) {}
  const Result* result_;
  int index_;
};

// The rows of a statement, held in memory.
class Result {
 public:
  struct Impl;
  explicit Result(std::shared_ptr<const Impl> impl);
  int size() const;
  bool empty() const { return size() == 0; }
  // Number of rows an INSERT, UPDATE or DELETE touched.
  int64_t affected() const;
  Row operator[](int index) const { return Row(this, index); }
  // The only row; throws Bug when there is not exactly one.
  Row Only() const;

  class Iterator {
   public:
    Iterator(const Result* result, int index) : result_(result), index_(index) {}
    Row operator*() const { return (*result_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return index_ != other.index_; }

   private:
    const Result* result_;
    int index_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

 private:
  friend class Row;
  std::shared_ptr<const Impl> impl_;
};

// Where and as what to connect.
struct ConnectOptions {
  std::string url;                             // libpq URL or keyword string
  std::string role;                            // application_name is "billsync <role>"
  std::chrono::seconds connect_timeout{2};     // libpq's smallest
  std::chrono::seconds statement_timeout{30};  // of every statement, unless a transaction asks for another
  // Refuse to work as a role from which policies may hide rows: a silent zero is worse than an error. The session
  // setting row_security = off would not do: it raises for every role but the owner, even under a policy of "true".
  bool refuse_hidden_rows = true;
};

// One connection, used by one thread at a time. It never reconnects by itself: after a connection error it is Broken()
// and has to be replaced (libpqxx would silently go on in a new backend, outside the transaction).
class Session {
 public:
  // Throws Transient when the server cannot be reached, Bug when row-level security would hide rows (SQLSTATE 42501).
  explicit Session(ConnectOptions options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  bool Broken() const;
  // One prepared statement (see Transaction::ExecPrepared) as a transaction of its own, which is on disk when this
  // returns, even if synchronous_commit is off for the role or the database. One round trip; behind a pooler three.
  // Names of tables must say their schema. Throws InDoubt when the connection broke under way.
  Result ExecDurably(const char* name, const std::string& sql, const Params& params);
  // Notices and warnings the server sent since the last call, oldest first.
  std::vector<std::string> TakeNotices();
  const ConnectOptions& options() const;

 private:
  friend class Transaction;
  void RefuseHiddenRows();
  bool IsDirect();
  Result RunPrepared(const char* name, const std::string& sql, const Params& params, bool committing);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct TransactionOptions {
  bool read_only = false;
  bool snapshot = false;  // REPEATABLE READ: every statement sees the same moment
  // COMMIT returns when it is on disk, even if synchronous_commit is off for the role or the database. A level that
  // waits for more than the local disk stays.
  bool durable = false;
  std::optional<std::chrono::seconds> statement_timeout = std::nullopt;  // nullopt: the session's
  // For transactions that run the same few dozen statements again and again, each by key: the server keeps them
  // prepared with one plan (see ExecPrepared), made without scans of whole tables, so that neither statistics of
  // yesterday nor those of an empty table decide. Parsing and planning would cost more than carrying out.
  bool by_key = false;
};

// BEGIN … COMMIT; rolls back when it is destroyed uncommitted. Settings are SET LOCAL, so it works through PgBouncer in
// transaction mode: TimeZone UTC, search_path public first and pg_temp last, statement_timeout.
class Transaction {
 public:
  explicit Transaction(Session& session, TransactionOptions options = {});
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Runs one statement with its parameters; prepared, where the options say so.
  Result Exec(const Query& query, const Params& params = {});
  // Runs a text made at run time: `name` stands for it in errors.
  Result Exec(const char* name, const std::string& sql, const Params& params);
  // The same for a text that is run again and again and costs more to parse than to carry out: the server keeps it
  // prepared, until the session ends. Behind a pooler, where the next transaction may meet another server process, it
  // is Exec. For few texts: each stays in the server's memory.
  Result ExecPrepared(const char* name, const std::string& sql, const Params& params);
  // Hands each row of a query to `take`, as the server makes them: memory does not grow with the rows. A query text has
  // no parameters here; put values in with Literal. The views live until `take` returns, which must not use the
  // session. When `take` throws, the query is cancelled and the transaction can only be rolled back.
  using Fields = std::vector<std::optional<std::string_view>>;
  void Stream(const char* name, const std::string& query, const std::function<void(const Fields& fields)>& take);
  // Runs a text of several statements without parameters (migrations).
  void ExecScript(const char* name, const std::string& sql);
  // Throws InDoubt when the connection broke under way.
  void Commit();

 private:
  Session& session_;
  const bool by_key_;
  bool open_ = false;
};

}  // namespace billsync::db
