#include <csignal>
#include <pthread.h>

#include "billsync/app/service.h"
#include "billsync/base/log.h"
#include "context.h"

namespace billsync::cli {
namespace {

int Serve(const Context& context) {
  const app::Config config = context.Load(app::MissingForServe);
  // Blocked before any thread exists, so that only sigwait below gets them and a stop is an ordinary call.
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stops, nullptr);
  app::Service service(config);
  service.Start();
  Log(LogLevel::kInfo, "serving",
      {{"listen", config.listen}, {"port", service.public_port()}, {"admin_port", service.admin_port()}});
  int signal = 0;
  sigwait(&stops, &signal);
  Log(LogLevel::kInfo, "stopping", {{"signal", signal}});
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
