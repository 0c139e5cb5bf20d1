// manifest.json read again.
#pragma once

#include <string>

#include "billsync/report/export.h"

namespace billsync::report {

// Throws std::runtime_error naming the file when it cannot be read or is no manifest.
Manifest ReadManifest(const std::string& path);

}  // namespace billsync::report
