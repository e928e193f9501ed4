// Stack traces as people read them: only the program's own code.
//
// Allocators, the C and C++ libraries and Alkaid stand between the code that requests memory and
// the code that records it. Their frames at both ends of a stack trace are left out, and so are
// their functions that were inlined into the program's. Lines of Python count as the program's.
// gdb's commands use the same tables: cpp/tools/gdb/alkaid_debugger/machinery.py.
//
// Ownership: none. Threads: stateless. Out of memory: throws std::bad_alloc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "alkaid/base/export.h"

namespace alkaid::heap {

// One return address.
struct TraceFrame {
  // The functions there, inlined ones first: "main at main.cc:7", "malloc in libc.so.6", or
  // "libc.so.6 + 0x2724a" without a name.
  std::vector<std::string> lines;
  std::string module;  // path of the file with the code; empty for lines of Python
};

struct TraceLine {
  int number = 0;  // among all lines of the stack trace, also those that are left out
  std::string text;
};

// Whether a file, or a function, belongs to an allocator, the C or C++ library, or Alkaid.
ALKAID_EXPORT bool IsMachineryModule(std::string_view path);
ALKAID_EXPORT bool IsMachineryFunction(std::string_view name);

// The lines of a stack trace to show. All lines if `all`, or if none is the program's.
ALKAID_EXPORT std::vector<TraceLine> ShownLines(std::vector<TraceFrame> frames, bool all);

}  // namespace alkaid::heap
