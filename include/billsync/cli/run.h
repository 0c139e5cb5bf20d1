// The command line.
#pragma once

namespace billsync::cli {

// Runs the command that argv names; returns the exit status (0 done, 1 failed, 2 wrong usage or configuration, 3 done
// but something needs attention). Never throws.
int Run(int argc, char** argv);

}  // namespace billsync::cli
