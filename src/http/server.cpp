#include "billsync/http/server.h"

#include <sys/resource.h>
#include <sys/select.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "counters.h"
#include "front.h"
#include "listener.h"
#include "mailbox.h"
#include "transport.h"
#include "work_queue.h"
#include "worker.h"

namespace billsync::http {
namespace {

// Descriptors that are left to the rest of the program.
constexpr size_t kReservedDescriptors = 256;

size_t WorkerCount(const Limits& limits) {
  if (limits.workers != 0) return limits.workers;
  return std::max<size_t>(2, std::thread::hardware_concurrency());
}

std::unique_ptr<TlsContext> MakeTls(const Limits& limits) {
  if (limits.tls_certificate_file.empty() && limits.tls_key_file.empty()) return nullptr;
  if (limits.tls_certificate_file.empty() || limits.tls_key_file.empty()) {
    throw std::invalid_argument("TLS needs both a certificate file and a key file");
  }
  return std::make_unique<TlsContext>(limits.tls_certificate_file, limits.tls_key_file);
}

// Raises the soft limit of open files to the hard one and returns how many connections that allows. The soft limit is
// low for the sake of select(), and connections stay out of select()'s range (listener.cpp).
size_t RoomForConnections() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return 1;
  if (files.rlim_cur < files.rlim_max) {
    const rlimit raised{files.rlim_max, files.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) files = raised;
  }
  const size_t limit = files.rlim_cur;
  if (limit > 2 * size_t{FD_SETSIZE}) return limit - FD_SETSIZE;
  return limit > kReservedDescriptors ? limit - kReservedDescriptors : 1;
}

}  // namespace

class Server::Impl {
 public:
  Impl(Router router, Limits limits, std::string name)
      : router_(std::move(router)),
        limits_(std::move(limits)),
        name_(std::move(name)),
        tls_(MakeTls(limits_)),
        mailbox_(std::make_shared<Mailbox>()),
        queue_(WorkerCount(limits_)) {}

  uint16_t Bind(const std::string& address) {
    const std::lock_guard lock(lifecycle_);
    if (listener_ || front_ || stopped_) throw std::logic_error("a server is bound once");
    listener_ = Listen(address);
    return listener_->port;
  }

  void Start() {
    const std::lock_guard lock(lifecycle_);
    if (stopped_ || front_) return;
    if (!listener_) throw std::logic_error("a server is bound before it starts");
    // OpenSSL writes with write(2), which would end the program when a client has gone.
    std::signal(SIGPIPE, SIG_IGN);
    limits_.max_connections = std::min(limits_.max_connections, RoomForConnections());
    front_ = std::make_unique<Front>(limits_, name_, std::move(*listener_), mailbox_, queue_, counters_, tls_.get());
    listener_.reset();
    front_thread_ = std::thread([this] { front_->Run(); });
    for (size_t i = 0; i < WorkerCount(limits_); ++i) {
      workers_.emplace_back([this] { RunWorker(queue_, router_, mailbox_, counters_, name_); });
    }
  }

  void Stop(std::chrono::milliseconds drain) {
    const std::lock_guard lock(lifecycle_);
    if (std::exchange(stopped_, true)) return;
    listener_.reset();
    if (!front_) return;
    mailbox_->Post(StopMail{drain});
    front_thread_.join();
    queue_.Close();
    for (auto& worker : workers_) worker.join();
  }

  ServerStats Stats() const {
    ServerStats stats;
    stats.connections_open = counters_.connections_open;
    stats.connections_accepted = counters_.connections_accepted;
    stats.connections_refused = counters_.connections_refused;
    stats.tls_handshakes_failed = counters_.tls_handshakes_failed;
    stats.requests_pending = counters_.requests_pending;
    stats.requests_handled = counters_.requests_handled;
    stats.responses_2xx = counters_.responses_by_class[2];
    stats.responses_3xx = counters_.responses_by_class[3];
    stats.responses_4xx = counters_.responses_by_class[4];
    stats.responses_5xx = counters_.responses_by_class[5];
    stats.handler_exceptions = counters_.handler_exceptions;
    stats.answers_abandoned = counters_.answers_abandoned;
    stats.streams_aborted = counters_.streams_aborted;
    stats.request_deadlines = counters_.request_deadlines;
    stats.write_deadlines = counters_.write_deadlines;
    for (const ProblemInfo& info : AllProblems()) {
      stats.problems[info.name] = counters_.problems.at(static_cast<size_t>(info.code));
    }
    return stats;
  }

 private:
  const Router router_;
  Limits limits_;
  const std::string name_;
  const std::unique_ptr<TlsContext> tls_;
  const std::shared_ptr<Mailbox> mailbox_;
  WorkQueue queue_;
  Counters counters_;

  std::mutex lifecycle_;  // held for the whole of Start and Stop: neither can overtake the other
  std::optional<Listener> listener_;
  bool stopped_ = false;
  std::unique_ptr<Front> front_;
  std::thread front_thread_;
  std::vector<std::thread> workers_;
};

Server::Server(Router router, Limits limits, std::string name)
    : impl_(std::make_unique<Impl>(std::move(router), std::move(limits), std::move(name))) {}

Server::~Server() {
  Stop(std::chrono::milliseconds{0});
}

uint16_t Server::Bind(const std::string& address) {
  return impl_->Bind(address);
}

void Server::Start() {
  impl_->Start();
}

void Server::Stop(std::chrono::milliseconds drain) {
  impl_->Stop(drain);
}

ServerStats Server::Stats() const {
  return impl_->Stats();
}

}  // namespace billsync::http
