// Mail from other threads, and the end.
#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "billsync/base/log.h"
#include "front.h"

namespace billsync::http {
namespace {

constexpr uint64_t kMailboxId = 1;  // its deadline is the end of the drain
constexpr std::chrono::milliseconds kLingerWhileStopping{200};

uint64_t IdOf(const Mail& mail) {
  const auto* answer = std::get_if<AnswerMail>(&mail);
  return answer != nullptr ? answer->connection : kMailboxId;
}

}  // namespace

void Front::OnMail() {
  for (Mail& mail : mailbox_->TakeAll()) {
    // Guarded one by one: a failure must not lose the mail behind it.
    Guard(IdOf(mail), [&] { std::visit([this](auto& any) { Handle(any); }, mail); });
  }
}

void Front::Handle(AnswerMail& mail) {
  --pending_;
  --counters_.requests_pending;
  Connection* connection = Find(mail.connection);
  if (connection == nullptr) {
    ++counters_.answers_abandoned;
    return;
  }
  if (Answer(*connection, std::move(mail.response))) {
    // Streamed: in work until StreamDoneMail.
    ++pending_;
    ++counters_.requests_pending;
  }
  Advance(*connection);
}

void Front::Handle(const StreamMail& mail) {
  Connection* connection = Find(mail.connection);
  if (connection == nullptr || !connection->pipe || !connection->out.empty()) return;
  Flush(*connection);
  Advance(*connection);
}

void Front::Handle(const StreamDoneMail& /*mail*/) {
  --pending_;
  --counters_.requests_pending;
}

void Front::Handle(const StopMail& mail) {
  if (stopping_) return;
  // Whoever the kernel has accepted for us gets the chance of a request that has already arrived.
  AcceptAll();
  stopping_ = true;
  deadlines_.Set(0, accept_again_, std::nullopt);
  listener_.fd.Reset();
  deadlines_.Set(kMailboxId, drain_until_, now_ + mail.drain);

  std::vector<uint64_t> ids;
  for (const auto& [id, connection] : connections_) ids.push_back(id);
  for (const uint64_t id : ids) {
    Connection* connection = Find(id);
    if (connection == nullptr) continue;
    if (connection->phase == Phase::kReading && connection->in.empty()) Read(*connection);
    const bool idle = connection->phase == Phase::kReading && connection->in.empty();
    if (idle || connection->phase == Phase::kHandshake) Close(*connection);
    if (connection->phase == Phase::kLingering) SetDeadline(*connection, kLingerWhileStopping);
  }
}

void Front::CloseAll() {
  if (!connections_.empty()) {
    Log(LogLevel::kWarning, "drain time is over, connections are cut",
        {{"listener", name_}, {"connections", connections_.size()}});
  }
  while (!connections_.empty()) Close(*connections_.begin()->second);
}

}  // namespace billsync::http
