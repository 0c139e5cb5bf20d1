// Events to post: the fixtures moved to today, and small ones made up for a test.
#pragma once

#include <cstdint>
#include <string>

namespace billsync::testing {

// Unix seconds.
int64_t Now();

// A file of fixtures/events with every time shifted so that its as-of moment, 2026-11-20 12:00 UTC, is now: whether a
// period is over does not depend on the day a test runs.
std::string Fixture(const std::string& path);

// A text of the fixtures, shifted in the same way.
std::string ShiftedToNow(const std::string& text);

// An event whose data.object is `object`, a JSON text.
std::string Event(const std::string& id, const std::string& type, const std::string& object, bool livemode = false,
                  int64_t created = Now());

// customer.subscription.updated with one item of the demo's pro price, whose period began now.
std::string SubscriptionEvent(const std::string& id, const std::string& subscription, const std::string& customer,
                              const std::string& status = "active", int64_t created = Now());

// The Stripe-Signature of a body by kSecret, now, made with OpenSSL's library: for streams of events, where a process
// for each signature is too slow. None of our code is in it.
std::string SignInBulk(const std::string& body);

}  // namespace billsync::testing
