// load: posts signed events to a webhook endpoint and prints what came of them as one JSON object.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <memory>

#include "load.h"

namespace {

using billsync::bench::LoadResult;

double PercentileMs(const LoadResult& result, double share) {
  const auto& all = result.latencies_us;
  if (all.empty()) return 0;
  const auto at = static_cast<size_t>(share * static_cast<double>(all.size()));
  return static_cast<double>(all[std::min(at, all.size() - 1)]) / 1000;
}

void Print(const LoadResult& result) {
  std::printf(
      "{\"seconds\": %.3f, \"cpu_seconds\": %.3f, \"bytes\": %llu, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": "
      "%.2f",
      result.seconds, result.cpu_seconds, static_cast<unsigned long long>(result.bytes), PercentileMs(result, 0.5),
      PercentileMs(result, 0.99), PercentileMs(result, 1));
  std::printf(", \"by_status\": {");
  bool first = true;
  for (const auto& [status, count] : result.by_status) {
    std::printf("%s\"%d\": %llu", first ? "" : ", ", status, static_cast<unsigned long long>(count));
    first = false;
  }
  std::printf("}}\n");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Posts signed events to a webhook endpoint and prints what came of them as one JSON object.", "load");
  billsync::bench::LoadOptions options;
  std::string run = "r";
  std::string lines;
  uint64_t seed = 1;
  uint64_t first_user = 1;
  std::vector<std::string> lifecycles;
  bool new_connections = false;
  bool sign_as_sent = false;
  app.add_option("--port", options.port, "of the endpoint on 127.0.0.1")->required();
  app.add_option("--secret", options.secret, "its signing secret")->required();
  app.add_option("--connections", options.connections);
  app.add_option("--events", options.events);
  app.add_option("--rate", options.rate,
                 "events a second, whatever the answers; without it a connection waits for its answer");
  app.add_flag("--new-connections", new_connections, "one for each event");
  app.add_flag("--sign-as-sent", sign_as_sent, "instead of before the clock starts");
  app.add_option("--ids", options.ids_file, "append the ids that were answered 200");
  app.add_option("--run", run, "goes into every id; letters and digits");
  app.add_option("--seed", seed);
  app.add_option("--first-user", first_user, "number of the user that the first life belongs to");
  app.add_option("--lines", lines, "post these bodies, one a line");
  app.add_option("lifecycles", lifecycles, "directories of events to copy");
  CLI11_PARSE(app, argc, argv);
  options.keep_alive = !new_connections;
  options.sign_ahead = !sign_as_sent;
  try {
    std::unique_ptr<billsync::bench::EventSource> source;
    if (lines.empty()) {
      source = std::make_unique<billsync::bench::Lives>(lifecycles, run, first_user, seed);
    } else {
      source = std::make_unique<billsync::bench::Lines>(lines);
    }
    Print(billsync::bench::Post(*source, options));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "load: %s\n", error.what());
    return 1;
  }
  return 0;
}
