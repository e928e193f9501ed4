// The text of a memory fault's report, with its stack traces. Shared by the debug mode of pools and
// guarded blocks. May be made in a signal handler.
//
//   Alkaid memory fault: use after free: a write at byte 16 of a block of 64 bytes
//     freed by thread 4711:
//       #0 0x55d4c20a1fbe Histogram::Fill() (/opt/analysis+0x107be)
//
// A process writes one report at a time to stderr, in whole lines. It is a single write if it is
// less than 32 KiB, stderr is not a pipe, and Write is not called before the end. A thread that
// starts a report while another makes one waits for its end. If stderr does not accept the text,
// the rest is left out (base/stderr_text_internal.h).
//
// A fork waits until another thread's report has ended. Names of functions are read anew for each
// frame (function_name_internal.h), without a lock and without keeping a descriptor.
//
// Ownership: a text belongs to its thread. Threads: each its own. Out of memory: nothing here
// allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"

namespace alkaid::internal {

struct StackTrace {
  static constexpr int kMaxFrames = 20;

  // The stack of the caller, which is the first frame. No system call.
  [[gnu::always_inline]] void Capture() { CaptureCaller(this); }
  static ALKAID_EXPORT void CaptureCaller(StackTrace* trace);

  int32_t thread = 0;  // the kernel's id; 0: not known
  int32_t depth = 0;
  uint64_t frames[kMaxFrames] = {};  // return addresses
};

struct Hex {
  explicit Hex(uint64_t number) : value(number) {}
  explicit Hex(const void* address) : value(reinterpret_cast<uint64_t>(address)) {}
  uint64_t value;
};

class ALKAID_EXPORT FaultText {
 public:
  // Waits for the reports of other threads.
  FaultText();
  // Writes what is left, and lets the next report begin.
  ~FaultText() { End(); }
  FaultText(const FaultText&) = delete;
  FaultText& operator=(const FaultText&) = delete;

  FaultText& operator<<(std::string_view text);
  FaultText& operator<<(int64_t number) { return Number(number, 10); }
  FaultText& operator<<(Hex number) {
    *this << "0x";
    return Number(number.value, 16);
  }

  // From here on frames are bare addresses: finding names takes about 40 KiB of the stack.
  void LeaveNamesOut() { names_ = false; }
  // "  <what> by thread 4711:" and the frames; nothing if the trace is not known.
  void Trace(std::string_view what, const StackTrace& trace);
  void Frames(const uint64_t* frames, int depth);

  // Writes the text so far, before something that may not return.
  void Write() { WriteFirst(size_); }
  // Does the destructor's work, before the program is ended.
  void End();

 private:
  template <typename Int>
  FaultText& Number(Int number, int base);
  void NameCode(uint64_t address);
  void WriteFirst(size_t count);

  bool is_inner_ = false;  // the thread is already making a report
  bool has_ended_ = false;
  bool names_ = true;
  char* text_;
  size_t capacity_;
  size_t size_ = 0;
  char own_[256];  // the buffer of an inner report
};

}  // namespace alkaid::internal
