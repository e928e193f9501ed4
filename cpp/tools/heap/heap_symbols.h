// HeapSymbols: the names of the code that back-traces of a snapshot lead through.
//
// From the symbol tables and the debugging information of the files that the snapshot lists, or
// what Debian's packages of debugging information hold of them under /usr/lib/debug, or a server
// that $DEBUGINFOD_URLS names. Only of files that have the build-id that the process had: what was
// built anew since then is not misread. What has no name is file and offset; so is everything in a
// build without libdw.
//
// A heap file may come from anyone, and so may the paths in it: only regular files are opened.
//
// Ownership: borrows the snapshot. Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "alkaid/heap/reports/backtrace_text.h"
#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::tools {

struct CodePlace {
  std::string function;  // demangled and short; empty where it has no name
  std::string file;      // of the source, as the compiler was told; empty where it is not known
  int line = 0;          // 0 where it is not known
  bool inlined = false;  // into the place that follows
  std::string module;    // path of the file that the code is in; empty where there is none
  uint64_t offset = 0;   // in the module's own addresses; without a module the address
};

// "alkaid::PoolBuffer::Resize at pool_buffer.cc:44", "libfoo.so + 0x1234".
std::string CodePlaceText(const CodePlace& place);

// What a report shows of the functions at one return address.
heap::BacktraceFrame ShownFrame(const std::vector<CodePlace>& places);

// A class with virtual functions.
struct VtableClass {
  std::string name;             // empty: there is none
  std::vector<uint64_t> sizes;  // bytes of an object: class_sizes.h; empty where they are not known
};

class HeapSymbols {
 public:
  explicit HeapSymbols(const heap::HeapSnapshot& snapshot);
  ~HeapSymbols();
  HeapSymbols(const HeapSymbols&) = delete;
  HeapSymbols& operator=(const HeapSymbols&) = delete;

  // The call that returns to this address; what was inlined there comes first. Never empty.
  const std::vector<CodePlace>& Name(uint64_t return_address);

  // The class whose table of virtual functions an object points to by its first word: that word is
  // 16 past the symbol "vtable for CLASS". None for any other address.
  VtableClass ClassOfVtable(uint64_t word);

  // What kept files from being read, a sentence each: those that were asked for so far.
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
