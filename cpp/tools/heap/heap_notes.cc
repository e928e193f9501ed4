// The notes of `alkaid heap show` and `alkaid heap diff`: what their figures leave out, and why.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "alkaid/base/number_text.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "tools/heap/heap_report.h"

namespace alkaid::tools {
namespace {

using heap::HeapSnapshot;
using internal::Grouped;
using internal::Printable;

// What the process that made the snapshot could not record.
std::vector<std::string> NotesOfSnapshot(const heap::HeapContents& contents) {
  std::vector<std::string> notes;
  const auto note = [&notes](uint64_t count, const char* what) {
    if (count > 0) notes.push_back(Grouped(static_cast<int64_t>(count)) + what);
  };
  note(contents.lost, " allocations could not be recorded for want of memory, and are missing");
  note(contents.stacks_dropped,
       " allocations were recorded without a stack trace: there were more different ones than are "
       "kept");
  note(contents.moving, " reallocations took place just then: their blocks may be missing");
  note(contents.unexamined,
       " blocks were not categorized: that would exceed the limits of a snapshot");
  if (!contents.why_no_first_bytes.empty()) {
    notes.push_back("the kernel gave no first bytes of blocks: " +
                    Printable(contents.why_no_first_bytes));
  }
  return notes;
}

void Append(std::vector<std::string> more, std::vector<std::string>* notes) {
  notes->insert(notes->end(), more.begin(), more.end());
}

}  // namespace

void HeapReport::PrintNotes() const {
  std::vector<std::string> notes;
  if (changes_.estimated) {
    const uint64_t bytes =
        std::max(before_.contents().sample_bytes, after_.contents().sample_bytes);
    notes.push_back("figures with ~ are estimates: one allocation in about " +
                    Grouped(static_cast<int64_t>(bytes)) + " bytes was recorded");
  }
  for (const HeapSnapshot* snapshot : {&before_, &after_}) {
    Append(NotesOfSnapshot(snapshot->contents()), &notes);
  }
  Append(NotesOfPools(), &notes);
  Append(NotesOfNames(), &notes);
  if (!notes.empty()) std::printf("\n");
  for (const std::string& note : notes) std::printf("note: %s\n", note.c_str());
}

std::vector<std::string> HeapReport::NotesOfPools() const {
  std::vector<std::string> notes;
  for (const heap::HeapPool& pool : after_.contents().pools) {
    if (pool.name != heap::kPoolsOfTheProgram) continue;
    notes.push_back("pools that the program derived from MemoryPool itself hold " +
                    Grouped(pool.allocated) +
                    " bytes by their own figures: none of their blocks is listed as theirs, only "
                    "what they took from a pool of Alkaid's or from a malloc that is watched");
  }
  if (only_one_ && after_.contents().name == "exit") {
    notes.emplace_back(
        "taken at the end of the process: what destructors had freed by then is not listed; what "
        "grew while it ran is seen by `alkaid profile report`, or in a file by ALKAID_HEAP_SIGNAL");
  }
  // Only Alkaid's pools and the C library's malloc are tracked; most programs use one of them.
  if (only_one_ && after_.blocks().empty()) {
    notes.emplace_back(
        "no block was recorded: the program had nothing live, or it has an allocator or a pool of "
        "its own, whose blocks are not seen");
  }
  return notes;
}

std::vector<std::string> HeapReport::NotesOfNames() const {
  std::vector<std::string> notes;
  if (!HeapSymbols::CanName() && Wants("traceback") && !changes_.by_stack.empty()) {
    notes.emplace_back("this alkaid was built without libdw: places are file and offset");
  }
  for (const HeapSymbols* symbols : {&before_symbols_, &after_symbols_}) {
    for (const std::string& complaint : symbols->complaints()) {
      if (std::find(notes.begin(), notes.end(), complaint) == notes.end()) {
        notes.push_back(complaint);
      }
    }
  }
  return notes;
}

}  // namespace alkaid::tools
