// The text of a memory fault's report, and the stack traces in it: what the debug mode of pools and
// guarded blocks have in common. May be made in a signal handler.
//
//   Alkaid memory fault: use after free: a write at byte 16 of a block of 64 bytes
//     freed by thread 4711:
//       #0 0x55d4c20a1fbe Histogram::Fill() (/opt/analysis+0x107be)
//
// A process writes one report at a time, to stderr, in whole lines, and by one write where it has
// less than 32 KiB, stderr is no pipe, and nobody asks for what there is so far. A thread that comes
// to a report while another makes one waits for its end. Where stderr does not take it, what is left
// is left out (base/stderr_text_internal.h).
//
// A fork waits until the report of another thread has ended. Names of functions are read anew for
// each frame (function_name_internal.h), with no lock and no descriptor that is kept.
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
  static constexpr int kMostFrames = 20;

  // Of the caller, which is the first frame. No system call.
  [[gnu::always_inline]] void Capture() { CaptureCaller(this); }
  static ALKAID_EXPORT void CaptureCaller(StackTrace* trace);

  int32_t thread = 0;  // the kernel's id; 0: not known
  int32_t depth = 0;
  uint64_t frames[kMostFrames] = {};  // return addresses
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

  // From here on frames are bare addresses: finding names takes some 40 KiB of the stack.
  void LeaveNamesOut() { names_ = false; }
  // "  <what> by thread 4711:" and the frames; nothing where the trace is not known.
  void Trace(std::string_view what, const StackTrace& trace);
  void Frames(const uint64_t* frames, int depth);

  // What there is so far, for what may not come back.
  void Write() { WriteFirst(size_); }
  // The destructor's work, before the program is ended.
  void End();

 private:
  template <typename Int>
  FaultText& Number(Int number, int base);
  void NameCode(uint64_t address);
  void WriteFirst(size_t count);

  bool is_inner_ = false;  // the thread is making a report already
  bool has_ended_ = false;
  bool names_ = true;
  char* text_;
  size_t capacity_;
  size_t size_ = 0;
  char own_[256];  // of an inner report
};

}  // namespace alkaid::internal
