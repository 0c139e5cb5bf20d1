#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "billsync/app/service.h"
#include "billsync/base/log.h"
#include "context.h"

namespace billsync::cli {
namespace {

// A stop has to end before whoever sent the signal loses patience (ten seconds, with the least patient of them).
constexpr std::chrono::seconds kStopAtMost{9};

// A database that hangs would hold up the stop as long as it does. Leaving it then is as safe as a crash: what was
// acknowledged is committed, what was under way is rolled back.
void LeaveWhenTheStopHangs(const std::stop_token& stopped) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, stopped, kStopAtMost, [] { return false; });
  if (stopped.stop_requested()) return;
  Log(LogLevel::kError, "the stop hangs, is the database there? what was under way is rolled back");
  std::_Exit(kFailed);
}

int Serve(const Context& context) {
  const app::Config config = context.Load(app::MissingForServe);
  // Blocked before any thread exists, so that only sigwait below gets them and a stop is an ordinary call.
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stops, nullptr);
  std::jthread limit;  // before the service: ending that is part of what is limited
  app::Service service(config);
  service.Start();
  Log(LogLevel::kInfo, "serving",
      {{"listen", config.listen}, {"port", service.public_port()}, {"admin_port", service.admin_port()}});
  int signal = 0;
  sigwait(&stops, &signal);
  Log(LogLevel::kInfo, "stopping", {{"signal", signal}});
  limit = std::jthread(LeaveWhenTheStopHangs);
  pthread_sigmask(SIG_UNBLOCK, &stops, nullptr);  // a second signal ends a drain that hangs
  service.Stop();
  Log(LogLevel::kInfo, "stopped");
  return kDone;
}

}  // namespace

void AddServe(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("serve", "run the webhook listener, the applier, the jobs and the admin listener");
  command->callback([&context] { context.run = [&context] { return Serve(context); }; });
}

}  // namespace billsync::cli
