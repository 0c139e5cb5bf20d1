#include "snapshot.h"

#include <stdexcept>

#include "billsync/base/version.h"
#include "billsync/db/migrator.h"
#include "report/report_sql.h"

namespace billsync::report {
namespace {

// How often progress is told.
constexpr int64_t kRowsPerNotice = 2000;
// PostgreSQL and spreadsheets could take more, readers could not.
constexpr int64_t kMostModels = 1000;

// Where the wide layout's column of all costs stands in the query; the columns' size when there is none.
size_t SplitColumn(const ReportShape& shape) {
  return shape.columns.size() - shape.models.size();
}

// The shape's columns, and nothing that costs time and is not written.
std::string OrderedRows(const ReportShape& shape, bool with_key) {
  std::string columns;
  for (size_t i = 0; i < SplitColumn(shape); ++i) {
    columns += (i == 0 ? "r." : ", r.") + shape.columns[i].SqlName();
  }
  if (!shape.models.empty()) columns += ", r.costs";
  if (with_key) columns += ", r.row_key";
  return "SELECT " + columns + " FROM (" + shape.query->sql + ") r ORDER BY " + shape.order;
}

// The row's cells, taken apart where several stand in one.
void SplitCells(const ReportShape& shape, const db::Transaction::Fields& fields, Cells& cells) {
  const size_t plain = SplitColumn(shape);
  cells.assign(fields.begin(), fields.begin() + static_cast<std::ptrdiff_t>(plain));
  if (shape.models.empty()) return;
  std::string_view costs = fields[plain].value_or("");
  while (cells.size() < shape.columns.size()) {
    const size_t comma = costs.find(',');
    const std::string_view cost = costs.substr(0, comma);
    cells.push_back(cost.empty() ? std::nullopt : std::optional(cost));
    costs.remove_prefix(comma == std::string_view::npos ? costs.size() : comma + 1);
  }
}

// A query without its comments and with the values of its parameters. Comments go first: a value may have several
// lines.
std::string WithValues(std::string_view query, const db::Params& params) {
  std::string out;
  while (!query.empty()) {
    const std::string_view line = query.substr(0, query.find('\n'));
    query.remove_prefix(std::min(query.size(), line.size() + 1));
    if (line.starts_with("--")) continue;
    for (size_t i = 0; i < line.size(); ++i) {
      if (line[i] != '$') {
        out += line[i];
      } else {
        const auto number = static_cast<size_t>(line.at(++i) - '1');  // there are fewer than ten
        out += db::Literal(params.values().at(number));
      }
    }
    out += '\n';
  }
  return out;
}

// SUM of each column with a control total, by currency. Of the wide layout each model's sum is taken out of the array
// that its costs are in.
std::string TotalsText(const ReportShape& shape) {
  std::string sums;
  bool currencies = false;
  const size_t plain = SplitColumn(shape);
  for (size_t i = 0; i < shape.columns.size(); ++i) {
    const Column& column = shape.columns[i];
    currencies = currencies || column.name == "currency";
    if (!column.totalled) continue;
    const std::string value =
        i < plain ? "r." + column.SqlName()
                  : "nullif((string_to_array(r.costs, ','))[" + std::to_string(i - plain + 1) + "], '')::numeric";
    sums += ", coalesce(sum(" + value + "), 0)::numeric(60, " + std::to_string(std::max(column.scale, 0)) +
            ")::text AS total_" + std::to_string(i);
  }
  const std::string currency = currencies ? "r.currency" : "'USD'::text";
  return "SELECT " + currency + " AS currency, count(*) AS rows" + sums + " FROM (" + shape.query->sql + ") r" +
         (currencies ? " GROUP BY r.currency ORDER BY r.currency COLLATE \"C\"" : "");
}

}  // namespace

Snapshot::Snapshot(db::Session& session, const PeriodRange& period)
    : tx_(session, {.read_only = true, .snapshot = true, .statement_timeout = std::chrono::hours(1)}),
      period_(period),
      facts_{.period = period,
             .as_of = tx_.Exec(sql::kSnapshotMoment).Only().At("as_of"),
             .schema_version = db::SchemaVersion(),
             .program_version = ProgramVersion()} {
  size_t closed = 0;
  Instant last_closed{};
  for (const db::Row row :
       tx_.Exec(sql::kPeriodStates, db::Params::Of(period.first.FirstDay(), period.last.Next().FirstDay()))) {
    const auto closed_at = row.OptAt("closed_at");
    facts_.months.push_back({row.Text("month"), closed_at.has_value(), row.OptText("usage_sha256").value_or("")});
    if (!closed_at) continue;
    ++closed;
    last_closed = std::max(last_closed, *closed_at);
  }
  facts_.period_state = closed == 0 ? "open" : closed == facts_.months.size() ? "closed" : "partly closed";
  if (closed == facts_.months.size()) facts_.as_of = last_closed;
}

ReportShape Snapshot::Shape(const ReportItem& item) {
  if (const auto refusal = Refusal(item)) throw std::invalid_argument(*refusal);
  std::vector<std::string> models;
  if (item.layout == Layout::kWide) {
    const auto ends = db::Params::Of(period_.first.FirstDay(), period_.last.Next().FirstDay(), kMostModels);
    for (const db::Row row : tx_.Exec(sql::kUsageModels, ends)) models.push_back(row.Text("model"));
    if (static_cast<int64_t>(models.size()) > kMostModels) {
      throw std::invalid_argument("the period has more than " + std::to_string(kMostModels) +
                                  " models, too many for a column each; take the layout long");
    }
  }
  return ShapeOf(item, models);
}

db::Params Snapshot::ParamsOf(const ReportShape& shape, const RowFilter& filter, const std::string& after) const {
  auto params = db::Params::Of(period_.first.FirstDay(), period_.last.Next().FirstDay(), filter.user_id,
                               filter.plan_tier, filter.team_id, after.empty() ? std::nullopt : std::optional(after));
  if (shape.query == &sql::kUsageWide) params.Add(shape.models);
  if (shape.query == &sql::kInvoices) params.Add(ParseInstant(std::string_view(after).substr(0, after.find('/'))));
  return params;
}

std::pair<Totals, int64_t> Snapshot::ReadTotals(const ReportShape& shape, const RowFilter& filter) {
  const std::string text = TotalsText(shape);
  Totals totals;
  int64_t rows = 0;
  for (const db::Row row : tx_.Exec("report.Totals", text, ParamsOf(shape, filter, ""))) {
    rows += row.Int("rows");
    auto& sums = totals[row.Text("currency")];
    for (size_t i = 0; i < shape.columns.size(); ++i) {
      if (shape.columns[i].totalled) {
        sums.emplace(shape.columns[i].name, row.Text(("total_" + std::to_string(i)).c_str()));
      }
    }
  }
  return {std::move(totals), rows};
}

int64_t Snapshot::ReadRows(const ReportShape& shape, const RowFilter& filter, const std::vector<RowSink*>& sinks,
                           const std::function<void(int64_t)>& progress) {
  int64_t total = 0;
  Cells cells;
  tx_.Stream("report.Rows", WithValues(OrderedRows(shape, false), ParamsOf(shape, filter, "")),
             [&](const db::Transaction::Fields& fields) {
               SplitCells(shape, fields, cells);
               for (RowSink* sink : sinks) sink->Row(cells);
               if (++total % kRowsPerNotice == 0) progress(total);
             });
  if (total % kRowsPerNotice != 0) progress(total);
  return total;
}

std::string Snapshot::ReadPage(const ReportShape& shape, const RowFilter& filter, const std::string& after,
                               int64_t limit, RowSink& sink) {
  const auto rows = tx_.Exec("report.Page", OrderedRows(shape, true) + " LIMIT " + std::to_string(limit + 1),
                             ParamsOf(shape, filter, after));
  Cells cells;
  db::Transaction::Fields fields;
  std::string last;
  int64_t written = 0;
  for (const db::Row row : rows) {
    if (written++ == limit) return last;
    fields.clear();
    for (size_t i = 0; i <= SplitColumn(shape); ++i) fields.push_back(row.Raw(static_cast<int>(i)));
    SplitCells(shape, fields, cells);
    sink.Row(cells);
    last = row.Text("row_key");
  }
  return "";
}

}  // namespace billsync::report
