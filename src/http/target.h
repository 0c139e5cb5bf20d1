// Checks a request target and puts it into the form that the parser reads without loss.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace billsync::http {

// None for a target that is not origin-form ("/path?query"), has bytes a target cannot have, broken percent escapes,
// or whose decoded form has an encoded slash or control character in the path, NUL in the query, or is not UTF-8.
//
// The rest comes back with "?" and "=" inside query values escaped: httplib 0.11.4 refuses a second "?" and reads
// "after=YQ==" as "YQ" and "a=1=2" as "2".
std::optional<std::string> CheckTarget(std::string_view target);

}  // namespace billsync::http
