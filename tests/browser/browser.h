// A headless Chromium, driven over WebDriver: what a person would see and click.
#pragma once

#include <rapidjson/document.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace billsync::testing {

// chromedriver with one browser window, both ended with the object. Throws std::runtime_error when the browser does not
// do what it was told.
class Browser {
 public:
  Browser();
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  void Open(const std::string& url);
  std::string Url();
  std::string Title();
  // The text a person reads on the page.
  std::string Text();
  // What a script returns; `script` is a function body. A number, text or flag as text, else JSON.
  std::string Run(const std::string& script);
  // Types into the first element that fits.
  void Type(const std::string& css, const std::string& text);
  // Clicks the first element that fits, or presses Enter in it, and waits for the page it leads to.
  void Follow(const std::string& css);
  void PressEnter(const std::string& css);

  struct Cookie {
    std::string name, value, same_site;
    bool http_only = false;
  };
  std::vector<Cookie> Cookies();
  void ForgetCookies();

  void Resize(int width, int height);
  void PreferDark(bool dark);
  void AllowScripts(bool allowed);

  // Errors and warnings the browser reported since the last call: failed loads, exceptions, policy violations.
  std::vector<std::string> TakeComplaints();
  // The whole page as build/screenshots/NAME.png.
  void Screenshot(const std::string& name);

 private:
  using Json = rapidjson::Document;
  // The "value" of the answer.
  Json Ask(const std::string& method, const std::string& path, const std::string& body = "");
  Json Devtools(const std::string& command, const std::string& parameters);
  std::string FindElement(const std::string& css);
  // Whether a page came in place of the one that `act` was done on.
  void WaitForNewPage(const std::string& act, const std::string& element, const std::string& body);
  void StartDriver();

  std::string directory_;
  pid_t driver_ = -1;
  uint16_t port_ = 0;
  std::string session_;
};

}  // namespace billsync::testing
