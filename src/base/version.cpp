#include "billsync/base/version.h"

namespace billsync {

const char* ProgramVersion() {
  return BILLSYNC_VERSION;
}

}  // namespace billsync
