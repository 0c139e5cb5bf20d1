#include <httplib.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "billsync/base/json_writer.h"
#include "billsync/stripe/event.h"
#include "billsync/stripe/signature.h"
#include "context.h"
#include "event_file.h"
#include "rebase.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

struct SendOptions {
  std::vector<std::string> fixtures;
  std::optional<std::string> to, secret;
  bool rebase = false, quiet = false;
};

struct Fixture {
  std::string path, body, id;
};

// The .json and .jsonl files of a directory below it, in order of their paths; a file stands for itself. expected.json
// beside events says what they should lead to and is no event.
std::vector<std::string> Expand(const std::string& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    const auto& file = entry.path();
    if (file.filename() == "expected.json") continue;
    if (file.extension() == ".json" || file.extension() == ".jsonl") files.push_back(file.string());
  }
  std::ranges::sort(files);
  return files;
}

std::vector<Fixture> ReadFixtures(const SendOptions& options) {
  std::vector<Fixture> fixtures;
  long long newest = 0;
  for (const auto& argument : options.fixtures) {
    for (const auto& path : Expand(argument)) {
      for (auto& body : ReadEventFile(path)) {
        Fixture fixture{path, std::move(body), "-"};
        if (const auto envelope = stripe::ReadEnvelope(fixture.body)) {
          fixture.id = envelope->id;
          if (!envelope->thin) newest = std::max(newest, UnixSeconds(envelope->created));
        }
        fixtures.push_back(std::move(fixture));
      }
    }
  }
  if (fixtures.empty()) throw CliError(kUsage, "no .json file found in what was given, and no event in them");
  if (options.rebase && newest > 0) {
    const long long shift = UnixSeconds(SystemNow()) - newest;
    for (auto& fixture : fixtures) fixture.body = ShiftUnixTimes(fixture.body, shift);
  }
  return fixtures;
}

struct Target {
  std::string origin, path;
};

// "http://127.0.0.1:8080/webhooks/stripe" → origin and path; without a path the webhook's own.
Target ParseTarget(const std::string& url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos || (url.substr(0, scheme) != "http" && url.substr(0, scheme) != "https")) {
    throw CliError(kUsage, "--to must be a URL such as http://127.0.0.1:8080, not '" + url + "'");
  }
  const size_t slash = url.find('/', scheme + 3);
  if (slash == std::string::npos || slash + 1 == url.size()) return {url.substr(0, slash), "/webhooks/stripe"};
  return {url.substr(0, slash), url.substr(slash)};
}

struct Answer {
  int status = 0;  // 0: no answer
  std::string text;
};

Answer Post(httplib::Client& client, const std::string& path, const Fixture& fixture, const Secret& secret) {
  const httplib::Headers headers = {{"Stripe-Signature", stripe::SignatureHeader(fixture.body, secret, SystemNow())}};
  const auto result = client.Post(path, headers, fixture.body, "application/json; charset=utf-8");
  if (!result) return {0, "no answer: " + httplib::to_string(result.error())};
  return {result->status, result->body};
}

int Send(const Context& context, const SendOptions& options) {
  const auto config = context.Load([](const app::Config&) { return std::vector<app::ConfigFault>{}; });
  if (!options.secret && config.webhook_secrets.empty()) {
    throw CliError(kUsage, "give --secret whsec_… or set STRIPE_WEBHOOK_SECRET: the events have to be signed");
  }
  const Secret secret = options.secret ? Secret(*options.secret) : config.webhook_secrets.front().secret;
  const Target target = ParseTarget(options.to.value_or("http://" + config.listen));
  const auto fixtures = ReadFixtures(options);
  httplib::Client client(target.origin);
  client.set_connection_timeout(5);
  client.set_read_timeout(10);
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  Table table({"FILE", "EVENT", "STATUS", "ANSWER"});
  ProgressBar progress("sending");
  int64_t done = 0, refused = 0, duplicates = 0;
  for (const auto& fixture : fixtures) {
    const Answer answer = Post(client, target.path, fixture, secret);
    if (answer.status < 200 || answer.status > 299) ++refused;
    if (answer.text.find("\"duplicate\":true") != std::string::npos) ++duplicates;
    if (context.json) {
      std::cout << JsonObject()
                       .Add("file", fixture.path)
                       .Add("id", fixture.id)
                       .Add("status", int64_t{answer.status})
                       .Add("answer", answer.text)
                       .Text()
                << "\n";
    }
    table.AddRow({fixture.path, fixture.id, answer.status == 200 ? Good("200") : Bad(std::to_string(answer.status)),
                  answer.text});
    progress.Update(++done, static_cast<int64_t>(fixtures.size()));
  }
  if (context.json) return refused == 0 ? kDone : kFailed;
  if (!options.quiet || refused > 0) table.Print();
  std::cout << done << " events sent: " << done - refused << " accepted (" << duplicates << " already known), "
            << refused << " refused\n";
  return refused == 0 ? kDone : kFailed;
}

}  // namespace

void AddSend(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("send", "sign event files and post them to a webhook endpoint, for trying out");
  const auto options = std::make_shared<SendOptions>();
  command
      ->add_option("FIXTURE", options->fixtures,
                   "event files (one event, an array, or one a line), or directories of them")
      ->required()
      ->check(CLI::ExistingPath);
  command->add_option("--to", options->to, "URL of the endpoint; default: the configured listener");
  command->add_option("--secret", options->secret, "signing secret; default: the first configured one");
  command->add_flag("--rebase", options->rebase, "shift every time so that the newest event happens now");
  command->add_flag("--quiet", options->quiet, "only say how many were accepted, unless one is refused");
  AddJsonFlag(*command, context);
  command->callback([&context, options] { context.run = [&context, options] { return Send(context, *options); }; });
}

}  // namespace billsync::cli
