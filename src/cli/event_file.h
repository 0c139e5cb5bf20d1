// Files of events as people have them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace billsync::cli {

// The events of a text, each with exactly the bytes it has there: the elements of a JSON array, or the lines of JSON
// Lines (blank ones left out), without blanks around them; else the whole text, which then is one event or none at all.
// Whether they are events is left to the caller. Pure.
std::vector<std::string> SplitEvents(std::string_view text);

// The same of a file. Throws CliError(kUsage) when it cannot be read or is empty.
std::vector<std::string> ReadEventFile(const std::string& path);

}  // namespace billsync::cli
