// The demo's data under a running service, with a browser in front: made once for a test program.
#pragma once

#include <string>
#include <vector>

#include "browser/browser.h"
#include "support/postgres.h"
#include "support/program.h"

namespace billsync::testing {

inline constexpr const char* kFinanceToken = "finance-token-of-the-test-suite";

// Demo users, runs and events of fixtures/; finance and ops tokens.
class ConsoleDesk {
 public:
  static ConsoleDesk& Get();

  TestDatabase& database() { return database_; }
  RunningService& service() { return service_; }
  Browser& browser() { return browser_; }
  std::string Url(const std::string& path) const;

  // The browser as it was at the beginning: nobody logged in, 1280 by 900, light, no complaints.
  void Reset();
  // Through the form.
  void LogIn(const std::string& token);
  // Every page with content, the detail pages included.
  std::vector<std::string> Pages();

 private:
  ConsoleDesk();
  void FillWithDemo();

  TestDatabase database_;
  RunningService service_;
  Browser browser_;
};

}  // namespace billsync::testing
