// ServerStats while it is being counted, by several threads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "billsync/http/problem_code.h"
#include "billsync/http/server.h"

namespace billsync::http {

using Counter = std::atomic<uint64_t>;

// Same names and meaning as in ServerStats.
struct Counters {
  Counter connections_open{0};
  Counter connections_accepted{0};
  Counter connections_refused{0};
  Counter tls_handshakes_failed{0};
  Counter requests_pending{0};
  Counter requests_handled{0};
  std::array<Counter, 6> responses_by_class{};  // index: status / 100
  Counter handler_exceptions{0};
  Counter answers_abandoned{0};
  Counter streams_aborted{0};
  Counter request_deadlines{0};
  Counter write_deadlines{0};
  std::array<Counter, kProblemCodes> problems{};
};

inline void CountProblem(Counters& counters, ProblemCode code) {
  ++counters.problems.at(static_cast<size_t>(code));
}

}  // namespace billsync::http
