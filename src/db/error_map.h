// The one place where libpqxx's exceptions end.
#pragma once

namespace billsync::db {

// Call inside a catch block: rethrows the current exception as Transient, InDoubt or Bug naming `query`. `committing`
// tells that COMMIT was under way, where a lost connection leaves the outcome unknown. Sets *broken when the session
// cannot be used again.
[[noreturn]] void RethrowMapped(const char* query, bool committing, bool* broken);

}  // namespace billsync::db
