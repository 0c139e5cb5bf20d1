// Bytes in and out of one connection, in the clear or through TLS. Never blocks.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "unique_fd.h"

namespace billsync::http {

// kWantRead / kWantWrite: nothing done; try the same again when the socket is readable / writable (TLS may want either
// for either). kClosed: the peer has ended or broken the connection.
enum class IoStatus { kDone, kWantRead, kWantWrite, kClosed };

struct IoResult {
  IoStatus status = IoStatus::kDone;
  size_t bytes = 0;
};

class Transport {
 public:
  // A whole TLS record fits into one read: so none stays behind inside TLS, where epoll would not announce it.
  static constexpr size_t kMinReadBytes = size_t{16} << 10U;

  explicit Transport(UniqueFd fd) : fd_(std::move(fd)) {}
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // To be repeated until kDone before anything else.
  virtual IoStatus Handshake() = 0;
  // `size` is at least kMinReadBytes.
  virtual IoResult Read(char* into, size_t size) = 0;
  virtual IoResult Write(std::string_view bytes) = 0;
  // Tells the peer that nothing follows; reading goes on.
  virtual void CloseWrite() = 0;
  // Makes the coming close a reset, so that the peer takes the end for a failure.
  void ResetOnClose();

  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

std::unique_ptr<Transport> MakePlainTransport(UniqueFd fd);

// Certificate, key and protocol rules of one listener. Thread-safe after construction.
class TlsContext {
 public:
  // TLS 1.2 or newer, no renegotiation. Throws std::runtime_error when a file cannot be read or key and certificate do
  // not belong together.
  TlsContext(const std::string& certificate_file, const std::string& key_file);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Throws std::runtime_error when out of memory.
  std::unique_ptr<Transport> MakeTransport(UniqueFd fd) const;

 private:
  struct Native;
  std::unique_ptr<Native> native_;
};

}  // namespace billsync::http
