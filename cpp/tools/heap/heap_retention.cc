// alkaid heap retention: which roots a heap file's views keep alive, and who made the views.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/number_text.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/retention_report.h"
#include "tools/commands.h"
#include "tools/heap/heap_report.h"
#include "tools/heap/heap_symbols.h"
#include "tools/support/exit_code.h"
#include "tools/support/json_report.h"
#include "tools/support/option_limits.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using heap::RetainedRoot;
using heap::RetentionReport;
using internal::Hex;
using nlohmann::ordered_json;

struct RetentionOptions {
  std::string file;
  int64_t top = 10;
  bool all_frames = false;
  bool json = false;
};

// Text, as most readers of JSON keep only 53 bits of a number; null where unknown.
ordered_json TimeJson(uint64_t nanoseconds) {
  return nanoseconds == heap::kNoTime ? ordered_json() : ordered_json(std::to_string(nanoseconds));
}

ordered_json HolderJson(const RetentionReport& report, const heap::RetentionHolder& holder,
                        HeapSymbols* symbols) {
  ordered_json frames = ordered_json::array();
  for (const uint64_t frame : report.snapshot().frames(holder.stack)) {
    for (const CodePlace& place : symbols->Name(frame)) {
      frames.push_back({{"address", Hex(frame)},
                        {"function", place.function},
                        {"file", place.file},
                        {"line", place.line},
                        {"inlined", place.inlined},
                        {"module", place.module},
                        {"offset", Hex(place.offset)}});
    }
  }
  return {{"views", holder.views},
          {"view_bytes", holder.view_bytes},
          {"visible_bytes", holder.visible_bytes},
          {"thread", holder.thread},
          {"oldest_age_ns", report.AgeOf(holder.oldest_ns)},
          {"frames", frames}};
}

ordered_json RootJson(const RetentionReport& report, const RetainedRoot& root,
                      HeapSymbols* symbols) {
  ordered_json holders = ordered_json::array();
  for (const auto& holder : root.holders) holders.push_back(HolderJson(report, holder, symbols));
  const bool has_birth = root.birth_ns != 0;
  return {
      {"address", Hex(root.address)},
      {"held_bytes", root.held_bytes},
      {"visible_bytes", root.visible_bytes},
      {"ratio", root.ratio()},
      {"views", root.views},
      {"label", root.label},
      {"pool", root.pool},
      {"oldest_view_age_ns", report.AgeOf(root.oldest_ns)},
      {"age_ns", has_birth ? ordered_json(report.AgeOf(root.birth_ns)) : ordered_json()},
      {"source", root.source},
      {"source_offset", root.source_offset < 0 ? ordered_json() : ordered_json(root.source_offset)},
      {"first_time_ns", TimeJson(root.first_time_ns)},
      {"last_time_ns", TimeJson(root.last_time_ns)},
      {"first_visible_time_ns", TimeJson(root.first_visible_time_ns)},
      {"last_visible_time_ns", TimeJson(root.last_visible_time_ns)},
      {"holders", holders}};
}

void PrintJson(const RetentionOptions& options, const RetentionReport& report,
               HeapSymbols* symbols) {
  const heap::RetentionTotals& totals = report.totals();
  ordered_json head = SnapshotJson(options.file, report.snapshot());
  head["root_count"] = totals.roots;
  head["view_count"] = totals.views;
  head["root_bytes"] = totals.root_bytes;
  head["visible_bytes"] = totals.visible_bytes;
  JsonReport json(head, "roots");
  const auto& roots = report.roots();
  const size_t count =
      options.top == 0 ? roots.size() : std::min(roots.size(), static_cast<size_t>(options.top));
  for (size_t i = 0; i < count; ++i) json.Add(RootJson(report, roots[i], symbols));
  json.Finish(absl::OkStatus(), ordered_json::object());
}

void PrintText(const RetentionOptions& options, const RetentionReport& report,
               HeapSymbols* symbols) {
  std::printf("Views: %s\n  %s\n", ProcessText(report.snapshot()).c_str(),
              MomentText(report.snapshot()).c_str());
  heap::RetentionTextOptions text;
  text.top = static_cast<size_t>(options.top);
  text.name_frame = [symbols](uint64_t frame) { return ShownFrame(symbols->Name(frame)).lines; };
  text.all_frames = options.all_frames;
  std::fputs(report.ToString(text).c_str(), stdout);
  if (report.snapshot().contents().lost > 0) {
    std::printf("\nnote: %" PRIu64
                " blocks or views could not be recorded for want of memory, and are missing\n",
                report.snapshot().contents().lost);
  }
  if (report.snapshot().contents().stacks_dropped > 0) {
    std::printf(
        "\nnote: %" PRIu64
        " blocks or views were recorded without a stack trace: there were more different ones "
        "than are kept\n",
        report.snapshot().contents().stacks_dropped);
  }
  for (const std::string& complaint : symbols->complaints()) {
    std::printf("\nnote: %s\n", complaint.c_str());
  }
}

int Run(const RetentionOptions& options) {
  auto snapshot = heap::ReadHeapFile(options.file);
  if (!snapshot.ok()) return ReportStatus(snapshot.status());
  const auto report = RetentionReport::Of(*std::move(snapshot));
  if (!report.ok()) return ReportStatus(report.status());
  HeapSymbols symbols(report->snapshot());
  if (options.json) {
    PrintJson(options, *report, &symbols);
  } else {
    PrintText(options, *report, &symbols);
  }
  return kExitOk;
}

}  // namespace

void AddHeapRetentionCommand(CLI::App& heap, int* exit_code) {
  CLI::App* command = heap.add_subcommand(
      "retention",
      "Print which roots the views in a heap file keep alive: the one that hides most bytes first, "
      "and who made the views.");
  auto options = std::make_shared<RetentionOptions>();
  command->add_option("FILE", options->file, "A heap file of a process that tracked views")
      ->required();
  command
      ->add_option("--top", options->top, "Roots, 0 for all; those of the same places count as one")
      ->check(AtLeast(int64_t{0}))
      ->capture_default_str();
  command->add_flag("--all-frames", options->all_frames, kAllFramesHelp);
  command->add_flag("--json", options->json, "Print JSON, with all frames");
  SetDetails(command,
             {.reads = "a heap file of a process that tracked views (`alkaid run --track --views`)",
              .prints = "the roots that views keep alive; or one JSON object",
              .examples = {{"alkaid heap retention app.heap", ""}},
              .exit_codes = ExitCodesOfReaders()});
  command->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
