// `export pack`, `export verify` and `export diff`.
#pragma once

#include "billsync/report/export.h"
#include "context.h"

namespace billsync::cli {

// Adds the three to `export`.
void AddPackCommands(CLI::App& command, Context& context);

// A period or formats as the command line gives them; throws CliError.
report::PeriodRange ReadPeriod(const std::string& text);
std::vector<report::Format> ReadFormats(const std::vector<std::string>& names);

// What was written, for people or as JSON.
void PrintManifest(const Context& context, const report::Manifest& manifest, const std::string& where);

}  // namespace billsync::cli
