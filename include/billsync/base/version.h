// The release this program is.
#pragma once

namespace billsync {

// "0.1.0", from CMakeLists.txt.
const char* ProgramVersion();

}  // namespace billsync
