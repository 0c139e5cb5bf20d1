// A target with a bug planted, to see that bugs are found: a length from the input is believed.
#include <vector>

#include "fuzz/target.h"

namespace billsync::fuzz {

// "LEN" and a byte: how many of the bytes behind it count.
void Canary(std::string_view input) {
  if (!input.starts_with("LEN") || input.size() < 4) return;
  const std::vector<char> bytes(input.begin() + 4, input.end());
  const auto length = static_cast<unsigned char>(input[3]);
  unsigned sum = 0;
  for (unsigned char i = 0; i < length; ++i) sum += static_cast<unsigned char>(bytes[i]);
  Must(sum <= 255U * bytes.size(), "no sum of bytes is larger than that");
}

}  // namespace billsync::fuzz
