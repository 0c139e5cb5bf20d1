#include "front.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "billsync/base/log.h"

namespace billsync::http {
namespace {

constexpr uint64_t kListenerId = 0;
constexpr uint64_t kMailboxId = 1;
constexpr int kAcceptsPerTurn = 64;
constexpr std::chrono::milliseconds kAcceptPause{100};
// So many clients over the cap are told 503 at a time; the rest are just closed.
constexpr size_t kMaxToldOverCap = 64;

}  // namespace

Front::Front(const Limits& limits, const std::string& name, Listener listener, std::shared_ptr<Mailbox> mailbox,
             WorkQueue& queue, Counters& counters, const TlsContext* tls)
    : limits_(limits),
      name_(name),
      listener_(std::move(listener)),
      mailbox_(std::move(mailbox)),
      queue_(queue),
      counters_(counters),
      tls_(tls),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_.get() < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  Watch(listener_.fd.get(), kListenerId, EPOLLIN);
  Watch(mailbox_->fd(), kMailboxId, EPOLLIN);
}

void Front::Watch(int fd, uint64_t id, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

void Front::Run() {
  std::array<epoll_event, 256> events{};
  while (!stopping_ || !connections_.empty()) {
    const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), WaitMs());
    now_ = std::chrono::steady_clock::now();
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events.at(static_cast<size_t>(i));
      OnReady(event.data.u64, event.events);
    }
    ExpireDeadlines();
    closed_.clear();
  }
  mailbox_->Close();
}

// Rounded up: a wait that ends just before a deadline would spin until it.
int Front::WaitMs() const {
  const auto first = deadlines_.First();
  if (!first) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 60000));
}

void Front::OnReady(uint64_t id, uint32_t events) {
  if (id == kListenerId) return Guard(id, [this] { AcceptAll(); });
  if (id == kMailboxId) return OnMail();
  if (Connection* connection = Find(id)) Guard(id, [&] { OnEvent(*connection, events); });
}

void Front::AcceptAll() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    Accepted accepted = AcceptOne(listener_.fd.get());
    switch (accepted.status) {
      case AcceptStatus::kAccepted:
        Admit(std::move(accepted));
        break;
      case AcceptStatus::kNoneWaiting:
        return;
      case AcceptStatus::kOutOfDescriptors:
        return PauseAccepting();
    }
  }
}

// The waiting connection keeps the listener readable; without a pause the loop would spin on it.
void Front::PauseAccepting() {
  Log(LogLevel::kWarning, "out of file descriptors, accepting pauses", {{"listener", name_}});
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.fd.get(), nullptr);
  deadlines_.Set(kListenerId, accept_again_, now_ + kAcceptPause);
}

bool Front::IsOverCap(const std::string& peer) const {
  if (connections_.size() - over_cap_open_ >= limits_.max_connections) return true;
  if (limits_.max_connections_per_peer == 0) return false;
  const auto known = by_peer_.find(peer);
  return known != by_peer_.end() && known->second >= limits_.max_connections_per_peer;
}

void Front::Admit(Accepted accepted) {
  ++counters_.connections_accepted;
  const bool over_cap = IsOverCap(accepted.peer);
  if (over_cap) {
    ++counters_.connections_refused;
    // A TLS handshake just to say no would cost more than the request it saves.
    if (tls_ != nullptr || over_cap_open_ >= kMaxToldOverCap) return;
  }
  auto owned = std::make_unique<Connection>();
  Connection& connection = *owned;
  connection.id = next_id_++;
  connection.transport =
      tls_ != nullptr ? tls_->MakeTransport(std::move(accepted.fd)) : MakePlainTransport(std::move(accepted.fd));
  connection.peer = std::move(accepted.peer);
  connection.phase = tls_ != nullptr ? Phase::kHandshake : Phase::kReading;
  connection.interest = EPOLLIN;
  Watch(connection.transport->fd(), connection.id, EPOLLIN);
  connections_.emplace(connection.id, std::move(owned));
  ++counters_.connections_open;
  if (over_cap) {
    connection.over_cap = true;
    ++over_cap_open_;
    return Refuse(connection, ProblemCode::kOverloaded);
  }
  if (limits_.max_connections_per_peer != 0) ++by_peer_[connection.peer];
  // Who connects and says nothing is not kept as long as a client that has already been served.
  SetDeadline(connection, limits_.request_deadline);
}

void Front::OnEvent(Connection& connection, uint32_t events) {
  if ((events & EPOLLERR) != 0) return Close(connection);
  switch (connection.phase) {
    case Phase::kHandshake:
      return ContinueHandshake(connection);
    case Phase::kReading:
      if (!connection.out.empty()) Flush(connection);
      if (connection.phase == Phase::kReading) Read(connection);
      return;
    case Phase::kAnswering:
    case Phase::kFlushing:
      if ((events & EPOLLHUP) != 0) return Close(connection);
      if (connection.phase == Phase::kFlushing) {
        Flush(connection);
        Advance(connection);
      }
      // Pipelined input stays in the kernel until this answer is out. Only now, because most clients wait for their
      // answer and leaving the interest alone saves two system calls a request.
      if (connection.phase == Phase::kAnswering || connection.phase == Phase::kFlushing) {
        SetInterest(connection, connection.interest & ~static_cast<uint32_t>(EPOLLIN));
      }
      return;
    case Phase::kLingering:
      return Read(connection);
    case Phase::kClosed:
      return;
  }
}

void Front::ExpireDeadlines() {
  while (const auto id = deadlines_.FindDue(now_)) {
    if (*id == kListenerId) {
      deadlines_.Set(kListenerId, accept_again_, std::nullopt);
      Guard(kListenerId, [this] {
        if (!stopping_) Watch(listener_.fd.get(), kListenerId, EPOLLIN);
      });
    } else if (*id == kMailboxId) {
      deadlines_.Set(kMailboxId, drain_until_, std::nullopt);
      CloseAll();
    } else if (Connection* connection = Find(*id)) {
      Guard(*id, [&] { Expire(*connection); });
    }
  }
}

void Front::Expire(Connection& connection) {
  SetDeadline(connection, std::nullopt);
  switch (connection.phase) {
    case Phase::kHandshake:
      ++counters_.tls_handshakes_failed;
      return Close(connection);
    case Phase::kReading:
      if (connection.in.empty()) return Close(connection);
      ++counters_.request_deadlines;
      return Refuse(connection, ProblemCode::kRequestTimeout);
    case Phase::kFlushing:
      ++counters_.write_deadlines;
      return Close(connection);
    case Phase::kAnswering:
    case Phase::kLingering:
    case Phase::kClosed:
      return Close(connection);
  }
}

Connection* Front::Find(uint64_t id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second.get();
}

void Front::SetInterest(Connection& connection, uint32_t events) {
  if (connection.interest == events) return;
  connection.interest = events;
  epoll_event event{};
  event.events = events;
  event.data.u64 = connection.id;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.transport->fd(), &event);
}

void Front::SetDeadline(Connection& connection, std::optional<std::chrono::milliseconds> from_now) {
  deadlines_.Set(connection.id, connection.deadline, from_now ? std::optional(now_ + *from_now) : std::nullopt);
}

void Front::Close(Connection& connection) {
  if (connection.phase == Phase::kClosed) return;
  connection.phase = Phase::kClosed;
  SetDeadline(connection, std::nullopt);
  if (connection.pipe) {
    connection.pipe->Abandon();
    ++counters_.streams_aborted;
  }
  connection.in.clear();
  connection.in_work = 0;
  Account(connection);
  if (connection.over_cap) {
    --over_cap_open_;
  } else if (const auto peer = by_peer_.find(connection.peer); peer != by_peer_.end() && --peer->second == 0) {
    by_peer_.erase(peer);
  }
  --counters_.connections_open;
  const auto entry = connections_.find(connection.id);
  closed_.push_back(std::move(entry->second));
  connections_.erase(entry);
}

}  // namespace billsync::http
