// Moves a fixture's times to today.
#pragma once

#include <string>
#include <string_view>

namespace billsync::cli {

// Adds `shift_s` to every JSON number in `text` that reads as a Unix time in seconds between 2017 and 2100 (ten digits,
// outside of strings); every other byte stays. Spans between times stay what they are.
std::string ShiftUnixTimes(std::string_view text, long long shift_s);

}  // namespace billsync::cli
