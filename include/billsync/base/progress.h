// How far a piece of work is.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace billsync {

// Told what is counted or done now ("months of history"), how many are done, and how many there are (0: not known).
// Called by the thread that works, often; whoever shows or keeps it limits how often.
using Progress = std::function<void(std::string_view what, int64_t done, int64_t total)>;

// For work that nobody watches.
inline void Unwatched(std::string_view /*what*/, int64_t /*done*/, int64_t /*total*/) {}

}  // namespace billsync
