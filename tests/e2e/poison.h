// Events that cannot be applied, of every kind one can think of, and what should become of each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/dice.h"
#include "support/object_tales.h"

namespace billsync::testing {

struct Poison {
  std::string kind;
  LifeEvent event;
  std::string fate;    // "parked apply_failed"
  std::string detail;  // what its explanation must say, so that a person understands
};

// Who the events are about. The two customers belong to users; only the second user's row is refused by the database.
struct PoisonVictims {
  std::string healthy_customer;
  std::string refused_customer;  // of a user whose row the platform's own constraint refuses to have changed
  std::string healthy_invoice;   // a real invoice, which lying events name as their object
};

// At least `count` events, the kinds in turn.
std::vector<Poison> MakePoison(size_t count, int64_t now, const PoisonVictims& victims, Dice& dice);

// Odd, but not wrong: events that must be applied like any other, each of an object of its own.
std::vector<LifeEvent> MakeOddities(int64_t now, const std::string& customer, Dice& dice);

}  // namespace billsync::testing
