// libFuzzer's entry: the target is named by the environment variable FUZZ_TARGET; without it, the names are printed.
#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "billsync/base/log.h"
#include "fuzz/target.h"

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  if (std::getenv("FUZZ_TARGET") != nullptr) return 0;
  for (const auto& target : billsync::fuzz::Targets()) std::cout << target.name << "\n";
  std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, size_t size) {
  static const billsync::fuzz::Target& target = []() -> const billsync::fuzz::Target& {
    billsync::SetLogLevel(billsync::LogLevel::kError);
    return billsync::fuzz::FindTarget(std::getenv("FUZZ_TARGET"));
  }();
  // A broken law leaves as an exception, which ends the program and makes libFuzzer keep the input.
  target.run({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
