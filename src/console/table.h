// Listings as tables, and values as people read them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "billsync/admin/listing.h"
#include "page.h"

namespace billsync::console {

// "1234567.5" → "1,234,567.5"; text that is no number stays.
std::string Grouped(std::string_view number);
// A decimal rounded to two decimals, half away from zero as NUMERIC's round(): "1.2782" → "1.28", "-0.004" → "0.00";
// text that is no decimal stays.
std::string RoundedToCents(std::string_view exact);
// Dollars, rounded like that: "$1,234.56"; with the exact amount in the title where that has more decimals.
Html Usd(std::string_view exact);
// "2026-11-22 13:04", with the exact moment in its title.
Html Moment(std::string_view iso);
Html Moment(const std::optional<Instant>& at);
// A word in a coloured frame.
Html Badge(std::string_view word);
// A link to the object's explanation, the event's page, the user's page, in type of equal width.
Html ObjectLink(const std::string& id);
Html EventLink(const std::string& id);
Html UserLink(const std::string& id, const std::optional<std::string>& email);

struct TableLook {
  std::string id{};       // of the element, for charts
  std::string caption{};  // for those who cannot see where it stands
  std::string empty = "Nothing here.";
  std::vector<std::string> hidden{};  // columns that are not shown
  // Makes a cell other than by its kind; nullopt: by its kind.
  std::function<std::optional<Html>(size_t row, const admin::Column& column)> cell{};
};

// A table in a box that scrolls by itself. Columns without any value are left out, if the rows have a shape of their
// own without them; numbers stand right and carry their exact value for charts.
Html TableOf(const admin::Listing& listing, const TableLook& look = {});

// A table of finished cells: heads, then rows. `numeric` says which columns stand right.
Html PlainTable(const std::vector<std::string>& heads, const std::vector<std::vector<Html>>& rows,
                const std::vector<bool>& numeric = {}, const TableLook& look = {});

// Links to the first and the next page, with the present filter.
Html Pager(const PageCall& call, const std::optional<std::string>& next);

// A search form: GET to `path`.
Html FilterForm(const std::string& path, std::initializer_list<Html> fields);
Html SearchField(const char* name, const char* label, const std::string& value, const char* hint);
// The first option is "any" with an empty value.
Html Choice(const char* name, const char* label, const std::string& value, const std::vector<std::string>& options,
            const char* any = "any");

Html Card(const Html& title, const Html& body, const char* css_class = nullptr);
// A figure with a name, and a line below it.
Html Figure(const char* name, const Html& value, const Html& below = {}, const char* tone = nullptr);
// Names and values.
Html Facts(const std::vector<std::pair<std::string, Html>>& facts);

}  // namespace billsync::console
