// Charts: a canvas that app.js draws from a table of the same page, and small drawings that need no script.
#pragma once

#include <string>
#include <vector>

#include "billsync/admin/listing.h"
#include "html.h"

namespace billsync::console {

// How app.js draws a table: its first column names the points, every other one is a series.
enum class ChartKind { kStackedBars, kBarAndLine };

// The canvas over the table with this id, which stands below it in a box that can be opened.
Html ChartOf(ChartKind kind, const std::string& table_id, const std::string& label, const Html& table);

// Cost by day and model as a table: a row a day from `first` to `last` (days, both included), a column each for the
// models that cost most, the rest together.
Html CostByDayTable(const std::string& id, const admin::Listing& days, const std::string& first,
                    const std::string& last);

// A line of at most 40 values as an SVG, the last one marked; empty for fewer than two.
Html Sparkline(const std::vector<std::string>& values, const std::string& label);

// A bar that is filled to used of quota.
Html QuotaBar(int64_t used, int64_t quota);

}  // namespace billsync::console
