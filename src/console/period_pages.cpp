#include "billsync/admin/reading.h"
#include "pages.h"
#include "table.h"

namespace billsync::console {
namespace {

Html PeriodLink(const std::string& period) {
  return Link("/periods/" + UrlEncoded(period), period);
}

Html CloseForm(const PageCall& call, const std::string& period) {
  const Html sure = Tag("label", {{"class", "check"}},
                        {Tag("input", {{"type", "checkbox"}, {"name", "sure"}, {"value", "yes"}, {"required", ""}}),
                         "Closing is for good: nobody can change or reopen the month."});
  return PostForm(call, "/periods/" + UrlEncoded(period) + "/close", {sure, Button("Verify and close", "primary")},
                  "stack");
}

Html AdjustForm(const PageCall& call, const std::string& period) {
  const auto field = [](const char* name, const char* label, const char* hint) {
    return Tag("label",
               {Tag("span", {label}),
                Tag("input", {{"name", name}, {"required", ""}, {"placeholder", hint}, {"autocomplete", "off"}})});
  };
  return PostForm(call, "/periods/" + UrlEncoded(period) + "/adjust",
                  {field("user_id", "User id", "users.id"), field("amount_usd", "Amount in USD", "-12.50"),
                   field("reason", "Reason", "for finance"), Button("Book adjustment")},
                  "filter");
}

Html Packs(const std::string& period) {
  Html links;
  for (const char* report : {"usage", "invoices", "margin", "adjustments"}) {
    links += Tag("a",
                 {{"class", "button"},
                  {"href", Url("/api/v1/" + std::string(report), {{"period", period}, {"format", "xlsx"}})},
                  {"download", std::string(report) + "-" + period + ".xlsx"}},
                 {std::string(report) + ".xlsx"});
  }
  return Tag("p", {{"class", "downloads"}}, {Tag("span", {"Download: "}), links});
}

Html State(const admin::Listing& period) {
  const auto value = [&](const char* name) { return period.At(0, name).value_or("–"); };
  std::vector<std::pair<std::string, Html>> facts = {
      {"State", Badge(value("state"))},           {"Cost", Usd(value("total_cost_usd"))},
      {"Runs", Grouped(value("total_runs"))},     {"Tokens", Grouped(value("total_tokens"))},
      {"Users", Grouped(value("users"))},         {"Adjustments", value("adjustments")},
      {"Adjusted by", Usd(value("adjusted_usd"))}};
  if (period.At(0, "drifts")) {
    facts.emplace_back("Last verification", value("drifts") == "0" ? Badge("exact") : Badge("drift"));
    facts.emplace_back("Verified", Moment(value("checked_at")));
  }
  if (period.At(0, "closed_at")) {
    facts.emplace_back("Closed", Moment(value("closed_at")));
    facts.emplace_back("By", value("closed_by"));
    facts.emplace_back("SHA-256", Tag("span", {{"class", "id wrap"}}, {value("usage_sha256")}));
  }
  return Facts(facts);
}

// What came of the newest request to close the month, or how far it is; app.js keeps that up to date.
Html Request(const admin::PeriodPage& found, const std::string& period) {
  const usage::CloseRequest& request = *found.request;
  if (!request.finished_at) {
    const std::string far = found.progress ? found.progress->Text() : "waiting for the job close";
    return Tag("p", {{"class", "notice"}, {"role", "status"}, {"data-close", "/api/v1/periods/" + UrlEncoded(period)}},
               {far});
  }
  return Facts({{"Asked for", Moment(request.requested_at)},
                {"By", request.requested_by},
                {"Outcome", Badge(request.outcome.value_or(""))},
                {"Detail", Tag("span", {{"class", "wrap"}}, {request.detail.value_or("")})}});
}

}  // namespace

http::Response PeriodsPage(const PageCall& call) {
  auto page = admin::PageKey::Read(call.request, admin::KeyShape::kMonth);
  if (!page) return FaultPage(call, 400, page.error().detail);
  if (!call.request.FindQuery("limit")) page->limit = 24;
  auto session = call.parts.pool->Acquire();
  const auto periods = admin::ListPeriods(*session, *page);
  TableLook look{.caption = "Periods", .empty = "No month has usage yet.", .hidden = {"checked_at"}};
  look.cell = [&](size_t row, const admin::Column& column) -> std::optional<Html> {
    const std::string_view name = column.name;
    if (name == "period") return PeriodLink(periods.At(row, "period").value_or(""));
    if (name != "usage_sha256" || !periods.At(row, "usage_sha256")) return std::nullopt;
    const std::string hash = *periods.At(row, "usage_sha256");
    return Tag("span", {{"class", "id"}, {"title", hash}}, {hash.substr(0, 12) + "…"});
  };
  Html body = Tag("p", {{"class", "lead"}},
                  {"A month is open until it is verified and closed; then nobody can change it, "
                   "and what comes later is an adjustment."});
  body += TableOf(periods, look);
  body += Pager(call, periods.next);
  return Render(call, {.title = "Periods", .section = "periods", .body = body});
}

http::Response PeriodPage(const PageCall& call) {
  const auto page = admin::PageKey::Read(call.request, admin::KeyShape::kNumber);
  const auto month = billing::Month::Parse(call.request.GetPathParam("period"));
  if (!page || !month) return FaultPage(call, 400, "A period is a month such as 2026-10.");
  auto session = call.parts.pool->Acquire();
  const auto found = admin::FindPeriod(*session, *month, *page);
  if (!found) return FaultPage(call, 404, "This month has neither usage nor a state.");
  const bool closed = found->period.At(0, "state") == "closed";
  const bool over = call.parts.clock() >= month->End();
  std::vector<std::vector<Html>> steps;
  for (const auto& step : found->steps) steps.push_back({step.step, Moment(step.done_at), step.done_by, step.detail});

  Html state = State(found->period);
  state += Packs(month->Text());
  Html grid = Card("State", state);
  Html close = PlainTable({"Step", "Done", "By", "Detail"}, steps, {},
                          {.caption = "Steps of closing", .empty = "The close has not begun."});
  const bool asked = found->request && !found->request->finished_at;
  if (found->request) close += Request(*found, month->Text());
  if (!closed && over && !asked && call.IsOps()) close += CloseForm(call, month->Text());
  if (!over) close += Tag("p", {{"class", "empty"}}, {"The month is not over yet."});
  grid += Card("Close", close);
  Html adjustments = TableOf(found->adjustments, {.caption = "Adjustments", .empty = "None."});
  adjustments += Pager(call, found->adjustments.next);
  if (closed && call.IsOps()) adjustments += AdjustForm(call, month->Text());
  grid += Card("Adjustments of this month, and those booked in it", adjustments, "wide");
  return Render(
      call,
      {.title = "Period " + month->Text(), .section = "periods", .body = Tag("div", {{"class", "grid"}}, {grid})});
}

http::Response PostClose(const PageCall& call) {
  const auto month = billing::Month::Parse(call.request.GetPathParam("period"));
  if (!month) return FaultPage(call, 400, "A period is a month such as 2026-10.");
  if (FormValue(call.request, "sure") != "yes") return FaultPage(call, 400, "Tick the box: closing is for good.");
  const auto result = call.parts.actions->Close(call.Asker(), *month);
  if (!result.Done()) return FaultPage(call, result.status, result.detail);
  return RedirectTo(Url("/periods/" + month->Text(), {{"notice", "closing"}}));
}

http::Response PostAdjustment(const PageCall& call) {
  const std::string& period = call.request.GetPathParam("period");
  const auto field = [&](const char* name) { return FormValue(call.request, name); };
  const auto result =
      call.parts.actions->Adjust(call.Asker(), {field("user_id"), period, field("amount_usd"), field("reason")});
  if (!result.Done()) return FaultPage(call, result.status, result.detail);
  return RedirectTo(Url("/periods/" + UrlEncoded(period), {{"notice", "booked"}, {"n", std::to_string(result.count)}}));
}

}  // namespace billsync::console
