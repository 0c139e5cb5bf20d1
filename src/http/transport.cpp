#include "transport.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <stdexcept>

namespace billsync::http {
namespace {

class PlainTransport : public Transport {
 public:
  using Transport::Transport;

  IoStatus Handshake() override { return IoStatus::kDone; }
  IoResult Read(char* into, size_t size) override {
    const ssize_t bytes = ::recv(fd(), into, size, 0);
    if (bytes == 0) return {IoStatus::kClosed, 0};
    return FromSystem(bytes, IoStatus::kWantRead);
  }
  IoResult Write(std::string_view bytes) override {
    return FromSystem(::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL), IoStatus::kWantWrite);
  }
  void CloseWrite() override { ::shutdown(fd(), SHUT_WR); }

 private:
  static IoResult FromSystem(ssize_t bytes, IoStatus again) {
    if (bytes >= 0) return {IoStatus::kDone, static_cast<size_t>(bytes)};
    const bool blocked = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return {blocked ? again : IoStatus::kClosed, 0};
  }
};

static_assert(Transport::kMinReadBytes >= SSL3_RT_MAX_PLAIN_LENGTH);

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

class TlsTransport : public Transport {
 public:
  TlsTransport(UniqueFd fd, SSL_CTX* context) : Transport(std::move(fd)), ssl_(SSL_new(context)) {
    if (!ssl_ || SSL_set_fd(ssl_.get(), this->fd()) != 1) throw std::runtime_error("cannot set up a TLS connection");
    SSL_set_accept_state(ssl_.get());
  }

  IoStatus Handshake() override {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    return done == 1 ? IoStatus::kDone : StatusOf(done);
  }
  IoResult Read(char* into, size_t size) override {
    ERR_clear_error();
    size_t bytes = 0;
    const int done = SSL_read_ex(ssl_.get(), into, size, &bytes);
    return done == 1 ? IoResult{IoStatus::kDone, bytes} : IoResult{StatusOf(done), 0};
  }
  IoResult Write(std::string_view data) override {
    ERR_clear_error();
    size_t bytes = 0;
    const int done = SSL_write_ex(ssl_.get(), data.data(), data.size(), &bytes);
    return done == 1 ? IoResult{IoStatus::kDone, bytes} : IoResult{StatusOf(done), 0};
  }
  void CloseWrite() override {
    ERR_clear_error();
    if (!broken_) SSL_shutdown(ssl_.get());
    ::shutdown(fd(), SHUT_WR);
  }

 private:
  IoStatus StatusOf(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return IoStatus::kWantRead;
      case SSL_ERROR_WANT_WRITE:
        return IoStatus::kWantWrite;
      default:
        broken_ = true;  // after a fatal error SSL_shutdown must not be called
        return IoStatus::kClosed;
    }
  }

  std::unique_ptr<SSL, SslFree> ssl_;
  bool broken_ = false;
};

[[noreturn]] void FailTls(const std::string& what) {
  std::array<char, 256> reason{};
  ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
  throw std::runtime_error("TLS: " + what + ": " + reason.data());
}

}  // namespace

void Transport::ResetOnClose() {
  const linger now{1, 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

std::unique_ptr<Transport> MakePlainTransport(UniqueFd fd) {
  return std::make_unique<PlainTransport>(std::move(fd));
}

struct TlsContext::Native {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
};

TlsContext::TlsContext(const std::string& certificate_file, const std::string& key_file)
    : native_(std::make_unique<Native>()) {
  SSL_CTX* context = native_->context.get();
  if (context == nullptr) FailTls("cannot start");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // The unsent rest of an answer may move in memory between two tries.
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    FailTls("cannot use the certificate file " + certificate_file);
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    FailTls("cannot use the key file " + key_file);
  }
}

TlsContext::~TlsContext() = default;

std::unique_ptr<Transport> TlsContext::MakeTransport(UniqueFd fd) const {
  return std::make_unique<TlsTransport>(std::move(fd), native_->context.get());
}

}  // namespace billsync::http
