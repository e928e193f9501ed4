// Reports of the debug mode of pools, and what follows a report: as ALKAID_DEBUG_MEMORY_POOL says.
//
// A report goes to stderr. It is one line, "Alkaid memory fault: <kind>: <what>", and indented
// stack traces: where the block was allocated, where it was freed if it was, and where the fault
// was found. Each frame has its address, the function's name if a symbol table has it, and the file
// with the offset in it, as addr2line takes it.
//
// Ownership: a report keeps nothing. Threads: any; reports of several threads come one after the
// other, and a fork waits for the current one (fault_text_internal.h). A thread that makes a report
// takes no other lock. Out of memory: nothing here allocates from the program's heap.
#pragma once

#include "alkaid/base/export.h"
#include "alkaid/core/pools/fault_text_internal.h"

namespace alkaid::internal {

// Whether the debug mode is on; read from the environment once. An unknown value is reported on
// stderr and means off.
ALKAID_EXPORT bool MemoryDebugOn();

class ALKAID_EXPORT FaultReport {
 public:
  // Begins with "Alkaid memory fault: " and the line, in printf's format.
  [[gnu::format(printf, 2, 3)]] explicit FaultReport(const char* format, ...);
  FaultReport(const FaultReport&) = delete;
  FaultReport& operator=(const FaultReport&) = delete;

  [[gnu::format(printf, 2, 3)]] void Line(const char* format, ...);
  // "  <what> by thread <id>:" and the frames; nothing if none are known.
  void Trace(const char* what, const StackTrace& trace) { text_.Trace(what, trace); }
  // Ends the report with the calling thread's stack, and acts as the mode says: abort and trap do
  // not return, warn does.
  void Finish();

 private:
  [[gnu::format(printf, 2, 0)]] void Add(const char* format, __builtin_va_list arguments);

  FaultText text_;
};

}  // namespace alkaid::internal
