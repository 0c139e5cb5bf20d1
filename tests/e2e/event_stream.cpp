#include "e2e/event_stream.h"

#include <stdexcept>

#include "e2e/raw_exchange.h"
#include "e2e/sample_events.h"
#include "support/program.h"

namespace billsync::testing {

std::vector<SignedEvent> MakeStream(int count, int subscriptions) {
  std::vector<SignedEvent> events;
  const int64_t start = Now() - count;
  for (int i = 0; i < count; ++i) {
    char id[32];
    std::snprintf(id, sizeof id, "evt_stream_%05d", i);
    const std::string number = std::to_string(i % subscriptions);
    std::string body = SubscriptionEvent(id, "sub_" + number, "cus_" + number, "active", start + i);
    if (i % 10 == 3) body = SubscriptionEvent(id, "sub_unknown", "cus_unknown", "active", start + i);
    if (i % 7 == 5) body = Event(id, "setup_intent.succeeded", R"({"id":"seti_1","object":"setup_intent"})");
    std::string signature = SignInBulk(body);
    events.push_back({id, std::move(body), std::move(signature)});
  }
  return events;
}

void StreamPoster::Start(uint16_t port, int threads) {
  refused_ = false;
  std::vector<std::vector<const SignedEvent*>> shares(static_cast<size_t>(threads));
  size_t next = 0;
  for (const auto& event : events_) {
    if (!acknowledged_.contains(event.id)) shares[next++ % shares.size()].push_back(&event);
  }
  for (auto& share : shares) threads_.emplace_back([this, port, share] { Post(port, share); });
}

void StreamPoster::Join() {
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

bool StreamPoster::ReachedAcknowledged(size_t count) const {
  return Eventually([&] { return acknowledged_count_ >= count; }, std::chrono::seconds(10));
}

void StreamPoster::Post(uint16_t port, std::vector<const SignedEvent*> share) {
  for (const SignedEvent* event : share) {
    const bool refused_before = refused_;
    RawAnswer answer;
    try {
      answer = PostRaw(port, event->body, event->signature);
    } catch (const std::runtime_error&) {
      answer.status = -1;  // silence: neither an answer nor an end
    }
    if (answer.refused) {
      refused_ = true;
      return;
    }
    const std::lock_guard lock(mutex_);
    if (answer.status == 200) {
      acknowledged_.insert(event->id);
      ++acknowledged_count_;
      if (refused_before) ++late_;
    } else if (answer.status == 0) {
      ++closed_;
    } else if (answer.status != 503) {
      ++other_answers_;
    }
  }
}

}  // namespace billsync::testing
