// HeapReport: what `alkaid heap show` and `alkaid heap diff` share: their options, and what was
// live or has changed by label, pool, category, thread and stack trace.
//
// Ownership: a HeapReport borrows everything. Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "alkaid/heap/reports/heap_diff.h"
#include "tools/heap/block_categories.h"
#include "tools/heap/heap_symbols.h"

namespace alkaid::tools {

inline constexpr char kAllFramesHelp[] =
    "Show all frames of tracebacks, also those of allocators, of the C and C++ library and of "
    "Alkaid";

struct HeapReportOptions {
  int64_t top = 10;  // entries in each list; 0: all
  std::string by;    // one grouping; empty: label, pool, category and traceback
  bool blocks = false;
  bool all_frames = false;
  bool json = false;

  void AddOptions(CLI::App& command);
};

class HeapReport {
 public:
  // `changes` is Diff(before, after); for a single snapshot `before` is empty.
  HeapReport(const heap::HeapSnapshot& before, const heap::HeapSnapshot& after,
             const heap::HeapDiff& changes, const HeapReportOptions& options, bool only_one);

  // The requested groupings, as text.
  void PrintGroups();
  // Why some names were not found, and which figures are estimates.
  void PrintNotes() const;
  // "labels", "pools", "categories", "threads" and "tracebacks".
  nlohmann::ordered_json GroupsJson();

  // "24,280,536 bytes", "+1,452,176 bytes", with a ~ if it is an estimate.
  std::string Bytes(int64_t bytes) const;
  std::string Blocks(int64_t blocks) const;
  // The blocks to list, by address: the largest ones, or all if requested.
  std::vector<uint32_t> Chosen(const std::vector<uint32_t>& indices,
                               const heap::HeapSnapshot& of) const;
  // A line for each of these blocks: its range, bytes, label or pool, category and first bytes.
  std::vector<std::string> BlockLines(const std::vector<uint32_t>& indices,
                                      const heap::HeapSnapshot& of);
  nlohmann::ordered_json BlockJson(uint32_t index, const heap::HeapSnapshot& of);

 private:
  bool Wants(const char* grouping) const;
  size_t Shown(size_t count) const;
  void PrintNames(const char* title, const std::vector<heap::HeapNameChange>& changes);
  void PrintPools();
  void PrintUntracked() const;
  void PrintStacks();
  void PrintFrames(const heap::HeapStackChange& change);
  std::vector<std::string> NotesOfPools() const;
  std::vector<std::string> NotesOfNames() const;
  nlohmann::ordered_json FramesJson(const heap::HeapStackChange& change);
  std::vector<heap::HeapNameChange> ByCategory();
  BlockCategories& CategoriesOf(const heap::HeapSnapshot& of) {
    return &of == &after_ ? after_categories_ : before_categories_;
  }
  HeapSymbols& SymbolsOf(const heap::HeapStackChange& change) {
    return change.of_after ? after_symbols_ : before_symbols_;
  }

  const heap::HeapSnapshot& before_;
  const heap::HeapSnapshot& after_;
  const heap::HeapDiff& changes_;
  const HeapReportOptions& options_;
  const bool only_one_;
  HeapSymbols before_symbols_;
  HeapSymbols after_symbols_;
  BlockCategories before_categories_;
  BlockCategories after_categories_;
};

// The process and time of a snapshot, as members of an object.
nlohmann::ordered_json SnapshotJson(const std::string& file, const heap::HeapSnapshot& snapshot);
// "process 4711: ./reader --runs 7".
std::string ProcessText(const heap::HeapSnapshot& snapshot);
// "2026-11-21 12:09:31 UTC, 3.2 s after tracking began".
std::string MomentText(const heap::HeapSnapshot& snapshot);

}  // namespace alkaid::tools
