// The program's commands over a test's database.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/postgres.h"
#include "support/program.h"

namespace billsync::testing {

inline constexpr const char* kDemoConfig = BILLSYNC_SOURCE_DIR "/fixtures/demo/billsync.toml";

// `billsync --config fixtures/demo/billsync.toml …` with the test's secret; more variables win.
inline ProgramResult Billsync(const std::string& database_url, std::vector<std::string> arguments,
                              std::map<std::string, std::string> environment = {}) {
  environment.emplace("DATABASE_URL", database_url);
  environment.emplace("STRIPE_WEBHOOK_SECRET", kSecret);
  arguments.insert(arguments.begin(), {"--config", kDemoConfig});
  return RunProgram(std::move(arguments), std::move(environment));
}

inline ProgramResult Billsync(const TestDatabase& database, std::vector<std::string> arguments,
                              std::map<std::string, std::string> environment = {}) {
  return Billsync(database.url(), std::move(arguments), std::move(environment));
}

// A directory for a test's files, removed at its end.
class Workplace {
 public:
  Workplace() : path_((std::filesystem::temp_directory_path() / "billsync-e2e-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make a temporary directory");
  }
  ~Workplace() { std::filesystem::remove_all(path_); }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  const std::string& path() const { return path_; }
  // Writes a file; its whole name.
  std::string Put(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << text;
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

// Adds a user, linked to a Stripe customer unless `customer` is empty.
inline void AddUser(TestDatabase& database, int number, const std::string& name, const std::string& customer = "") {
  const std::string digits = std::to_string(number);
  database.Run("INSERT INTO users (id, email, stripe_customer_id) VALUES ('00000000-0000-4000-8000-" +
               std::string(12 - digits.size(), '0') + digits + "', '" + name + "@example.com', " +
               (customer.empty() ? "NULL" : "'" + customer + "'") + ")");
}

}  // namespace billsync::testing
