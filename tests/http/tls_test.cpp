#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include "http/raw_client.h"
#include "unique_fd.h"

namespace billsync::http {
namespace {

template <typename T, void (*Free)(T*)>
struct Freer {
  void operator()(T* owned) const { Free(owned); }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509, X509_free>>;

// A fresh key and a certificate for 127.0.0.1 that it has signed itself, as PEM files.
struct SelfSigned {
  std::string certificate_file;
  std::string key_file;

  explicit SelfSigned(const std::string& name)
      : certificate_file(testing::TempDir() + name + std::to_string(::getpid()) + ".crt"),
        key_file(testing::TempDir() + name + std::to_string(::getpid()) + ".key") {
    const Key key(EVP_EC_gen("P-256"));
    const Certificate certificate(X509_new());
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("127.0.0.1"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), subject);
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    FILE* out = std::fopen(certificate_file.c_str(), "w");
    PEM_write_X509(out, certificate.get());
    std::fclose(out);
    out = std::fopen(key_file.c_str(), "w");
    PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
  }
  ~SelfSigned() {
    std::remove(certificate_file.c_str());
    std::remove(key_file.c_str());
  }
  SelfSigned(const SelfSigned&) = delete;
  SelfSigned& operator=(const SelfSigned&) = delete;
};

// Throws std::runtime_error when the handshake fails.
class TlsChannel : public ByteChannel {
 public:
  TlsChannel(uint16_t port, int max_version) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{10, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
    // Level 0 so that the client, at least, would speak an old version.
    SSL_CTX_set_cipher_list(context_.get(), "DEFAULT@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), max_version);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), fd_.get());
    if (SSL_connect(ssl_.get()) != 1) throw std::runtime_error("handshake failed");
  }
  void Send(std::string_view bytes) override {
    size_t sent = 0;
    if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent) != 1) throw std::runtime_error("send failed");
  }
  std::string Receive() override {
    std::array<char, 16384> buffer{};
    size_t bytes = 0;
    if (SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &bytes) == 1) return std::string(buffer.data(), bytes);
    if (SSL_get_error(ssl_.get(), 0) == SSL_ERROR_ZERO_RETURN) return "";
    throw std::runtime_error("receive failed");
  }

 private:
  UniqueFd fd_;
  std::unique_ptr<SSL_CTX, Freer<SSL_CTX, SSL_CTX_free>> context_{SSL_CTX_new(TLS_client_method())};
  std::unique_ptr<SSL, Freer<SSL, SSL_free>> ssl_;
};

constexpr std::string_view kGet = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";

class Tls : public testing::Test {
 protected:
  static Router MakeRouter() {
    Router router;
    router.Add("GET", "/hello", Says("hello"));
    router.Add("POST", "/echo",
               [](const Request& request, Responder responder) { responder.Send({.body = request.body}); });
    router.Add("GET", "/s", [](const Request&, Responder responder) {
      responder.Send({.stream = [](const ByteSink& sink) { return sink(std::string(2000000, 'x')); }});
    });
    return router;
  }
  Limits MakeLimits() const {
    Limits limits;
    limits.tls_certificate_file = files_.certificate_file;
    limits.tls_key_file = files_.key_file;
    return limits;
  }
  static RawClient Connect(uint16_t port, int max_version = TLS1_3_VERSION) {
    return RawClient(std::make_unique<TlsChannel>(port, max_version));
  }

  const SelfSigned files_{"billsync_tls_"};
};

TEST_F(Tls, ServesWithVersions12And13) {
  RunningServer server(MakeRouter(), MakeLimits());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    RawClient client = Connect(server.port(), version);
    EXPECT_EQ(client.Exchange(kGet).body, "hello");
    EXPECT_EQ(client.Exchange(kGet).body, "hello") << "the connection is kept";
  }
}

TEST_F(Tls, RefusesOlderVersions) {
  RunningServer server(MakeRouter(), MakeLimits());
  EXPECT_THROW(Connect(server.port(), TLS1_1_VERSION), std::runtime_error);
  EXPECT_TRUE(Eventually([&] { return server.server().Stats().tls_handshakes_failed == 1; }));
}

TEST_F(Tls, CarriesLargeBodiesBothWays) {
  RunningServer server(MakeRouter(), MakeLimits());
  RawClient client = Connect(server.port());
  const std::string body(1U << 20U, 'x');
  EXPECT_EQ(client.Exchange("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n\r\n" + body).body, body);
  EXPECT_EQ(client.Exchange("GET /s HTTP/1.1\r\nHost: h\r\n\r\n").body.size(), 2000000U);
}

TEST_F(Tls, AnswersRequestsThatCameInOneRecord) {
  RunningServer server(MakeRouter(), MakeLimits());
  RawClient client = Connect(server.port());
  std::string all;
  for (int i = 0; i < 400; ++i) all += kGet;
  client.Send(all);
  for (int i = 0; i < 400; ++i) ASSERT_EQ(client.Read().body, "hello") << i;
}

TEST_F(Tls, EndsWithACloseNotification) {
  RunningServer server(MakeRouter(), MakeLimits());
  RawClient client = Connect(server.port());
  EXPECT_TRUE(client.Exchange("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").Closes());
  EXPECT_TRUE(client.EndsWithoutMore());
}

TEST_F(Tls, ClosesOnPlainHttp) {
  RunningServer server(MakeRouter(), MakeLimits());
  RawClient plain(server.port());
  plain.Send(kGet);
  EXPECT_THROW(plain.Read(), std::runtime_error);
  EXPECT_TRUE(Eventually([&] { return server.server().Stats().tls_handshakes_failed == 1; }));
}

TEST_F(Tls, GivesAHandshakeADeadline) {
  Limits limits = MakeLimits();
  limits.request_deadline = std::chrono::milliseconds{100};
  RunningServer server(MakeRouter(), limits);
  RawClient silent(server.port());
  EXPECT_TRUE(silent.EndsWithoutMore());
}

TEST_F(Tls, NeedsBothFilesAndAMatchingPair) {
  Limits limits = MakeLimits();
  limits.tls_key_file.clear();
  EXPECT_THROW(Server(MakeRouter(), limits, "test"), std::invalid_argument);
  const SelfSigned other("billsync_other_");
  limits.tls_key_file = other.key_file;
  EXPECT_THROW(Server(MakeRouter(), limits, "test"), std::runtime_error);
  limits.tls_key_file = "/nonexistent";
  EXPECT_THROW(Server(MakeRouter(), limits, "test"), std::runtime_error);
}

}  // namespace
}  // namespace billsync::http
