#include "html.h"

#include <algorithm>
#include <array>

namespace billsync::console {
namespace {

std::string Escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

bool IsVoid(std::string_view tag) {
  static constexpr std::array<std::string_view, 6> kVoid = {"br", "img", "input", "link", "meta", "polyline"};
  return std::ranges::find(kVoid, tag) != kVoid.end();
}

}  // namespace

Html::Html(std::string_view text) : markup_(Escaped(text)) {}

Html Html::Trusted(std::string markup) {
  Html html;
  html.markup_ = std::move(markup);
  return html;
}

Html& Html::operator+=(const Html& more) {
  markup_ += more.markup_;
  return *this;
}

Html Tag(const char* tag, std::vector<Attr> attributes, std::initializer_list<Html> children) {
  std::string out = std::string("<") + tag;
  for (const Attr& attribute : attributes) {
    if (attribute.value) out += std::string(" ") + attribute.name + "=\"" + Escaped(*attribute.value) + "\"";
  }
  out += ">";
  for (const Html& child : children) out += child.markup();
  if (!IsVoid(tag)) out += std::string("</") + tag + ">";
  return Html::Trusted(std::move(out));
}

Html Tag(const char* tag, std::initializer_list<Html> children) {
  return Tag(tag, std::vector<Attr>{}, children);
}

Attr If(bool on, const char* name) {
  return {name, on ? std::optional<std::string>("") : std::nullopt};
}

std::string UrlEncoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[static_cast<unsigned char>(c) >> 4U];
      out += kDigits[static_cast<unsigned char>(c) & 15U];
    }
  }
  return out;
}

std::string Url(std::string_view path, const std::vector<std::pair<std::string, std::string>>& query) {
  std::string out(path);
  char separator = '?';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    out += separator + UrlEncoded(name) + "=" + UrlEncoded(value);
    separator = '&';
  }
  return out;
}

Html Link(const std::string& url, const Html& text) {
  return Tag("a", {{"href", url}}, {text});
}

}  // namespace billsync::console
