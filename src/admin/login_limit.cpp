#include "billsync/admin/login_limit.h"

#include <arpa/inet.h>

#include <array>

namespace billsync::admin {
namespace {

std::string NetworkOf(const std::string& peer) {
  std::array<unsigned char, 16> address{};
  if (::inet_pton(AF_INET6, peer.c_str(), address.data()) != 1) return peer;
  return {reinterpret_cast<const char*>(address.data()), 8};
}

}  // namespace

bool LoginLimit::MayTry(const std::string& peer, Moment now) {
  const std::lock_guard lock(mutex_);
  const auto found = peers_.find(NetworkOf(peer));
  if (found != peers_.end()) return now - found->second.begun >= kWindow || found->second.failures < kFailures;
  if (peers_.size() < kPeers) return true;
  // So many addresses fail that some of them are one attacker's: newcomers wait until the old ones are forgotten.
  ForgetOld(now);
  return peers_.size() < kPeers;
}

void LoginLimit::NoteFailure(const std::string& peer, Moment now) {
  const std::lock_guard lock(mutex_);
  const std::string network = NetworkOf(peer);
  if (peers_.size() >= kPeers && !peers_.contains(network)) ForgetOld(now);
  if (peers_.size() >= kPeers && !peers_.contains(network)) return;
  Window& window = peers_.try_emplace(network, Window{now, 0}).first->second;
  if (now - window.begun >= kWindow) window = {now, 0};
  ++window.failures;
}

void LoginLimit::ForgetOld(Moment now) {
  std::erase_if(peers_, [now](const auto& peer) { return now - peer.second.begun >= kWindow; });
}

}  // namespace billsync::admin
