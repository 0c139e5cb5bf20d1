#include "table.h"

#include <algorithm>
#include <array>

#include "billsync/base/parse.h"
#include "billsync/billing/money.h"

namespace billsync::console {
namespace {

using admin::Cell;
using admin::Column;
using admin::Kind;
using admin::Listing;

bool IsNumeric(Kind kind) {
  return kind == Kind::kInteger || kind == Kind::kDecimal || kind == Kind::kUsd;
}

bool Holds(const Listing& listing, std::string_view column) {
  return std::ranges::any_of(listing.columns, [&](const Column& one) { return one.name == column; });
}

bool IsFalse(const Cell& cell) {
  return !cell || cell->empty() || *cell == "f" || *cell == "false";
}

// Left out: what is hidden, users.id beside the address that links to it, and what no row has.
bool IsShown(const Listing& listing, const TableLook& look, size_t index) {
  const Column& column = listing.columns[index];
  if (std::ranges::find(look.hidden, column.name) != look.hidden.end()) return false;
  if (column.kind == Kind::kUser && Holds(listing, "email")) return false;
  // The amount in its own currency carries the code, and says it all where every row is in dollars.
  const bool minor = Holds(listing, "amount_minor") || Holds(listing, "mrr_minor");
  if (minor && index > 0 && std::string_view(column.name) == "currency") return false;
  if (Holds(listing, "amount_minor") && std::string_view(column.name) == "amount_usd") {
    return std::ranges::any_of(listing.rows, [&](const auto& row) {
      return listing.At(static_cast<size_t>(&row - listing.rows.data()), "currency") != "USD";
    });
  }
  if (IsNumeric(column.kind) || index == 0) return true;
  return std::ranges::any_of(listing.rows, [&](const auto& row) { return !IsFalse(row[index]); });
}

// Minor units in the currency the row names.
Html MinorAmount(const Listing& listing, size_t row, const std::string& minor) {
  std::string currency = listing.At(row, "currency").value_or("USD");
  std::ranges::transform(currency, currency.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const auto amount = ParseInt<int64_t>(minor);
  if (!amount) return minor;
  return Grouped(billing::FormatMinor(*amount, billing::MinorUnitDecimals(currency))) + " " +
         listing.At(row, "currency").value_or("USD");
}

Html CellHtml(const Listing& listing, size_t row, size_t index) {
  const Column& column = listing.columns[index];
  const Cell& cell = listing.rows[row][index];
  if (!cell) return {};
  if (std::string_view(column.name).ends_with("_minor") && Holds(listing, "currency")) {
    return MinorAmount(listing, row, *cell);
  }
  switch (column.kind) {
    case Kind::kUser:
      return UserLink(*cell, std::nullopt);
    case Kind::kEmail:
      return Holds(listing, "user_id") && listing.At(row, "user_id") ? UserLink(*listing.At(row, "user_id"), cell)
                                                                     : Html(*cell);
    case Kind::kEvent:
      return EventLink(*cell);
    case Kind::kObject:
      return ObjectLink(*cell);
    case Kind::kInteger:
    case Kind::kDecimal:
      return Grouped(*cell);
    case Kind::kUsd:
      return Usd(*cell);
    case Kind::kTime:
      return Moment(*cell);
    case Kind::kFlag:
      return *cell == "t" || *cell == "true" ? "yes" : "";
    case Kind::kStatus:
      return Badge(*cell);
    case Kind::kText:
    case Kind::kDay:
    case Kind::kMonth:
      return *cell;
  }
  return *cell;
}

Html Scrolling(const TableLook& look, const Html& table) {
  return Tag("div",
             {{"class", "scroll"},
              {"tabindex", "0"},
              {"role", "region"},
              {"aria-label", look.caption.empty() ? "Table" : look.caption}},
             {table});
}

std::optional<std::string> NonEmpty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

// A long text breaks; everything else keeps its line.
bool IsLong(const Html& cell) {
  return cell.markup().size() > 48 && !cell.markup().starts_with('<');
}

std::optional<std::string> NumberClass(bool numeric) {
  return numeric ? std::optional<std::string>("num") : std::nullopt;
}

std::optional<std::string> CellClass(bool numeric, const Html& content) {
  return IsLong(content) ? std::optional<std::string>("long") : NumberClass(numeric);
}

}  // namespace

std::string Grouped(std::string_view number) {
  const size_t first = number.starts_with('-') ? 1 : 0;
  const size_t point = std::min(number.find('.'), number.size());
  if (!std::ranges::all_of(number.substr(first, point - first), [](char c) { return c >= '0' && c <= '9'; })) {
    return std::string(number);
  }
  std::string out(number);
  for (size_t at = point; at > first + 3;) {
    at -= 3;
    out.insert(at, ",");
  }
  return out;
}

std::string RoundedToCents(std::string_view exact) {
  const bool minus = exact.starts_with('-');
  const std::string_view size = exact.substr(minus ? 1 : 0);
  const size_t point = std::min(size.find('.'), size.size());
  std::string digits(size.substr(0, point));
  const std::string_view decimals = size.substr(std::min(point + 1, size.size()));
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (digits.empty() || !std::ranges::all_of(digits, is_digit) || !std::ranges::all_of(decimals, is_digit)) {
    return std::string(exact);
  }
  for (size_t i = 0; i < 2; ++i) digits += i < decimals.size() ? decimals[i] : '0';
  if (decimals.size() > 2 && decimals[2] >= '5') {
    size_t at = digits.size();
    while (at > 0 && digits[at - 1] == '9') digits[--at] = '0';
    if (at > 0) {
      ++digits[at - 1];
    } else {
      digits.insert(0, 1, '1');
    }
  }
  const bool zero = digits.find_first_not_of('0') == std::string::npos;
  digits.insert(digits.size() - 2, 1, '.');
  return (minus && !zero ? "-" : "") + digits;
}

Html Usd(std::string_view exact) {
  const auto dollars = [](std::string_view amount) {
    const bool minus = amount.starts_with('-');
    return (minus ? "−$" : "$") + Grouped(amount.substr(minus ? 1 : 0));
  };
  const size_t point = exact.find('.');
  const bool more =
      point != std::string_view::npos && exact.find_first_not_of('0', point + 3) != std::string_view::npos;
  const std::string text = dollars(RoundedToCents(exact));
  return more ? Tag("span", {{"title", dollars(exact)}}, {text}) : Html(text);
}

Html Moment(std::string_view iso) {
  const std::string text(iso);
  if (text.size() < 16) return text;
  return Tag("time", {{"datetime", text}, {"title", text}}, {text.substr(0, 10) + " " + text.substr(11, 5)});
}

Html Moment(const std::optional<Instant>& at) {
  return at ? Moment(FormatInstant(*at)) : Html("–");
}

Html Badge(std::string_view word) {
  std::string css_class = "badge ";
  for (const char c : word) css_class += (c >= 'a' && c <= 'z') ? c : '-';
  return Tag("span", {{"class", css_class}}, {word});
}

Html ObjectLink(const std::string& id) {
  return Tag("a", {{"class", "id"}, {"href", "/objects/" + UrlEncoded(id)}}, {id});
}

Html EventLink(const std::string& id) {
  return Tag("a", {{"class", "id"}, {"href", "/events/" + UrlEncoded(id)}}, {id});
}

Html UserLink(const std::string& id, const std::optional<std::string>& email) {
  return Link("/users/" + UrlEncoded(id), email.value_or(id));
}

Html TableOf(const Listing& listing, const TableLook& look) {
  if (listing.rows.empty()) return Tag("p", {{"class", "empty"}}, {look.empty});
  std::vector<size_t> shown;
  for (size_t i = 0; i < listing.columns.size(); ++i) {
    if (IsShown(listing, look, i)) shown.push_back(i);
  }
  Html heads, body;
  for (const size_t i : shown) {
    const Column& column = listing.columns[i];
    heads += Tag("th", {{"scope", "col"}, {"class", NumberClass(IsNumeric(column.kind))}, {"title", column.about}},
                 {column.title});
  }
  for (size_t row = 0; row < listing.rows.size(); ++row) {
    Html cells;
    for (const size_t i : shown) {
      const Column& column = listing.columns[i];
      const auto own = look.cell ? look.cell(row, column) : std::nullopt;
      const auto exact = IsNumeric(column.kind) ? listing.rows[row][i] : std::nullopt;
      const Html content = own ? *own : CellHtml(listing, row, i);
      cells += Tag("td", {{"class", CellClass(IsNumeric(column.kind), content)}, {"data-v", exact}}, {content});
    }
    body += Tag("tr", {cells});
  }
  return Scrolling(
      look, Tag("table", {{"id", NonEmpty(look.id)}}, {Tag("thead", {Tag("tr", {heads})}), Tag("tbody", {body})}));
}

Html PlainTable(const std::vector<std::string>& heads, const std::vector<std::vector<Html>>& rows,
                const std::vector<bool>& numeric, const TableLook& look) {
  if (rows.empty()) return Tag("p", {{"class", "empty"}}, {look.empty});
  const auto is_numeric = [&](size_t i) { return i < numeric.size() && numeric[i]; };
  Html head, body;
  for (size_t i = 0; i < heads.size(); ++i) {
    head += Tag("th", {{"scope", "col"}, {"class", NumberClass(is_numeric(i))}}, {heads[i]});
  }
  for (const auto& row : rows) {
    Html cells;
    for (size_t i = 0; i < row.size(); ++i) cells += Tag("td", {{"class", CellClass(is_numeric(i), row[i])}}, {row[i]});
    body += Tag("tr", {cells});
  }
  return Scrolling(
      look, Tag("table", {{"id", NonEmpty(look.id)}}, {Tag("thead", {Tag("tr", {head})}), Tag("tbody", {body})}));
}

Html Pager(const PageCall& call, const std::optional<std::string>& next) {
  std::vector<std::pair<std::string, std::string>> first, further;
  for (const auto& [name, value] : call.request.query) {
    if (name != "after" && name != "notice" && name != "n") first.emplace_back(name, value);
  }
  Html links;
  if (call.request.FindQuery("after")) links += Link(Url(call.request.path, first), "First page");
  if (next) {
    further = first;
    further.emplace_back("after", *next);
    links += Tag("a", {{"href", Url(call.request.path, further)}, {"rel", "next"}}, {"Next page"});
  }
  return links.empty() ? Html() : Tag("nav", {{"class", "pager"}, {"aria-label", "Pages"}}, {links});
}

Html FilterForm(const std::string& path, std::initializer_list<Html> fields) {
  Html inside;
  for (const Html& field : fields) inside += field;
  return Tag("form", {{"method", "get"}, {"action", path}, {"class", "filter"}, {"role", "search"}},
             {inside, Button("Show")});
}

Html SearchField(const char* name, const char* label, const std::string& value, const char* hint) {
  return Tag(
      "label",
      {Tag("span", {label}),
       Tag("input",
           {{"type", "search"}, {"name", name}, {"value", value}, {"placeholder", hint}, {"autocomplete", "off"}})});
}

Html Choice(const char* name, const char* label, const std::string& value, const std::vector<std::string>& options,
            const char* any) {
  Html list;
  if (any != nullptr) list += Tag("option", {{"value", ""}}, {any});
  bool found = value.empty();
  for (const auto& option : options) {
    found = found || option == value;
    list += Tag("option", {{"value", option}, If(option == value, "selected")}, {option});
  }
  if (!found) list += Tag("option", {{"value", value}, {"selected", ""}}, {value});
  return Tag("label", {Tag("span", {label}), Tag("select", {{"name", name}}, {list})});
}

Html Card(const Html& title, const Html& body, const char* css_class) {
  return Tag("section", {{"class", std::string("card ") + (css_class == nullptr ? "" : css_class)}},
             {Tag("h2", {title}), body});
}

Html Figure(const char* name, const Html& value, const Html& below, const char* tone) {
  return Tag("div", {{"class", std::string("figure ") + (tone == nullptr ? "" : tone)}},
             {Tag("div", {{"class", "name"}}, {name}), Tag("div", {{"class", "value"}}, {value}),
              below.empty() ? Html() : Tag("div", {{"class", "below"}}, {below})});
}

Html Facts(const std::vector<std::pair<std::string, Html>>& facts) {
  Html list;
  for (const auto& [name, value] : facts) list += Tag("div", {Tag("dt", {name}), Tag("dd", {value})});
  return Tag("dl", {{"class", "facts"}}, {list});
}

}  // namespace billsync::console
