// Files of events as people have them.
#pragma once

#include <functional>
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

// Visits them one after the other. A file of lines is read line by line, so memory does not grow with it; any other
// whole. Throws as ReadEventFile does.
void ForEachEvent(const std::string& path, const std::function<void(std::string)>& visit);

}  // namespace billsync::cli
