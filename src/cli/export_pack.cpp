#include "export_pack.h"

#include <iostream>
#include <memory>

#include "billsync/base/json_writer.h"
#include "billsync/report/pack.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

constexpr size_t kListedRows = 200;

struct PackOptions {
  std::string period;
  std::vector<std::string> formats = {"csv", "xlsx"};
  std::string output;
};

int Pack(const Context& context, const PackOptions& options) {
  const report::ExportRequest request{.period = ReadPeriod(options.period),
                                      .items = report::PackItems(ReadFormats(options.formats))};
  const std::string directory = options.output.empty() ? "pack-" + request.period.Text() : options.output;
  auto session = context.Connect("export");
  BeginAudited(context, session);
  ProgressBar bar("rows");
  const auto manifest =
      report::ExportPack(session, request, directory, [&](int64_t rows, int64_t total) { bar.Update(rows, total); });
  PrintManifest(context, manifest, directory);
  return kDone;
}

int Verify(const Context& context, const std::string& directory) {
  report::PackCheck check = [&] {
    ProgressBar bar("bytes");
    return report::VerifyPack(directory, [&](int64_t bytes, int64_t total) { bar.Update(bytes, total); });
  }();
  if (context.json) {
    JsonArray faults;
    for (const auto& fault : check.faults) {
      faults.AddRaw(JsonObject().Add("file", fault.file).Add("what", fault.what).Text());
    }
    JsonObject out;
    out.Add("directory", directory).Add("period", check.manifest.period.Text());
    out.Add("files", static_cast<int64_t>(check.manifest.files.size())).AddRaw("faults", faults.Text());
    std::cout << out.Text() << "\n";
  } else {
    for (const auto& fault : check.faults) std::cout << Bad(fault.file) << " " << fault.what << "\n";
    std::cout << check.manifest.files.size() << " files of " << check.manifest.period.Text() << ", as of "
              << FormatInstant(check.manifest.as_of) << ": "
              << (check.faults.empty() ? Good("as the manifest says")
                                       : Bad(std::to_string(check.faults.size()) + " faults"))
              << "\n";
  }
  return check.faults.empty() ? kDone : kNeedsAttention;
}

std::string_view Name(report::RowDifference::Kind kind) {
  switch (kind) {
    case report::RowDifference::Kind::kAdded:
      return "added";
    case report::RowDifference::Kind::kRemoved:
      return "removed";
    case report::RowDifference::Kind::kChanged:
      return "changed";
  }
  return "";
}

void PrintDiff(const report::PackDiff& diff) {
  for (const auto& file : diff.only_before) std::cout << file << " is in the first pack only\n";
  for (const auto& file : diff.only_after) std::cout << file << " is in the second pack only\n";
  Table totals({"FILE", "CURRENCY", "TOTAL", "BEFORE", "AFTER"});
  for (const auto& t : diff.totals) totals.AddRow({t.file, t.currency, t.total, t.before, t.after});
  if (!totals.empty()) totals.Print();
  for (const auto& row : diff.rows) {
    std::cout << Name(row.kind) << "  " << row.file << "  " << row.key << "\n";
    for (const auto& value : row.values) {
      std::cout << "    " << value.column << ": " << value.before << " → " << value.after << "\n";
    }
  }
  if (diff.Same()) {
    std::cout << Good("no difference") << "\n";
    return;
  }
  const int64_t rows = diff.added + diff.removed + diff.changed;
  std::cout << diff.added << " rows added, " << diff.removed << " removed, " << diff.changed << " changed";
  if (rows > static_cast<int64_t>(diff.rows.size())) std::cout << "; the first " << diff.rows.size() << " are listed";
  std::cout << "\n";
}

void PrintDiffJson(const report::PackDiff& diff) {
  const auto names = [](const std::vector<std::string>& files) {
    JsonArray array;
    for (const auto& file : files) array.AddRaw(JsonQuote(file));
    return array.Text();
  };
  JsonArray totals, rows;
  for (const auto& t : diff.totals) {
    JsonObject one;
    one.Add("file", t.file).Add("currency", t.currency).Add("total", t.total).Add("before", t.before);
    totals.AddRaw(one.Add("after", t.after).Text());
  }
  for (const auto& row : diff.rows) {
    JsonArray values;
    for (const auto& v : row.values) {
      values.AddRaw(JsonObject().Add("column", v.column).Add("before", v.before).Add("after", v.after).Text());
    }
    JsonObject one;
    one.Add("kind", Name(row.kind)).Add("file", row.file).Add("key", row.key);
    rows.AddRaw(one.AddRaw("values", values.Text()).Text());
  }
  JsonObject out;
  out.AddRaw("only_before", names(diff.only_before)).AddRaw("only_after", names(diff.only_after));
  out.AddRaw("totals", totals.Text()).Add("added", diff.added).Add("removed", diff.removed);
  std::cout << out.Add("changed", diff.changed).AddRaw("rows", rows.Text()).Text() << "\n";
}

int Diff(const Context& context, const std::string& before, const std::string& after) {
  const auto diff = report::DiffPacks(before, after, kListedRows);
  if (context.json) {
    PrintDiffJson(diff);
  } else {
    PrintDiff(diff);
  }
  return diff.Same() ? kDone : kNeedsAttention;
}

}  // namespace

report::PeriodRange ReadPeriod(const std::string& text) {
  if (text.empty()) return report::PeriodRange::Of(billing::Month::Of(SystemNow()));
  const auto period = report::PeriodRange::Parse(text);
  if (!period) {
    throw CliError(kUsage, "--period must be a month such as 2026-10, or 2026-01..2026-10, not '" + text + "'");
  }
  return *period;
}

std::vector<report::Format> ReadFormats(const std::vector<std::string>& names) {
  std::vector<report::Format> formats;
  for (const auto& name : names) {
    const auto format = report::ParseFormat(name);
    if (!format) throw CliError(kUsage, "--format must be of csv, jsonl, xlsx and focus, not '" + name + "'");
    formats.push_back(*format);
  }
  return formats;
}

void PrintManifest(const Context& context, const report::Manifest& manifest, const std::string& where) {
  if (context.json) {
    std::cout << manifest.Json();
    return;
  }
  for (const auto& file : manifest.files) {
    std::cout << file.name << ": " << file.rows << " rows, sha256 " << file.sha256 << "\n";
    for (const auto& [currency, totals] : file.totals) {
      std::cout << "  " << currency;
      for (const auto& [name, value] : totals) std::cout << "  " << name << " " << value;
      std::cout << "\n";
    }
  }
  std::cout << "written to " << where << " with manifest.json\n";
}

void AddPackCommands(CLI::App& command, Context& context) {
  auto* pack = command.add_subcommand("pack", "every report of a period from one snapshot, as one directory");
  const auto options = std::make_shared<PackOptions>();
  pack->add_option("--period", options->period, "YYYY-MM or YYYY-MM..YYYY-MM; without it the current month (UTC)");
  pack->add_option("--format", options->formats, "csv, jsonl, xlsx, focus: one or several with commas")
      ->delimiter(',')
      ->capture_default_str();
  pack->add_option("--output", options->output, "the directory to make; without it pack-PERIOD");
  AddJsonFlag(*pack, context);
  pack->callback([&context, options] {
    context.audited = {"export", "pack " + options->period};
    context.run = [&context, options] { return Pack(context, *options); };
  });

  auto* verify =
      command.add_subcommand("verify", "compare files, sums and rows with their manifest (exit 3 if any differ)");
  const auto directory = std::make_shared<std::string>();
  verify->add_option("DIR", *directory, "what export wrote")->required()->check(CLI::ExistingDirectory);
  AddJsonFlag(*verify, context);
  verify->callback(
      [&context, directory] { context.run = [&context, directory] { return Verify(context, *directory); }; });

  auto* diff = command.add_subcommand("diff", "which rows and totals differ between two exports (exit 3 if any)");
  const auto both = std::make_shared<std::pair<std::string, std::string>>();
  diff->add_option("DIR1", both->first, "the earlier one")->required()->check(CLI::ExistingDirectory);
  diff->add_option("DIR2", both->second, "the later one")->required()->check(CLI::ExistingDirectory);
  AddJsonFlag(*diff, context);
  diff->callback(
      [&context, both] { context.run = [&context, both] { return Diff(context, both->first, both->second); }; });
}

}  // namespace billsync::cli
