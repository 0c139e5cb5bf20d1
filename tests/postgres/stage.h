// A database on which the same events can be played again and again, and everything that came out of it as text.
#pragma once

#include <string>
#include <vector>

#include "billsync/apply/applier.h"
#include "mirror.h"
#include "support/stripe_lives.h"

namespace billsync::testing {

class Stage {
 public:
  Stage();

  // Forgets everything but the schema.
  void Clear();

  // ── what happens ───────────────────────────────────────────────────────────────────────────────────────────────

  // Stores events as the webhook would; those known by their id change nothing.
  void Store(const std::vector<LifeEvent>& events);
  // `customer` empty: a user Stripe knows nothing of.
  void AddUser(const std::string& user_id, const std::string& customer);
  void Link(const std::string& user_id, const std::string& customer);
  void AddRate(const std::string& currency);
  // From now on plan map `version` is in force; version 2 knows a price more and gives another one another tier.
  void AdoptPlans(int version);

  // The options in force.
  apply::ApplyOptions Options(int64_t batch) const;
  // Everything that is due.
  void ApplyAll(int64_t batch);
  // One batch, or several until nothing is due, whose connection the server ends at the `nth` statement that writes
  // (or, by luck, in the middle of COMMIT). Returns whether it came to that.
  bool ApplyUntilKilled(int64_t batch, int nth);

  // ── what came out ──────────────────────────────────────────────────────────────────────────────────────────────

  // See support/written_rows.h.
  std::string Rows();
  // What became of each event.
  std::string Fates();

  Mirror mirror;

 private:
  int plans_ = 2;
};

// The prices that lives on a Stage are about: mapped, mapped by the second plan map only, by both but otherwise, by
// none.
extern const std::vector<std::pair<std::string, int64_t>> kStagePrices;

}  // namespace billsync::testing
