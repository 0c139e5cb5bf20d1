#include "browser/browser.h"

#include <fcntl.h>
#include <httplib.h>
#include <openssl/evp.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "billsync/base/json_writer.h"
#include "billsync/base/parse.h"
#include "support/program.h"

namespace billsync::testing {
namespace {

constexpr const char* kElement = "element-6066-11e4-a52e-4f735466cecf";  // WebDriver's own name of an element reference

std::string ReadWhole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string AsText(const rapidjson::Value& value) {
  if (value.IsString()) return {value.GetString(), value.GetStringLength()};
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return buffer.GetString();
}

std::string FromBase64(const std::string& text) {
  std::string bytes(text.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) throw std::runtime_error("the browser's picture is not base64");
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  bytes.resize(static_cast<size_t>(size) - padding);
  return bytes;
}

// Nothing the browser would fetch for itself; as root in a container there is no sandbox to be had.
std::string Capabilities() {
  JsonArray arguments;
  for (const char* argument :
       {"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-sync", "--disable-background-networking", "--disable-component-update", "--disable-extensions",
        "--hide-scrollbars", "--force-color-profile=srgb", "--window-size=1280,900"}) {
    arguments.AddRaw(JsonQuote(argument));
  }
  return R"({"capabilities":{"alwaysMatch":{"browserName":"chrome","goog:loggingPrefs":{"browser":"ALL"},)"
         R"("goog:chromeOptions":{"args":)" +
         arguments.Text() + "}}}}";
}

}  // namespace

Browser::Browser() {
  StartDriver();
  const auto opened = Ask("POST", "/session", Capabilities());
  session_ = "/session/" + AsText(opened["sessionId"]);
}

Browser::~Browser() {
  try {
    if (!session_.empty()) Ask("DELETE", session_);
  } catch (const std::exception&) {
    // Its process group is ended all the same.
  }
  ::kill(-driver_, SIGKILL);
  ::waitpid(driver_, nullptr, 0);
  std::filesystem::remove_all(directory_);
}

void Browser::StartDriver() {
  directory_ = (std::filesystem::temp_directory_path() / "billsync-browser-XXXXXX").string();
  if (::mkdtemp(directory_.data()) == nullptr) throw std::runtime_error("cannot make a temporary directory");
  const std::string log = directory_ + "/log";
  driver_ = ::fork();
  if (driver_ == 0) {
    ::setpgid(0, 0);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::setenv("HOME", directory_.c_str(), 1);
    ::setenv("TMPDIR", directory_.c_str(), 1);
    ::execl(CHROMEDRIVER, "chromedriver", "--port=0", nullptr);
    ::_exit(127);
  }
  const std::string said = "started successfully on port ";
  const bool up = Eventually([&] { return ReadWhole(log).find(said) != std::string::npos; }, std::chrono::seconds(30));
  if (!up) throw std::runtime_error("chromedriver did not start:\n" + ReadWhole(log));
  const std::string text = ReadWhole(log);
  const size_t from = text.find(said) + said.size();
  port_ = ParseInt<uint16_t>(text.substr(from, text.find_first_not_of("0123456789", from) - from)).value_or(0);
}

Browser::Json Browser::Ask(const std::string& method, const std::string& path, const std::string& body) {
  httplib::Client client("127.0.0.1", port_);
  client.set_read_timeout(60);
  const auto result = method == "GET"      ? client.Get(path)
                      : method == "DELETE" ? client.Delete(path)
                                           : client.Post(path, body.empty() ? "{}" : body, "application/json");
  if (!result) throw std::runtime_error("chromedriver does not answer " + path);
  Json answer;
  answer.Parse(result->body.c_str(), result->body.size());
  if (answer.HasParseError() || result->status != 200) {
    throw std::runtime_error(method + " " + path + " " + body.substr(0, 300) + ": " + result->body.substr(0, 500));
  }
  Json value;
  value.CopyFrom(answer["value"], value.GetAllocator());
  return value;
}

Browser::Json Browser::Devtools(const std::string& command, const std::string& parameters) {
  return Ask("POST", session_ + "/goog/cdp/execute",
             JsonObject().Add("cmd", command).AddRaw("params", parameters).Text());
}

void Browser::Open(const std::string& url) {
  Ask("POST", session_ + "/url", JsonObject().Add("url", url).Text());
}

std::string Browser::Url() {
  return AsText(Ask("GET", session_ + "/url"));
}

std::string Browser::Title() {
  return AsText(Ask("GET", session_ + "/title"));
}

std::string Browser::Text() {
  return Run("return document.body.innerText");
}

std::string Browser::Run(const std::string& script) {
  return AsText(
      Ask("POST", session_ + "/execute/sync", JsonObject().Add("script", script).AddRaw("args", "[]").Text()));
}

std::string Browser::FindElement(const std::string& css) {
  const auto found =
      Ask("POST", session_ + "/element", JsonObject().Add("using", "css selector").Add("value", css).Text());
  return session_ + "/element/" + AsText(found[kElement]);
}

void Browser::Type(const std::string& css, const std::string& text) {
  const std::string element = FindElement(css);
  Ask("POST", element + "/clear");
  Ask("POST", element + "/value", JsonObject().Add("text", text).Text());
}

void Browser::WaitForNewPage(const std::string& act, const std::string& element, const std::string& body) {
  Run("window.seenBefore = true");
  Ask("POST", element + act, body);
  const bool came = Eventually(
      [&] {
        try {
          return Run("return window.seenBefore === undefined && document.readyState === 'complete'") == "true";
        } catch (const std::runtime_error&) {
          return false;  // between two pages
        }
      },
      std::chrono::seconds(30));
  if (!came) throw std::runtime_error("no page came after " + act + " on " + Url());
}

void Browser::PressEnter(const std::string& css) {
  // WebDriver's Enter key.
  WaitForNewPage("/value", FindElement(css), JsonObject().Add("text", "\xEE\x80\x87").Text());
}

void Browser::Follow(const std::string& css) {
  WaitForNewPage("/click", FindElement(css), "{}");
}

std::vector<Browser::Cookie> Browser::Cookies() {
  const auto list = Ask("GET", session_ + "/cookie");
  std::vector<Cookie> cookies;
  for (const auto& one : list.GetArray()) {
    cookies.push_back({AsText(one["name"]), AsText(one["value"]), AsText(one["sameSite"]), one["httpOnly"].GetBool()});
  }
  return cookies;
}

void Browser::ForgetCookies() {
  Ask("DELETE", session_ + "/cookie");
}

void Browser::Resize(int width, int height) {
  Devtools("Emulation.setDeviceMetricsOverride", JsonObject()
                                                     .Add("width", int64_t{width})
                                                     .Add("height", int64_t{height})
                                                     .Add("deviceScaleFactor", int64_t{1})
                                                     .Add("mobile", width < 500)
                                                     .Text());
}

void Browser::PreferDark(bool dark) {
  Devtools("Emulation.setEmulatedMedia", std::string(R"({"features":[{"name":"prefers-color-scheme","value":")") +
                                             (dark ? "dark" : "light") + "\"}]}");
}

void Browser::AllowScripts(bool allowed) {
  Devtools("Emulation.setScriptExecutionDisabled", JsonObject().Add("value", !allowed).Text());
}

std::vector<std::string> Browser::TakeComplaints() {
  const auto entries = Ask("POST", session_ + "/se/log", R"({"type":"browser"})");
  std::vector<std::string> complaints;
  for (const auto& entry : entries.GetArray()) {
    const std::string level = AsText(entry["level"]);
    if (level == "SEVERE" || level == "WARNING") complaints.push_back(level + ": " + AsText(entry["message"]));
  }
  return complaints;
}

void Browser::Screenshot(const std::string& name) {
  const auto picture = Devtools("Page.captureScreenshot", R"({"format":"png","captureBeyondViewport":true})");
  const std::filesystem::path directory = std::filesystem::path(BILLSYNC_BINARY_DIR) / "screenshots";
  std::filesystem::create_directories(directory);
  std::ofstream(directory / (name + ".png"), std::ios::binary) << FromBase64(AsText(picture["data"]));
}

}  // namespace billsync::testing
