// Counts and hashes what passes on its way to a stream.
#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

namespace billsync::report {

class DigestStream {
 public:
  explicit DigestStream(std::ostream& out);
  // Throws std::runtime_error when the stream fails (disk full, pipe closed).
  void Write(std::string_view text);
  int64_t bytes() const { return bytes_; }
  // Lowercase hex SHA-256 of all written; ends the hashing.
  std::string Sha256();

 private:
  struct FreeDigest {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::ostream& out_;
  std::unique_ptr<EVP_MD_CTX, FreeDigest> digest_;
  int64_t bytes_ = 0;
};

// Lowercase hex SHA-256 of a text.
std::string Sha256Of(std::string_view text);

}  // namespace billsync::report
