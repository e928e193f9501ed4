// CodePlace: what is known of one function of a stack trace, and its text.
//
// Ownership: values. Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "alkaid/heap/reports/stack_trace_text.h"

namespace alkaid::tools {

struct CodePlace {
  std::string function;  // demangled and short; empty where it has no name
  std::string file;      // of the source, as given to the compiler; empty where it is not known
  int line = 0;          // 0 where it is not known
  bool inlined = false;  // into the next place
  std::string module;    // path of the file that the code is in; empty where there is none
  uint64_t offset = 0;   // in the module's own addresses; the address itself without a module
};

// "alkaid::PoolBuffer::Resize at pool_buffer.cc:44", "libfoo.so + 0x1234".
std::string CodePlaceText(const CodePlace& place);

// What a report shows for the functions at one return address.
heap::TraceFrame ShownFrame(const std::vector<CodePlace>& places);

}  // namespace alkaid::tools
