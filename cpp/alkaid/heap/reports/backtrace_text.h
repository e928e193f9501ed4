// Back-traces as people read them: from the program's own code on.
//
// Between the code that wanted memory and the one that keeps the tables stand allocators, the C and
// the C++ library and Alkaid. Their frames at both ends of a back-trace are left out, and so are
// their functions that were inlined into the program's own. A line of Python is the program's own.
// gdb's commands go by the same tables: cpp/tools/gdb/alkaid_debugger/machinery.py.
//
// Ownership: none. Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "alkaid/base/export.h"

namespace alkaid::heap {

// One return address.
struct BacktraceFrame {
  // The functions there, what was inlined comes first: "main at main.cc:7", "malloc in libc.so.6",
  // and "libc.so.6 + 0x2724a" where there is no name.
  std::vector<std::string> lines;
  std::string module;  // path of the file with the code; empty for lines of Python
};

struct BacktraceLine {
  int number = 0;  // among all lines of the back-trace, also those that are left out
  std::string text;
};

// Whether a file, or a function of it, is of an allocator, of the C or C++ library, or of Alkaid.
ALKAID_EXPORT bool IsMachineryModule(std::string_view path);
ALKAID_EXPORT bool IsMachineryFunction(std::string_view name);

// What is shown of a back-trace. All of it where `all`, and where nothing of it is the program's.
ALKAID_EXPORT std::vector<BacktraceLine> ShownLines(std::vector<BacktraceFrame> frames, bool all);

}  // namespace alkaid::heap
