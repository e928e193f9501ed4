// alkaid heap show: what is in a heap file.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "alkaid/base/number_text.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/base/time_text.h"
#include "alkaid/heap/reports/heap_diff.h"
#include "alkaid/heap/reports/heap_file.h"
#include "tools/commands.h"
#include "tools/heap/heap_report.h"
#include "tools/support/exit_code.h"
#include "tools/support/json_report.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using internal::DurationText;
using internal::Grouped;
using internal::Printable;

struct ShowOptions {
  std::string file;
  HeapReportOptions report;
};

void PrintBlocks(const heap::HeapSnapshot& snapshot, const heap::HeapDiff& all,
                 HeapReport* report) {
  const auto chosen = report->Chosen(all.new_blocks, snapshot);
  std::printf("\nBlocks:\n");
  for (const std::string& line : report->BlockLines(chosen, snapshot)) {
    std::printf("  %s\n", line.c_str());
  }
  if (chosen.size() < all.new_blocks.size()) {
    std::printf("  the largest %zu of %s; --top 0 lists all\n", chosen.size(),
                Grouped(static_cast<int64_t>(all.new_blocks.size())).c_str());
  }
}

void PrintJson(const ShowOptions& options, const heap::HeapSnapshot& snapshot,
               const heap::HeapDiff& all, HeapReport* report) {
  nlohmann::ordered_json head = SnapshotJson(options.file, snapshot);
  head["oldest_ns"] = all.total.oldest_ns;
  nlohmann::ordered_json groups = report->GroupsJson();
  // The pools in the head have more details.
  groups.erase("pools");
  head.update(groups);
  JsonReport json(head, "blocks");
  if (options.report.blocks) {
    for (const uint32_t i : report->Chosen(all.new_blocks, snapshot)) {
      json.Add(report->BlockJson(i, snapshot));
    }
  }
  json.Finish(absl::OkStatus(), nlohmann::ordered_json::object());
}

int Run(const ShowOptions& options) {
  const auto read = heap::ReadHeapFile(options.file);
  if (!read.ok()) return ReportStatus(read.status());
  const heap::HeapSnapshot nothing;
  const heap::HeapDiff all = heap::Diff(nothing, *read);
  HeapReport report(nothing, *read, all, options.report, /*only_one=*/true);
  if (options.report.json) {
    PrintJson(options, *read, all, &report);
    return kExitOk;
  }
  const std::string name = read->contents().name;
  const std::string title = "Heap" + (name.empty() ? "" : " \"" + Printable(name) + "\"");
  std::printf("%s: %s\n  %s\n", title.c_str(), ProcessText(*read).c_str(),
              MomentText(*read).c_str());
  // "24,280,536 allocated, in 35,636 blocks", as gdb-heap prints it.
  const std::string bytes = report.Bytes(read->bytes());
  std::printf("%s allocated, in %s", bytes.substr(0, bytes.rfind(' ')).c_str(),
              report.Blocks(read->block_count()).c_str());
  if (!all.new_blocks.empty()) {
    std::printf("; the oldest has been there for %s", DurationText(all.total.oldest_ns).c_str());
  }
  std::printf("\n");
  if (options.report.blocks) PrintBlocks(*read, all, &report);
  report.PrintGroups();
  report.PrintNotes();
  return kExitOk;
}

}  // namespace

void AddHeapShowCommand(CLI::App& heap, int* exit_code) {
  CLI::App* command = heap.add_subcommand(
      "show",
      "Print what is live in a heap file: totals, and by label, pool, category and traceback.");
  auto options = std::make_shared<ShowOptions>();
  command->add_option("FILE", options->file, "A heap file")->required();
  options->report.AddOptions(*command);
  command->add_flag("--blocks", options->report.blocks, "List the largest blocks, by address");
  SetDetails(
      command,
      {.reads =
           "a heap file, which `alkaid run --heap-at-exit` makes, or a signal (ALKAID_HEAP_SIGNAL)",
       .prints = "totals, and lists of what holds most; or one JSON object",
       .examples = {{"alkaid heap show --by label app.heap",
                     "Who holds memory, by the labels of the program."}},
       .exit_codes = ExitCodesOfReaders()});
  command->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
