// HTML that is escaped by its type: text becomes Html only through escaping, and only Html is printed.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace billsync::console {

// A piece of a page. Made of text it is escaped; made of elements it is their markup.
class Html {
 public:
  Html() = default;
  Html(std::string_view text);
  Html(const char* text) : Html(std::string_view(text)) {}
  Html(const std::string& text) : Html(std::string_view(text)) {}

  // Markup that this program has written itself. Never of anything that came from outside.
  static Html Trusted(std::string markup);

  Html& operator+=(const Html& more);
  const std::string& markup() const { return markup_; }
  bool empty() const { return markup_.empty(); }

 private:
  std::string markup_;
};

// An attribute; one without a value is left out. Names are constants of ours.
struct Attr {
  const char* name;
  std::optional<std::string> value;
};

// <tag name="value">children</tag>; a void element (input, link, meta) has none.
Html Tag(const char* tag, std::vector<Attr> attributes, std::initializer_list<Html> children = {});
Html Tag(const char* tag, std::initializer_list<Html> children);

// The attribute `name` only if `on`: checked, selected, required …
Attr If(bool on, const char* name);

// "/usage?period=2026-10&user=ada%40"; values that are empty are left out.
std::string Url(std::string_view path, const std::vector<std::pair<std::string, std::string>>& query = {});
// A path segment or query value, percent-encoded.
std::string UrlEncoded(std::string_view text);

Html Link(const std::string& url, const Html& text);

}  // namespace billsync::console
