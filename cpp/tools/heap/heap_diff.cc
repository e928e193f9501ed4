// alkaid heap diff: what changed between two heap files.

#include "alkaid/heap/reports/heap_diff.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "alkaid/base/number_text.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/heap/reports/heap_file.h"
#include "tools/commands.h"
#include "tools/heap/heap_report.h"
#include "tools/support/exit_code.h"
#include "tools/support/json_report.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using heap::HeapSnapshot;
using internal::Grouped;
using internal::Printable;
using nlohmann::ordered_json;

struct DiffOptions {
  std::string before;
  std::string after;
  HeapReportOptions report;
};

void PrintBlocks(const char* title, const std::vector<uint32_t>& indices, const HeapSnapshot& of,
                 HeapReport* report) {
  std::printf("\n  %s:\n", title);
  const auto chosen = report->Chosen(indices, of);
  for (const std::string& line : report->BlockLines(chosen, of)) {
    std::printf("    %s\n", line.c_str());
  }
  if (chosen.size() < indices.size()) {
    std::printf("    the largest %zu of %s; --top 0 lists all\n", chosen.size(),
                Grouped(static_cast<int64_t>(indices.size())).c_str());
  }
}

void PrintSide(const char* which, const std::string& file, const HeapSnapshot& snapshot) {
  std::printf("  %-7s %s: %s\n          %s\n", (std::string(which) + ":").c_str(),
              Printable(file).c_str(), ProcessText(snapshot).c_str(), MomentText(snapshot).c_str());
}

void AddBlocks(const char* change, const std::vector<uint32_t>& indices, const HeapSnapshot& of,
               HeapReport* report, JsonReport* json) {
  for (const uint32_t i : report->Chosen(indices, of)) {
    ordered_json entry = {{"change", change}};
    entry.update(report->BlockJson(i, of));
    json->Add(entry);
  }
}

void PrintJson(const DiffOptions& options, const HeapSnapshot& before, const HeapSnapshot& after,
               const heap::HeapDiff& diff, HeapReport* report) {
  ordered_json head = {{"before", SnapshotJson(options.before, before)},
                       {"after", SnapshotJson(options.after, after)},
                       {"same_process", diff.same_process},
                       {"estimated", diff.estimated},
                       {"bytes", diff.total.bytes()},
                       {"block_count", diff.total.blocks()},
                       {"freed_bytes", diff.total.freed_bytes},
                       {"freed_blocks", diff.total.freed_blocks},
                       {"new_bytes", diff.total.new_bytes},
                       {"new_blocks", diff.total.new_blocks}};
  head.update(report->GroupsJson());
  JsonReport json(head, "blocks");
  if (options.report.blocks) {
    AddBlocks("freed", diff.freed_blocks, before, report, &json);
    AddBlocks("new", diff.new_blocks, after, report, &json);
  }
  json.Finish(absl::OkStatus(), ordered_json::object());
}

int Run(const DiffOptions& options) {
  const auto before = heap::ReadHeapFile(options.before);
  if (!before.ok()) return ReportStatus(before.status());
  const auto after = heap::ReadHeapFile(options.after);
  if (!after.ok()) return ReportStatus(after.status());
  const heap::HeapDiff diff = heap::Diff(*before, *after);
  HeapReport report(*before, *after, diff, options.report, /*only_one=*/false);
  if (options.report.json) {
    PrintJson(options, *before, *after, diff, &report);
    return kExitOk;
  }
  const auto name = [](const HeapSnapshot& snapshot, const std::string& file) {
    return Printable(snapshot.contents().name.empty() ? file : snapshot.contents().name);
  };
  std::printf("Changes from %s to %s\n", name(*before, options.before).c_str(),
              name(*after, options.after).c_str());
  PrintSide("before", options.before, *before);
  PrintSide("after", options.after, *after);
  std::printf("  %s, %s\n", report.Bytes(diff.total.bytes()).c_str(),
              report.Blocks(diff.total.blocks()).c_str());
  if (before->contents().taken_unix_ns > after->contents().taken_unix_ns) {
    std::printf(
        "  The first was taken after the second: what is listed as freed is what came later.\n");
  }
  if (!diff.same_process) {
    std::printf(
        "  The two are of different processes, or tracking was restarted: no block is the "
        "same.\n");
  }
  // For two different processes this would list every block, which is of no use.
  if (options.report.blocks || (options.report.by.empty() && diff.same_process)) {
    PrintBlocks("Free-d blocks", diff.freed_blocks, *before, &report);
    PrintBlocks("New blocks", diff.new_blocks, *after, &report);
  }
  report.PrintGroups();
  report.PrintNotes();
  return kExitOk;
}

}  // namespace

void AddHeapDiffCommand(CLI::App& heap, int* exit_code) {
  CLI::App* command = heap.add_subcommand(
      "diff",
      "Print what changed from one heap file to another: blocks that were freed, new blocks, and "
      "by label, pool, category and traceback.");
  auto options = std::make_shared<DiffOptions>();
  command->add_option("BEFORE", options->before, "A heap file")->required();
  command->add_option("AFTER", options->after, "A later one")->required();
  options->report.AddOptions(*command);
  command->add_flag("--blocks", options->report.blocks,
                    "List blocks also with --by, with --json, and of two processes");
  SetDetails(
      command,
      {.reads = "two heap files, of one process or of two",
       .prints = "what was freed, what is new, and lists of what grew most; or one JSON object",
       .examples = {{"alkaid heap diff before.heap after.heap", ""}},
       .exit_codes = ExitCodesOfReaders()});
  command->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
