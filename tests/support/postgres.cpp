#include "support/postgres.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iostream>
#include <mutex>
#include <sstream>

#include "billsync/base/parse.h"
#include "billsync/db/migrator.h"

namespace billsync::testing {
namespace {

constexpr const char* kScript = BILLSYNC_SOURCE_DIR "/config/postgres-cluster.sh";

// Runs a shell command; its standard output, or exits when it fails.
std::string Shell(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string out;
  std::array<char, 4096> piece;
  while (pipe != nullptr && std::fgets(piece.data(), piece.size(), pipe) != nullptr) out += piece.data();
  if (pipe == nullptr || ::pclose(pipe) != 0) {
    std::cerr << "These tests need PostgreSQL 15; to see why it does not start, type:\n  " << command << "\n"
              << "  (missing? apt-get install postgresql)\n";
    std::_Exit(1);
  }
  return std::string(Trim(out));
}

std::string Quoted(const std::string& text) {
  return "'" + text + "'";
}

// One cluster a test program, so that programs may run side by side.
class Cluster {
 public:
  Cluster() : directory_(std::string(BILLSYNC_BINARY_DIR) + "/test-clusters/" + program_invocation_short_name) {
    Shell("BILLSYNC_PG_FAST=1 " + Quoted(kScript) + " start " + Quoted(directory_));
    url_ = Shell(Quoted(kScript) + " url " + Quoted(directory_));
  }
  ~Cluster() { Shell(Quoted(kScript) + " stop " + Quoted(directory_)); }
  const std::string& url() const { return url_; }

 private:
  std::string directory_, url_;
};

// The cluster's URL with another database name.
std::string UrlOf(const std::string& database) {
  std::string url = ClusterUrl();
  const size_t at = url.find("/billsync?");
  if (at == std::string::npos) throw std::runtime_error("unexpected cluster URL " + url);
  return url.replace(at, 9, "/" + database);
}

// CREATE and DROP DATABASE cannot run inside a transaction, so psql does it.
void Administer(const std::string& sql) {
  Shell("psql -X -q -v ON_ERROR_STOP=1 " + Quoted(ClusterUrl()) + " -c " + Quoted(sql));
}

// Migrated once; each test's database is a copy.
const std::string& Template() {
  static const std::string name = [] {
    const std::string made = "template_migrated";
    Administer("DROP DATABASE IF EXISTS " + made);
    Administer("CREATE DATABASE " + made);
    db::Session session({.url = UrlOf(made), .role = "test"});
    db::Migrate(session, [](const std::string&) {});
    return made;
  }();
  return name;
}

std::atomic<bool> ahead{false};

// Fresh copies of the template, the next one made while the test before it runs if that was asked for.
class Copies {
 public:
  ~Copies() {
    if (next_.valid()) Administer("DROP DATABASE " + next_.get());
  }
  std::string Take() {
    const std::lock_guard lock(mutex_);
    std::string name = next_.valid() ? next_.get() : Make();
    if (ahead) next_ = std::async(std::launch::async, Make);
    return name;
  }
  static std::string NewName() {
    static std::atomic<int> next{0};
    return "test_" + std::to_string(::getpid()) + "_" + std::to_string(++next);
  }

 private:
  static std::string Make() {
    std::string name = NewName();
    // Copying files and not pages through the log costs half as much where nothing is flushed.
    Administer("CREATE DATABASE " + name + " TEMPLATE " + Template() + " STRATEGY file_copy");
    return name;
  }

  std::mutex mutex_;
  std::future<std::string> next_;
};

Copies& MigratedCopies() {
  Template();  // so that the cluster and the template's name outlive the copies
  static Copies copies;
  return copies;
}

}  // namespace

const std::string& ClusterUrl() {
  static const Cluster cluster;
  return cluster.url();
}

TestDatabase::TestDatabase(Contents contents) {
  if (contents == Contents::kMigrated) {
    name_ = MigratedCopies().Take();
  } else {
    name_ = Copies::NewName();
    Administer("CREATE DATABASE " + name_);
  }
  url_ = UrlOf(name_);
}

void TestDatabase::MakeAhead() {
  ahead = true;
}

TestDatabase::~TestDatabase() {
  session_.reset();
  Administer("DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)");
}

std::unique_ptr<db::Session> TestDatabase::Connect() const {
  return std::make_unique<db::Session>(
      db::ConnectOptions{.url = url_, .role = "test", .statement_timeout = std::chrono::minutes(10)});
}

void TestDatabase::Run(const std::string& sql) {
  if (!session_ || session_->Broken()) session_ = Connect();
  db::Transaction tx(*session_);
  tx.ExecScript("test", sql);
  tx.Commit();
}

std::string TestDatabase::Value(const std::string& sql) {
  if (!session_ || session_->Broken()) session_ = Connect();
  db::Transaction tx(*session_);
  const auto rows = tx.Exec("test", sql, {});
  tx.Commit();
  EXPECT_EQ(rows.size(), 1) << sql;
  if (rows.size() != 1) return "";
  return std::string(rows[0].Raw(0).value_or(""));
}

std::string ReadSource(const std::string& path) {
  std::ifstream in(std::string(BILLSYNC_SOURCE_DIR) + "/" + path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace billsync::testing
