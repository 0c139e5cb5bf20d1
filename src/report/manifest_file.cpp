#include "manifest_file.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "billsync/base/log.h"
#include "billsync/stripe/json.h"

namespace billsync::report {
namespace {

using stripe::JsonValue;

std::string TotalsJson(const FileSummary& file) {
  std::string out = "{";
  const char* comma = "\n";
  for (const auto& [currency, totals] : file.totals) {
    out += comma + std::string("        ") + JsonQuote(currency) + ": {";
    const char* inner = "";
    for (const auto& [name, value] : totals) {
      out += inner + JsonQuote(name) + ": " + JsonQuote(value);
      inner = ", ";
    }
    out += "}";
    comma = ",\n";
  }
  return out + (file.totals.empty() ? "}" : "\n      }");
}

std::string FileJson(const FileSummary& file) {
  return "    {\n      \"report\": " + JsonQuote(Name(file.item.report)) +
         ",\n      \"layout\": " + JsonQuote(Name(file.item.layout)) +
         ",\n      \"format\": " + JsonQuote(Name(file.item.format)) + ",\n      \"name\": " + JsonQuote(file.name) +
         ",\n      \"rows\": " + std::to_string(file.rows) + ",\n      \"bytes\": " + std::to_string(file.bytes) +
         ",\n      \"sha256\": " + JsonQuote(file.sha256) + ",\n      \"control_totals\": " + TotalsJson(file) +
         (file.as_of ? ",\n      \"as_of\": " + JsonQuote(FormatInstant(*file.as_of)) : "") + "\n    }";
}

std::string FiltersJson(const RowFilter& filter) {
  std::string out;
  const auto add = [&](const char* name, const std::optional<std::string>& value) {
    if (value) out += (out.empty() ? "" : ", ") + JsonQuote(name) + ": " + JsonQuote(*value);
  };
  add("user", filter.user_id);
  add("tier", filter.plan_tier);
  add("team", filter.team_id);
  return "{" + out + "}";
}

std::string MonthsJson(const std::vector<MonthState>& months) {
  std::string out;
  for (const auto& month : months) {
    out += (out.empty() ? "" : ",") + std::string("\n    {\"month\": ") + JsonQuote(month.month) +
           ", \"state\": " + JsonQuote(month.closed ? "closed" : "open") +
           ", \"usage_sha256\": " + (month.closed ? JsonQuote(month.usage_sha256) : "null") + "}";
  }
  return "[" + out + "\n  ]";
}

// A member that must be there and right.
std::string GetText(JsonValue object, const char* name) {
  const auto text = object.Find(name).Text();
  if (!text) throw std::runtime_error(std::string("\"") + name + "\" is missing or no text");
  return std::string(*text);
}

int64_t GetInt(JsonValue object, const char* name) {
  const auto number = object.Find(name).Int64();
  if (!number) throw std::runtime_error(std::string("\"") + name + "\" is missing or no whole number");
  return *number;
}

template <typename T>
T GetNamed(JsonValue object, const char* name, std::optional<T> (*parse)(std::string_view)) {
  const auto value = parse(GetText(object, name));
  if (!value) throw std::runtime_error(std::string("\"") + name + "\" is nothing this program knows");
  return *value;
}

std::optional<std::string> FindText(JsonValue object, const char* name) {
  const auto text = object.Find(name).Text();
  return text ? std::optional(std::string(*text)) : std::nullopt;
}

FileSummary ReadFile(JsonValue entry) {
  FileSummary file;
  file.item = {GetNamed(entry, "report", ParseReport), GetNamed(entry, "layout", ParseLayout),
               GetNamed(entry, "format", ParseFormat)};
  file.name = GetText(entry, "name");
  // A manifest from elsewhere must not lead out of its directory.
  if (file.name.empty() || file.name.find('/') != std::string::npos || file.name.front() == '.') {
    throw std::runtime_error("\"name\" is no file's name");
  }
  file.rows = GetInt(entry, "rows");
  file.bytes = GetInt(entry, "bytes");
  file.sha256 = GetText(entry, "sha256");
  if (const auto as_of = FindText(entry, "as_of")) file.as_of = ParseInstant(*as_of);
  for (const auto& [currency, totals] : entry.Find("control_totals").Members()) {
    auto& sums = file.totals[std::string(currency)];
    for (const auto& [name, value] : totals.Members()) sums.emplace(name, value.Text().value_or(""));
  }
  return file;
}

Manifest Read(JsonValue root) {
  Manifest manifest{.period = GetNamed(root, "period", PeriodRange::Parse)};
  manifest.period_state = GetText(root, "period_state");
  for (const JsonValue month : root.Find("months").Elements()) {
    manifest.months.push_back(
        {GetText(month, "month"), GetText(month, "state") == "closed", FindText(month, "usage_sha256").value_or("")});
  }
  const JsonValue filters = root.Find("filters");
  manifest.filter = {FindText(filters, "user"), FindText(filters, "tier"), FindText(filters, "team")};
  const auto as_of = ParseInstant(GetText(root, "as_of"));
  if (!as_of) throw std::runtime_error("\"as_of\" is no moment");
  manifest.as_of = *as_of;
  manifest.schema_version = static_cast<int>(GetInt(root, "schema_version"));
  manifest.program_version = GetText(root, "program_version");
  for (const JsonValue entry : root.Find("files").Elements()) manifest.files.push_back(ReadFile(entry));
  return manifest;
}

}  // namespace

std::string Manifest::Json() const {
  std::string out = "{\n  \"period\": " + JsonQuote(period.Text()) +
                    ",\n  \"period_start\": " + JsonQuote(FormatInstant(period.first.Start())) +
                    ",\n  \"period_end\": " + JsonQuote(FormatInstant(period.last.End())) +
                    ",\n  \"period_state\": " + JsonQuote(period_state) + ",\n  \"months\": " + MonthsJson(months) +
                    ",\n  \"filters\": " + FiltersJson(filter) + ",\n  \"as_of\": " + JsonQuote(FormatInstant(as_of)) +
                    ",\n  \"schema_version\": " + std::to_string(schema_version) +
                    ",\n  \"program_version\": " + JsonQuote(program_version) + ",\n  \"files\": [\n";
  for (size_t i = 0; i < files.size(); ++i) out += (i == 0 ? "" : ",\n") + FileJson(files[i]);
  return out + "\n  ]\n}\n";
}

Manifest ReadManifest(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw std::runtime_error("cannot read " + path);
  const auto document = stripe::JsonDocument::Parse(text.str());
  try {
    if (!document) throw std::runtime_error("it is not JSON");
    return Read(document->Root());
  } catch (const std::runtime_error& e) {
    throw std::runtime_error(path + " is no manifest of an export: " + e.what());
  }
}

}  // namespace billsync::report
