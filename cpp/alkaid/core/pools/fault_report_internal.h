// What the debug mode of pools says of a fault, and how the program goes on: as
// ALKAID_DEBUG_MEMORY_POOL has it.
//
// A report is one line, "Alkaid memory fault: <kind>: <what>", and stack traces, indented: where
// the block was allocated, where it was freed if it was, and where the fault was found. It goes to
// stderr. Each frame has its address, the function's name from the symbol table where there is one,
// and the file with the offset in it, as addr2line takes it.
//
// Ownership: a report keeps nothing. Threads: any; reports of several threads come one after the
// other, and a fork waits for the one that is being made (fault_text_internal.h). A thread that
// makes one takes no other lock. Out of memory: nothing here allocates from the program's heap.
#pragma once

#include "alkaid/base/export.h"
#include "alkaid/core/pools/fault_text_internal.h"

namespace alkaid::internal {

// Whether the debug mode is on; read from the environment once. An unknown value is reported on
// stderr and means off.
ALKAID_EXPORT bool MemoryDebugOn();

class ALKAID_EXPORT FaultReport {
 public:
  // Begins with "Alkaid memory fault: " and the line. printf's formats.
  [[gnu::format(printf, 2, 3)]] explicit FaultReport(const char* format, ...);
  FaultReport(const FaultReport&) = delete;
  FaultReport& operator=(const FaultReport&) = delete;

  [[gnu::format(printf, 2, 3)]] void Line(const char* format, ...);
  // "  <what> by thread <id>:" and the frames; nothing where none are known.
  void Trace(const char* what, const StackTrace& trace) { text_.Trace(what, trace); }
  // Ends the report with the calling thread's stack, and does as the mode says: abort and trap do
  // not return, warn does.
  void Finish();

 private:
  [[gnu::format(printf, 2, 0)]] void Add(const char* format, __builtin_va_list arguments);

  FaultText text_;
};

}  // namespace alkaid::internal
