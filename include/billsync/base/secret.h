// A secret that cannot be printed by accident.
#pragma once

#include <string>
#include <utility>

namespace billsync {

// Holds the bytes of a signing secret, password or token. It has no operator<<, no conversion and no formatter: the
// only way to the bytes is Reveal(), which is easy to find in a review.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}

  const std::string& Reveal() const { return bytes_; }
  bool Empty() const { return bytes_.empty(); }

 private:
  std::string bytes_;
};

}  // namespace billsync
