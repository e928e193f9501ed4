#include <dlfcn.h>
#include <link.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/stderr_text_internal.h"
#include "alkaid/base/thread_id_internal.h"
#include "alkaid/core/pools/fault_text_internal.h"
#include "alkaid/core/pools/function_name_internal.h"
#include "alkaid/unwind/stack_trace.h"

namespace alkaid::internal {
namespace {

// The thread that makes a report, and its text. A word, since a mutex is not for signal handlers.
constinit std::atomic<uint32_t> reporter{0};
constinit char report_text[32 << 10];
// Forks that wait for a report to end: they go before further reports, of which there may be many.
constinit std::atomic<int> waiting_forks{0};
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
constexpr char kProgram[] = "/proc/self/exe";
#endif

void Nap() {
  const timespec moment = {0, 1'000'000};
  ::nanosleep(&moment, nullptr);
}

// Returns false if this thread is the reporter already.
bool BecomeReporter(uint32_t self, bool is_fork) {
  while (true) {
    uint32_t other = reporter.load(std::memory_order_relaxed);
    if (other == self) return false;
    if (other == 0) {
      if ((is_fork || waiting_forks.load(std::memory_order_relaxed) == 0) &&
          reporter.compare_exchange_weak(other, self, std::memory_order_acquire)) {
        return true;
      }
    } else if (::syscall(SYS_tgkill, ::getpid(), other, 0) != 0 && errno == ESRCH &&
               reporter.compare_exchange_strong(other, self, std::memory_order_acquire)) {
      // A clone that called no fork handlers has left the reporter in the parent.
      waiting_forks.store(0, std::memory_order_relaxed);
      return true;
    }
    Nap();
  }
}

void StopBeingReporter() { reporter.store(0, std::memory_order_release); }

// Whether the fork under way made its thread the reporter. Otherwise the fork comes from a signal
// handler inside this thread's own report. Forks come one after the other.
constinit bool is_forks = false;

// A fault may be reported while any other lock is held.
[[gnu::constructor]] void GuardTheFork() {
  GuardFork(
      [] {
        waiting_forks.fetch_add(1, std::memory_order_relaxed);
        is_forks = BecomeReporter(KernelThreadId(), /*is_fork=*/true);
      },
      [] {
        if (is_forks) StopBeingReporter();
        waiting_forks.fetch_sub(1, std::memory_order_relaxed);
      },
      [] {
        reporter.store(is_forks ? 0 : KernelThreadId(), std::memory_order_release);
        waiting_forks.store(0, std::memory_order_relaxed);
      },
      ForkOrder::kInnermost);
}

}  // namespace

[[gnu::noinline]] void StackTrace::CaptureCaller(StackTrace* trace) {
  // The first frame is this function's.
  uint64_t all[kMaxFrames + 1];
  const int depth = unwind::CaptureStack(unwind::Unwinder::kCallFrameInfo, all, kMaxFrames + 1);
  trace->depth = std::max(depth - 1, 0);
  std::copy_n(all + 1, trace->depth, trace->frames);
  trace->thread = static_cast<int32_t>(KernelThreadId());
}

FaultText::FaultText() : text_(report_text), capacity_(sizeof(report_text)) {
  is_inner_ = !BecomeReporter(KernelThreadId(), /*is_fork=*/false);
  if (!is_inner_) return;
  text_ = own_;
  capacity_ = sizeof(own_);
}

FaultText& FaultText::operator<<(std::string_view text) {
  for (const char letter : text) {
    if (size_ == capacity_) {
      const size_t line = std::string_view(text_, size_).rfind('\n');
      WriteFirst(line == std::string_view::npos ? size_ : line + 1);
    }
    text_[size_++] = letter;
  }
  return *this;
}

template <typename Int>
FaultText& FaultText::Number(Int number, int base) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number, base).ptr;
  return *this << std::string_view(digits, static_cast<size_t>(end - digits));
}
template FaultText& FaultText::Number(int64_t number, int base);
template FaultText& FaultText::Number(uint64_t number, int base);

// " name (file+0x12)", as far as it is known.
void FaultText::NameCode(uint64_t address) {
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
  // Unlike dladdr it takes no lock.
  dl_find_object object;
  if (::_dl_find_object(reinterpret_cast<void*>(address), &object) != 0) return;
  // A system call filter may kill a thread that opens a file.
  const bool may_read = AllowedStderrCalls() == StderrCalls::kAll;
  const link_map* const map = object.dlfo_link_map;
  const char* file = map->l_name;
  const bool is_program = file == nullptr || *file == '\0';
  char text[256];
  if (names_) {
    const std::string_view name = FunctionNameAt(address, object,
                                                 !may_read    ? nullptr
                                                 : is_program ? kProgram
                                                              : file,
                                                 text);
    if (!name.empty()) *this << " " << name;
  }
  if (is_program) {
    const ssize_t size = may_read ? ::readlink(kProgram, text, sizeof(text) - 1) : 0;
    text[std::max<ssize_t>(size, 0)] = '\0';
    file = text;
  }
  *this << " (" << file << "+" << Hex(address - map->l_addr) << ")";
#else
  (void)address;
#endif
}

void FaultText::Frames(const uint64_t* frames, int depth) {
  for (int i = 0; i < depth; ++i) {
    // A frame is the return address; the call is before that.
    *this << "    #" << int64_t{i} << " " << Hex(frames[i] - 1);
    NameCode(frames[i] - 1);
    *this << "\n";
  }
}

void FaultText::Trace(std::string_view what, const StackTrace& trace) {
  if (trace.thread == 0) return;
  *this << "  " << what << " by thread " << int64_t{trace.thread} << ":\n";
  Frames(trace.frames, trace.depth);
}

void FaultText::WriteFirst(size_t count) {
  WriteToStderr({text_, count});
  size_ -= count;
  std::memmove(text_, text_ + count, size_);
}

void FaultText::End() {
  if (has_ended_) return;
  has_ended_ = true;
  Write();
  if (!is_inner_) StopBeingReporter();
}

}  // namespace alkaid::internal
