#include "support/program.h"

#include <fcntl.h>
#include <httplib.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "billsync/base/parse.h"

namespace billsync::testing {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string MakeDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "billsync-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary directory");
  return name;
}

[[noreturn]] void Exec(const std::string& directory, const std::vector<std::string>& arguments,
                       const std::map<std::string, std::string>& environment) {
  const int out = ::open((directory + "/out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int err = ::open((directory + "/err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  std::vector<std::string> lines;
  for (const auto& [name, value] : environment) lines.push_back(name + "=" + value);
  if (const char* path = ::getenv("PATH")) lines.push_back(std::string("PATH=") + path);
  std::vector<char*> envp, argv;
  for (auto& line : lines) envp.push_back(line.data());
  envp.push_back(nullptr);
  std::vector<std::string> words = {BILLSYNC_BINARY_DIR "/billsync"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execve(argv[0], argv.data(), envp.data());
  ::_exit(127);
}

PostResult ToResult(const httplib::Result& result) {
  PostResult out;
  if (!result) return out;
  out.status = result->status;
  out.body = result->body;
  for (const auto& [name, value] : result->headers) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(), [](char c) { return static_cast<char>(::tolower(c)); });
    out.headers[lower] = value;
  }
  return out;
}

httplib::Client ClientFor(uint16_t port) {
  httplib::Client client("127.0.0.1", port);
  client.set_tcp_nodelay(true);
  client.set_connection_timeout(5);
  client.set_read_timeout(20);
  return client;
}

httplib::Headers Bearer(const std::string& token) {
  return token.empty() ? httplib::Headers{} : httplib::Headers{{"Authorization", "Bearer " + token}};
}

std::map<std::string, std::string> ServiceEnvironment(const std::string& url,
                                                      std::map<std::string, std::string> extra) {
  const std::map<std::string, std::string> usual = {{"DATABASE_URL", url},
                                                    {"STRIPE_WEBHOOK_SECRET", kSecret},
                                                    {"BILLSYNC_LISTEN", "127.0.0.1:0"},
                                                    {"BILLSYNC_ADMIN_LISTEN", "127.0.0.1:0"},
                                                    {"BILLSYNC_ADMIN_TOKEN", std::string("ops=") + kOpsToken}};
  for (const auto& [name, value] : usual) {
    if (!extra.contains(name + "_FILE")) extra.emplace(name, value);
  }
  return extra;
}

// The number after `"key":` in a log line.
uint16_t NumberIn(const std::string& line, const std::string& key) {
  const size_t at = line.find("\"" + key + "\":");
  if (at == std::string::npos) return 0;
  const size_t from = at + key.size() + 3;
  const size_t to = line.find_first_not_of("0123456789", from);
  return ParseInt<uint16_t>(line.substr(from, to - from)).value_or(0);
}

}  // namespace

Program::Program(std::vector<std::string> arguments, std::map<std::string, std::string> environment)
    : directory_(MakeDirectory()) {
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ == 0) Exec(directory_, arguments, environment);
}

Program::~Program() {
  if (!ended_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::filesystem::remove_all(directory_);
}

void Program::Signal(int signal) const {
  ::kill(pid_, signal);
}

ProgramResult Program::Wait(std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience * kStretch;
  while (!ended_) {
    int raw = 0;
    if (::waitpid(pid_, &raw, WNOHANG) == pid_) {
      ended_ = true;
      status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    } else if (std::chrono::steady_clock::now() > end) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      ended_ = true;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  return {status_, Out(), Err()};
}

std::string Program::Out() const {
  return ReadFile(directory_ + "/out");
}

std::string Program::Err() const {
  return ReadFile(directory_ + "/err");
}

ProgramResult RunProgram(std::vector<std::string> arguments, std::map<std::string, std::string> environment) {
  return Program(std::move(arguments), std::move(environment)).Wait();
}

RunningService::RunningService(const std::string& database_url, std::map<std::string, std::string> environment,
                               const std::string& config_file)
    : program_({"--config", config_file, "serve"}, ServiceEnvironment(database_url, std::move(environment))) {
  const bool serving =
      Eventually([&] { return program_.Err().find("\"serving\"") != std::string::npos; }, std::chrono::seconds(20));
  if (!serving) throw std::runtime_error("billsync serve did not come up:\n" + program_.Err());
  std::istringstream lines(program_.Err());
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"serving\"") == std::string::npos) continue;
    port_ = NumberIn(line, "port");
    admin_port_ = NumberIn(line, "admin_port");
  }
}

std::string SignIndependently(const std::string& body, const std::string& secret, int64_t at) {
  const std::string directory = MakeDirectory();
  const std::string file = directory + "/message";
  std::ofstream(file, std::ios::binary) << at << "." << body;
  const std::string command = "openssl dgst -sha256 -hmac '" + secret + "' '" + file + "'";
  FILE* pipe = ::popen(command.c_str(), "r");
  std::array<char, 512> line{};
  const bool read = pipe != nullptr && std::fgets(line.data(), line.size(), pipe) != nullptr;
  const bool ended = pipe != nullptr && ::pclose(pipe) == 0;
  std::filesystem::remove_all(directory);
  if (!read || !ended) throw std::runtime_error("the openssl command is missing: apt-get install openssl");
  const std::string answer(Trim(line.data()));
  return "t=" + std::to_string(at) + ",v1=" + answer.substr(answer.size() - 64);
}

std::string SignIndependently(const std::string& body) {
  return SignIndependently(body, kSecret, static_cast<int64_t>(std::time(nullptr)));
}

PostResult PostEvent(uint16_t port, const std::string& body, const std::string& signature) {
  auto client = ClientFor(port);
  return ToResult(client.Post("/webhooks/stripe", {{"Stripe-Signature", signature}}, body, "application/json"));
}

PostResult Get(uint16_t port, const std::string& path, const std::string& bearer) {
  auto client = ClientFor(port);
  return ToResult(client.Get(path, Bearer(bearer)));
}

PostResult Post(uint16_t port, const std::string& path, const std::string& bearer) {
  auto client = ClientFor(port);
  return ToResult(client.Post(path, Bearer(bearer), "", "application/json"));
}

bool Eventually(const std::function<bool()>& holds, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience * kStretch;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace billsync::testing
