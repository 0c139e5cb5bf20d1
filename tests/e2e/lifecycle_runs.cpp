#include "e2e/lifecycle_runs.h"

#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <numeric>
#include <thread>

#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

// Runs that are under way at the same time on one connection.
constexpr size_t kWoven = 32;
// Without anything being settled: then it never will.
constexpr std::chrono::seconds kPatience{60};

struct Parcel {
  const Run* run;
  Run::Delivery delivery;
};

// What each connection posts, in order.
std::vector<std::vector<Parcel>> Weave(const std::vector<Run>& runs, int connections) {
  std::mt19937_64 random(runs.size());
  std::vector<std::vector<const Run*>> shares(static_cast<size_t>(connections));
  std::vector<std::vector<Parcel>> queues(shares.size());
  for (size_t i = 0; i < runs.size(); ++i) shares[i % shares.size()].push_back(&runs[i]);
  for (size_t c = 0; c < shares.size(); ++c) {
    std::vector<std::pair<const Run*, size_t>> active;  // a run, and how many of its deliveries are out
    auto next = shares[c].begin();
    while (next != shares[c].end() || !active.empty()) {
      while (active.size() < kWoven && next != shares[c].end()) active.emplace_back(*next++, 0);
      auto& [run, out] = active[random() % active.size()];
      const size_t connection = run->scattered ? random() % queues.size() : c;
      queues[connection].push_back({run, run->deliveries[out++]});
      std::erase_if(active, [](const auto& one) { return one.second == one.first->deliveries.size(); });
    }
  }
  return queues;
}

// Posts until it is answered with anything but 503; the fault, empty for a 200.
std::string Post(httplib::Client& client, const Parcel& parcel) {
  const Run& run = *parcel.run;
  const auto& event = run.lifecycle->events[parcel.delivery.event];
  const std::string body = event.In(parcel.delivery.shape)->For(run.twin, parcel.delivery.event);
  for (int attempt = 0; attempt < 100; ++attempt) {
    const auto answer = client.Post("/webhooks/stripe", {{"Stripe-Signature", SignInBulk(body)}}, body,
                                    "application/json; charset=utf-8");
    if (!answer) return run.Describe() + ": " + event.file + ": no answer, " + httplib::to_string(answer.error());
    if (answer->status == 200 && answer->body.starts_with("{\"received\":true,")) return "";
    if (answer->status != 503) {
      return run.Describe() + ": " + event.file + ": " + std::to_string(answer->status) + " " + answer->body;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return run.Describe() + ": " + event.file + ": 503 a hundred times";
}

}  // namespace

std::string Run::Describe() const {
  std::string text = lifecycle->name;
  switch (mode) {
    case Mode::kOld:
      text += ", old shape:";
      break;
    case Mode::kNew:
      text += ", new shape:";
      break;
    case Mode::kMixed:
      text += ", mixed shapes:";
      break;
  }
  for (const auto& one : deliveries) {
    text += " " + lifecycle->events[one.event].file.substr(0, 2) + (one.shape == Shape::kAcacia ? "a" : "e");
  }
  return text + (scattered ? " (scattered)" : "");
}

std::vector<uint8_t> EventsIn(const Lifecycle& lifecycle, Mode mode) {
  std::vector<uint8_t> events;
  for (uint8_t i = 0; i < lifecycle.events.size(); ++i) {
    const auto& in = lifecycle.events[i].in;
    if ((in[0] && mode != Mode::kNew) || (in[1] && mode != Mode::kOld)) events.push_back(i);
  }
  return events;
}

void RunPlan::AddAllOrders(const Lifecycle& lifecycle) {
  for (const Mode mode : kModes) {
    auto order = EventsIn(lifecycle, mode);
    do Add(lifecycle, mode, order);
    while (std::ranges::next_permutation(order).found);
  }
}

void RunPlan::AddDrawnOrders(const Lifecycle& lifecycle, int count) {
  for (const Mode mode : kModes) {
    for (int i = 0; i < count; ++i) {
      auto order = EventsIn(lifecycle, mode);
      std::ranges::shuffle(order, random_);
      Add(lifecycle, mode, order);
    }
  }
}

void RunPlan::Add(const Lifecycle& lifecycle, Mode mode, const std::vector<uint8_t>& order) {
  Run run{&lifecycle, {static_cast<uint32_t>(runs_.size()), seed_}, mode, Chance(25), {}};
  const auto shape_of = [&](uint8_t event) {
    const auto& in = lifecycle.events[event].in;
    if (mode == Mode::kOld || !in[1]) return Shape::kAcacia;
    return mode == Mode::kMixed && in[0] && Chance(50) ? Shape::kAcacia : Shape::kEndive;
  };
  std::vector<uint8_t> before;
  for (const uint8_t event : order) {
    run.deliveries.push_back({event, shape_of(event)});
    before.push_back(event);
    // Something that came before comes again, perhaps rendered for another endpoint.
    while (Chance(25)) {
      const uint8_t again = before[random_() % before.size()];
      run.deliveries.push_back({again, shape_of(again)});
    }
  }
  runs_.push_back(std::move(run));
}

void AddUsersOf(TestDatabase& database, const std::vector<Run>& runs, bool linked) {
  std::string values;
  for (const Run& run : runs) {
    const std::string key = run.lifecycle->KeyOf(run.twin);
    const bool has_customer = linked && run.lifecycle->customer_before.has_value();
    values += (values.empty() ? "('" : ",\n('") + run.lifecycle->UserOf(run.twin) + "', '" + key + "@example.com', " +
              (has_customer ? "'cus_" + key + "')" : "NULL)");
  }
  database.Run("INSERT INTO users (id, email, stripe_customer_id) VALUES " + values);
}

std::pair<size_t, std::vector<std::string>> PostRuns(uint16_t port, const std::vector<Run>& runs, int connections) {
  const auto queues = Weave(runs, connections);
  std::mutex mutex;
  std::vector<std::string> faults;
  std::vector<std::thread> threads;
  size_t posted = 0;
  for (const auto& queue : queues) {
    posted += queue.size();
    threads.emplace_back([&] {
      httplib::Client client("127.0.0.1", port);
      client.set_keep_alive(true);
      client.set_tcp_nodelay(true);
      client.set_read_timeout(20);
      for (const Parcel& parcel : queue) {
        std::string fault = Post(client, parcel);
        if (fault.empty()) continue;
        const std::lock_guard lock(mutex);
        faults.push_back(std::move(fault));
        if (faults.size() > 20) return;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return {posted, faults};
}

bool WaitUntilSettled(TestDatabase& database) {
  const auto unsettled = [&] {
    return std::stoll(database.Value("SELECT count(*) FROM stripe_events WHERE status IN ('received', 'parked')"));
  };
  long long least = unsettled();
  auto patience = std::chrono::steady_clock::now() + kPatience;
  while (least > 0 && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const long long now = unsettled();
    if (now >= least) continue;
    least = now;
    patience = std::chrono::steady_clock::now() + kPatience;
  }
  return least == 0;
}

}  // namespace billsync::testing
