#include "digest_stream.h"

#include <stdexcept>

namespace billsync::report {
namespace {

std::string Hex(const unsigned char* bytes, unsigned int length) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) {
    hex += kDigits[bytes[i] >> 4];
    hex += kDigits[bytes[i] & 15];
  }
  return hex;
}

}  // namespace

DigestStream::DigestStream(std::ostream& out) : out_(out), digest_(EVP_MD_CTX_new()) {
  if (!digest_ || EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 is not available in this OpenSSL");
  }
}

void DigestStream::Write(std::string_view text) {
  out_.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!out_) throw std::runtime_error("the export could not be written: disk full, or the reader went away");
  EVP_DigestUpdate(digest_.get(), text.data(), text.size());
  bytes_ += static_cast<int64_t>(text.size());
}

std::string DigestStream::Sha256() {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(digest_.get(), bytes, &length);
  return Hex(bytes, length);
}

std::string Sha256Of(std::string_view text) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_Digest(text.data(), text.size(), bytes, &length, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 is not available in this OpenSSL");
  }
  return Hex(bytes, length);
}

}  // namespace billsync::report
