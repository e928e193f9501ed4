// What the debug mode of pools says of a fault, and how the program goes on: as
// ALKAID_DEBUG_MEMORY_POOL has it.
//
// A report is one line, "Alkaid memory fault: <kind>: <what>", and stack traces, indented: where the
// block was allocated, where it was freed if it was, and where the fault was found. It goes to
// stderr. Each frame has its address, the function's name from the symbol table where there is one,
// and the file with the offset in it, as addr2line takes it.
//
// Ownership: a report keeps nothing. Threads: any; each builds its own. Out of memory: nothing here
// allocates from the program's heap. No lock is taken but Abseil's, for the names of functions: a child
// that is forked while another thread's report is being made finds that one held.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// Whether the debug mode is on; read from the environment once. An unknown value is reported on
// stderr and means off.
ALKAID_EXPORT bool MemoryDebugOn();

struct StackTrace {
  static constexpr int kMostFrames = 16;

  // Of the caller, which is the first frame.
  [[gnu::always_inline]] void Capture() { depth = CaptureFrames(frames); }
  static ALKAID_EXPORT int CaptureFrames(uint64_t* frames);

  int depth = 0;  // 0: not known
  uint64_t frames[kMostFrames] = {};
};

class ALKAID_EXPORT FaultReport {
 public:
  // Begins with "Alkaid memory fault: " and the line. printf's formats.
  [[gnu::format(printf, 2, 3)]] explicit FaultReport(const char* format, ...);
  FaultReport(const FaultReport&) = delete;
  FaultReport& operator=(const FaultReport&) = delete;

  [[gnu::format(printf, 2, 3)]] void Line(const char* format, ...);
  // "  <what> at" and the frames; nothing where none are known.
  void Trace(const char* what, const StackTrace& trace);
  // Ends the report with the calling thread's stack, and does as the mode says: abort and trap do
  // not return, warn does.
  void Finish();

 private:
  [[gnu::format(printf, 2, 0)]] void Add(const char* format, __builtin_va_list arguments);
  [[gnu::format(printf, 2, 3)]] void AddText(const char* format, ...);
  void Flush();

  int used_ = 0;
  char text_[3072];
};

}  // namespace alkaid::internal
