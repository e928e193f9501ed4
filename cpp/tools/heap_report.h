// What `alkaid heap show` and `alkaid heap diff` have in common: their options, and what was live or
// changed by label, pool, thread and back-trace.
//
// Ownership: a HeapReport borrows everything. Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "alkaid/profile/heap_diff.h"
#include "heap_symbols.h"

namespace alkaid::tools {

struct HeapReportOptions {
  int64_t top = 10;  // entries of each list; 0: all
  std::string by;    // one grouping; empty: label, pool and traceback
  bool blocks = false;
  bool json = false;

  void AddOptions(CLI::App& command);
};

class HeapReport {
 public:
  // `changes` is Diff(before, after); `before` is empty where there is only one.
  HeapReport(const profile::HeapSnapshot& before, const profile::HeapSnapshot& after,
             const profile::HeapDiff& changes, const HeapReportOptions& options, bool only_one);

  // The groupings that were asked for, as text.
  void PrintGroups();
  // What kept names from being found, and what figures are estimates of.
  void PrintNotes() const;
  // "labels", "pools", "threads" and "tracebacks".
  nlohmann::ordered_json GroupsJson();

  // "24,280,536 bytes", "+1,452,176 bytes", with a ~ before an estimate.
  std::string Bytes(int64_t bytes) const;
  std::string Blocks(int64_t blocks) const;
  // The blocks that are listed, by address: the largest of them unless all are asked for.
  std::vector<uint32_t> Chosen(const std::vector<uint32_t>& indices,
                               const profile::HeapSnapshot& of) const;

 private:
  bool Wants(const char* grouping) const;
  size_t Shown(size_t count) const;
  void PrintNames(const char* title, const std::vector<profile::HeapNameChange>& changes);
  void PrintPools();
  void PrintUntracked() const;
  void PrintStacks();
  nlohmann::ordered_json FramesJson(const profile::HeapStackChange& change);
  HeapSymbols& SymbolsOf(const profile::HeapStackChange& change) {
    return change.of_after ? after_symbols_ : before_symbols_;
  }

  const profile::HeapSnapshot& before_;
  const profile::HeapSnapshot& after_;
  const profile::HeapDiff& changes_;
  const HeapReportOptions& options_;
  const bool only_one_;
  HeapSymbols before_symbols_;
  HeapSymbols after_symbols_;
};

// A line for a block: its range, bytes, label and first bytes.
std::string BlockLine(const profile::HeapSnapshot& snapshot, const profile::HeapBlock& block);
nlohmann::ordered_json BlockJson(const profile::HeapSnapshot& snapshot,
                                 const profile::HeapBlock& block);
// What the snapshot is of, as members of an object.
nlohmann::ordered_json SnapshotJson(const std::string& file, const profile::HeapSnapshot& snapshot);
// "process 4711: ./reader --runs 7".
std::string ProcessText(const profile::HeapSnapshot& snapshot);
// "2026-11-21 12:09:31 UTC, 3.2 s after tracking began".
std::string MomentText(const profile::HeapSnapshot& snapshot);

}  // namespace alkaid::tools
