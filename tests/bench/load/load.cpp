#include "load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/hmac.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <fstream>
#include <optional>
#include <system_error>

namespace billsync::bench {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void Fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string Signature(const std::string& secret, const std::string& body) {
  const std::string signed_text = std::to_string(std::time(nullptr)) + "." + body;
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  ::HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), mac.data(), &size);
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string text = "t=" + signed_text.substr(0, signed_text.find('.')) + ",v1=";
  for (unsigned i = 0; i < size; ++i) {
    text += kHex[mac.at(i) >> 4U];
    text += kHex[mac.at(i) & 15U];
  }
  return text;
}

// The whole request. As the proxies in front of such a service send it: few headers, a length.
std::string Request(const LoadOptions& options, const std::string& body) {
  return "POST /webhooks/stripe HTTP/1.1\r\nHost: " + options.host +
         "\r\nContent-Type: application/json\r\nUser-Agent: Stripe/1.0\r\n" +
         (options.keep_alive ? "" : "Connection: close\r\n") + "Stripe-Signature: " + Signature(options.secret, body) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Posting {
  std::string request;
  size_t body_bytes = 0;
};

struct Connection {
  int fd = -1;
  bool busy = false;
  bool wants_write = false;
  Posting posting;
  size_t written = 0;
  std::string in;
  Clock::time_point since;
};

struct Answer {
  int status = 0;
  bool closes = false;
  std::string body;
};

// The answer at the front of `in`, taken off it, or nothing while it is not complete.
std::optional<Answer> TakeAnswer(std::string& in) {
  const auto end = in.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::string head = in.substr(0, end + 2);
  std::ranges::transform(head, head.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  size_t length = 0;
  static constexpr std::string_view kLength = "\r\ncontent-length: ";
  if (const auto at = head.find(kLength); at != std::string::npos) {
    std::from_chars(head.data() + at + kLength.size(), head.data() + head.size(), length);
  }
  if (in.size() < end + 4 + length) return std::nullopt;
  Answer answer;
  std::from_chars(head.data() + 9, head.data() + 12, answer.status);
  answer.closes = head.find("\r\nconnection: close\r\n") != std::string::npos;
  answer.body = in.substr(end + 4, length);
  in.erase(0, end + 4 + length);
  return answer;
}

class Load {
 public:
  Load(EventSource& source, const LoadOptions& options)
      : source_(source), options_(options), epoll_(::epoll_create1(0)) {
    if (!options_.ids_file.empty()) ids_.open(options_.ids_file, std::ios::app);
  }
  ~Load() {
    for (auto& connection : connections_) Disconnect(connection);
    ::close(epoll_);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  LoadResult Run() {
    if (options_.sign_ahead) {
      while (ahead_.size() < options_.events) {
        auto posting = Make();
        if (!posting) break;
        ahead_.push_back(std::move(*posting));
      }
    }
    connections_.resize(options_.connections);
    for (auto& connection : connections_) Connect(connection);
    const double cpu = CpuSeconds();
    began_ = Clock::now();
    while (!Done()) {
      StartDue();
      if (!Done()) Wait();
    }
    result_.seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    result_.cpu_seconds = CpuSeconds() - cpu;
    std::ranges::sort(result_.latencies_us);
    return std::move(result_);
  }

 private:
  bool Done() const { return busy_ == 0 && (exhausted_ || started_ >= options_.events); }

  std::optional<Posting> Make() {
    const auto body = source_.Next();
    if (!body) return std::nullopt;
    return Posting{Request(options_, *body), body->size()};
  }

  std::optional<Posting> Take() {
    if (started_ >= options_.events) return std::nullopt;
    std::optional<Posting> posting;
    if (!options_.sign_ahead) {
      posting = Make();
    } else if (!ahead_.empty()) {
      posting = std::move(ahead_.front());
      ahead_.pop_front();
    }
    if (posting) {
      ++started_;
    } else {
      exhausted_ = true;
    }
    return posting;
  }

  // When the next event is due, in an open loop.
  Clock::time_point DueAt() const {
    return began_ + std::chrono::nanoseconds(static_cast<int64_t>(static_cast<double>(started_) * 1e9 / options_.rate));
  }

  void StartDue() {
    for (auto& connection : connections_) {
      if (connection.busy) continue;
      const auto due = options_.rate > 0 ? DueAt() : Clock::now();
      if (due > Clock::now()) return;
      auto posting = Take();
      if (!posting) return;
      if (connection.fd < 0) Connect(connection);
      connection.posting = std::move(*posting);
      connection.written = 0;
      connection.since = due;
      connection.busy = true;
      ++busy_;
      result_.bytes += connection.posting.body_bytes;
      Write(connection);
    }
  }

  void Wait() {
    std::array<epoll_event, 256> events{};
    int timeout = 1000;
    if (options_.rate > 0 && started_ < options_.events && busy_ < connections_.size()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(DueAt() - Clock::now()).count();
      timeout = static_cast<int>(std::clamp<int64_t>(left, 1, 1000));  // not 0: it must not spin
    }
    const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout);
    for (int i = 0; i < ready; ++i) {
      const auto& event = events.at(static_cast<size_t>(i));
      Connection& connection = connections_[event.data.u64];
      if ((event.events & EPOLLOUT) != 0 && connection.busy) Write(connection);
      if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) Read(connection);
    }
  }

  void Connect(Connection& connection) {
    connection.fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (connection.fd < 0) Fail("socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    ::inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr);
    if (::connect(connection.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) Fail("connect");
    ::fcntl(connection.fd, F_SETFL, O_NONBLOCK);
    const int yes = 1;
    ::setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    connection.wants_write = false;
    connection.in.clear();
    Watch(connection, EPOLL_CTL_ADD, EPOLLIN);
  }

  void Watch(Connection& connection, int operation, uint32_t what) {
    epoll_event event{};
    event.events = what;
    event.data.u64 = static_cast<uint64_t>(&connection - connections_.data());
    ::epoll_ctl(epoll_, operation, connection.fd, &event);
  }

  static void Disconnect(Connection& connection) {
    if (connection.fd >= 0) ::close(connection.fd);
    connection.fd = -1;
  }

  void Write(Connection& connection) {
    const auto& bytes = connection.posting.request;
    while (connection.written < bytes.size()) {
      const auto sent =
          ::send(connection.fd, bytes.data() + connection.written, bytes.size() - connection.written, MSG_NOSIGNAL);
      if (sent < 0 && errno == EAGAIN) break;
      if (sent < 0) return;  // the reading finds out
      connection.written += static_cast<size_t>(sent);
    }
    const bool wants = connection.written < bytes.size();
    if (wants != connection.wants_write) {
      connection.wants_write = wants;
      Watch(connection, EPOLL_CTL_MOD, wants ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
  }

  void Read(Connection& connection) {
    std::array<char, 4096> buffer{};
    const auto got = ::recv(connection.fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      if (connection.busy) Note(connection, {});
      return Disconnect(connection);
    }
    connection.in.append(buffer.data(), static_cast<size_t>(got));
    if (const auto answer = TakeAnswer(connection.in)) {
      Note(connection, *answer);
      if (answer->closes || !options_.keep_alive) Disconnect(connection);
    }
  }

  void Note(Connection& connection, const Answer& answer) {
    if (!connection.busy) return;
    connection.busy = false;
    --busy_;
    ++result_.by_status[answer.status];
    if (answer.status != 200) return;
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - connection.since).count();
    result_.latencies_us.push_back(static_cast<uint32_t>(took));
    if (!ids_.is_open()) return;
    const auto at = answer.body.find("evt_");
    ids_ << answer.body.substr(at, answer.body.find('"', at) - at) << '\n';
  }

  EventSource& source_;
  const LoadOptions& options_;
  const int epoll_;
  std::deque<Posting> ahead_;
  std::vector<Connection> connections_;
  std::ofstream ids_;
  Clock::time_point began_;
  uint64_t started_ = 0;
  size_t busy_ = 0;
  bool exhausted_ = false;
  LoadResult result_;
};

}  // namespace

LoadResult Post(EventSource& source, const LoadOptions& options) {
  return Load(source, options).Run();
}

}  // namespace billsync::bench
