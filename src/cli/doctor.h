// The examinations of `billsync doctor`, by what they look at.
#pragma once

#include <string>
#include <vector>

#include "billsync/app/config.h"
#include "billsync/db/session.h"

namespace billsync::cli {

enum class Severity { kOk, kWarning, kFault };

// One line of the report. `mend` is the command that mends it: given with a warning or a fault, empty where all is
// well.
struct Finding {
  Severity severity;
  std::string check, what, mend;
};

class Findings {
 public:
  void Ok(std::string check, std::string what) {
    list_.push_back({Severity::kOk, std::move(check), std::move(what), ""});
  }
  void Warning(std::string check, std::string what, std::string mend) {
    list_.push_back({Severity::kWarning, std::move(check), std::move(what), std::move(mend)});
  }
  void Fault(std::string check, std::string what, std::string mend) {
    list_.push_back({Severity::kFault, std::move(check), std::move(what), std::move(mend)});
  }
  const std::vector<Finding>& list() const { return list_; }

 private:
  std::vector<Finding> list_;
};

// Server, durability, clock and this role; needs no schema.
void ExamineServer(db::Session& session, Findings& findings);
// Schema, row-level security and rights, indexes, triggers. False when what follows makes no sense yet.
bool ExamineSchema(db::Session& session, Findings& findings);
// How large the tables are and how well they are kept; free space where it can be known.
void ExamineStorage(db::Session& session, const app::Config& config, Findings& findings);
// Events, runs, verification of usage, jobs.
void ExamineWork(db::Session& session, Findings& findings);

// What can be known of Stripe's side: from stored events, and from the serve that answers at the configured admin
// listener, if one does.
void ExamineEndpoint(db::Session& session, const app::Config& config, Findings& findings);
// Which secrets fit, asked of the running serve. Waits two seconds at most.
void ExamineRunningServe(const app::Config& config, Findings& findings);
// Whether every price of the catalog and of the subscriptions has a meaning, and which plan map is in force.
void ExaminePlanMap(db::Session& session, const app::Config& config, Findings& findings);

}  // namespace billsync::cli
