// HeapSymbols: the names of the code in the stack traces of a snapshot.
//
// The names come from the symbol tables and the debugging information of the files that the
// snapshot lists, of Debian's packages of debugging information under /usr/lib/debug, or of a
// server in $DEBUGINFOD_URLS. A file is used only if it has the build-id that the process had, so a
// file that was rebuilt since is not misread. Code without a name is shown as file and offset; in a
// build without libdw all code is.
//
// A heap file and the paths in it may come from anyone: only regular files are opened.
//
// Ownership: borrows the snapshot. Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "alkaid/heap/reports/heap_snapshot.h"
#include "tools/heap/code_place.h"

namespace alkaid::tools {

// A class with virtual functions.
struct VtableClass {
  std::string name;             // empty: there is none
  std::vector<uint64_t> sizes;  // of an object (class_sizes.h); empty where not known
};

class HeapSymbols {
 public:
  explicit HeapSymbols(const heap::HeapSnapshot& snapshot);
  ~HeapSymbols();
  HeapSymbols(const HeapSymbols&) = delete;
  HeapSymbols& operator=(const HeapSymbols&) = delete;

  // The call that returns to this address, after the calls inlined there. Never empty.
  const std::vector<CodePlace>& Name(uint64_t return_address);

  // The class whose virtual table the first word of an object points to: the word is 16 past the
  // symbol "vtable for CLASS". None for any other address.
  VtableClass ClassOfVtable(uint64_t word);

  // Why files could not be read, a sentence each, for the files needed so far.
  const std::vector<std::string>& complaints() const { return complaints_; }
  // Whether this build can read names.
  static bool CanName();

 private:
  struct Module;
  Module* Open(const heap::HeapModule& module);

  const heap::HeapSnapshot& snapshot_;
  std::map<const heap::HeapModule*, std::unique_ptr<Module>> modules_;
  std::unordered_map<uint64_t, std::vector<CodePlace>> known_;
  std::vector<std::string> complaints_;
};

}  // namespace alkaid::tools
