#include <dlfcn.h>
#include <link.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "absl/debugging/symbolize.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/guarded_fault_internal.h"
#include "alkaid/unwind/stack_trace.h"

namespace alkaid::internal {
namespace {

struct Hex {
  explicit Hex(uint64_t number) : value(number) {}
  explicit Hex(const void* address) : value(reinterpret_cast<uint64_t>(address)) {}
  uint64_t value;
};

// Text for stderr, written in pieces of up to its size. For signal handlers.
class FaultText {
 public:
  FaultText() = default;
  ~FaultText() { Flush(); }
  FaultText(const FaultText&) = delete;
  FaultText& operator=(const FaultText&) = delete;

  FaultText& operator<<(std::string_view text) {
    for (const char letter : text) {
      if (size_ == sizeof(text_)) Flush();
      text_[size_++] = letter;
    }
    return *this;
  }
  FaultText& operator<<(int64_t number) { return Number(number, 10); }
  FaultText& operator<<(Hex number) {
    *this << "0x";
    return Number(number.value, 16);
  }
  void Flush() {
    // Whom could one tell that stderr does not work?
    for (size_t done = 0; done < size_;) {
      const ssize_t n = ::write(STDERR_FILENO, text_ + done, size_ - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      done += static_cast<size_t>(n);
    }
    size_ = 0;
  }

 private:
  template <typename Int>
  FaultText& Number(Int number, int base) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), number, base).ptr;
    return *this << std::string_view(digits, static_cast<size_t>(end - digits));
  }

  char text_[512];
  size_t size_ = 0;
};

FaultText& Bytes(FaultText& text, int64_t count) {
  return text << count << (count == 1 ? " byte" : " bytes");
}

// The label of this id. Not Label's own: an id alone makes none.
const char* LabelName(uint32_t id) {
  const LabelNames all = AllLabelNames();
  return id < all.count->load(std::memory_order_acquire)
             ? all.names[id].load(std::memory_order_relaxed)
             : "";
}

// " name (file+0x12)", as far as it is known.
void NameCode(FaultText& text, uint64_t address, bool names) {
  char name[256];
  if (names && absl::Symbolize(reinterpret_cast<void*>(address), name, sizeof(name))) {
    text << " " << name;
  }
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
  dl_find_object object;
  if (_dl_find_object(reinterpret_cast<void*>(address), &object) != 0) return;
  const link_map* const map = object.dlfo_link_map;
  const char* file = map->l_name;
  char program[256];
  if (file == nullptr || *file == '\0') {
    const ssize_t size = ::readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[size < 0 ? 0 : size] = '\0';
    file = program;
  }
  text << " (" << file << "+" << Hex(address - map->l_addr) << ")";
#endif
}

void PrintFrames(FaultText& text, const uint64_t* frames, int depth, bool names) {
  for (int i = 0; i < depth; ++i) {
    // A frame is where its call returns to; the call is before that.
    text << "    #" << int64_t{i} << " " << Hex(frames[i] - 1);
    NameCode(text, frames[i] - 1, names);
    text << "\n";
    text.Flush();
  }
}

void PrintTrace(FaultText& text, const char* what, const GuardedTrace& trace, bool names) {
  if (trace.thread == 0) return;
  text << "  " << what << " by thread " << int64_t{trace.thread} << ":\n";
  PrintFrames(text, trace.frames, trace.depth, names);
}

void PrintBlock(FaultText& text, const GuardedSlot& slot) {
  const char* const label = LabelName(slot.label);
  text << "  block: " << Hex(slot.start) << ", ";
  Bytes(text, slot.size.load(std::memory_order_relaxed)) << ", alignment " << slot.alignment;
  if (*label != '\0') {
    text << ", label '" << label << "'";
  } else {
    text << ", no label";
  }
  text << ", pool " << Hex(slot.pool) << " over " << slot.backend << ", guarded\n";
}

// "byte 104 of a block of 100 bytes, 4 bytes past its end".
void PrintPlace(FaultText& text, const GuardedSlot& slot, const void* address) {
  const int64_t size = slot.size.load(std::memory_order_relaxed);
  const int64_t at = static_cast<const uint8_t*>(address) - slot.start;
  text << "byte " << at << " of a block of ";
  Bytes(text, size);
  if (at < 0) {
    text << ", ";
    Bytes(text, -at) << " before its start";
  } else if (at == size) {
    text << ", at its end";
  } else if (at > size) {
    text << ", ";
    Bytes(text, at - size) << " past its end";
  }
}

// One report at a time. False where this thread is in one already.
constinit std::atomic<pid_t> reporting{0};
bool BeginReport() {
  const pid_t self = ::gettid();
  for (pid_t other = 0;
       !reporting.compare_exchange_strong(other, self, std::memory_order_acquire);) {
    if (other == self) return false;
    // A thread that a fork has left in the parent ends no report here: it is taken from it.
    if (::syscall(SYS_tgkill, ::getpid(), other, 0) != 0 && errno == ESRCH) continue;
    other = 0;
    const timespec moment = {0, 1'000'000};
    ::nanosleep(&moment, nullptr);
  }
  return true;
}
void EndReport() { reporting.store(0, std::memory_order_release); }

// How an instruction came to the fault: by the error code of x86-64's page faults.
const char* KindOfAccess(const void* context) {
#if defined(__x86_64__)
  const auto error = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR];
  constexpr greg_t kWrite = 2;
  constexpr greg_t kFetch = 16;
  return (error & kFetch) != 0 ? "an execution" : (error & kWrite) != 0 ? "a write" : "a read";
#else
  return context != nullptr ? "an access" : "";
#endif
}

// Names of functions take some of the stack to find.
bool HasStackForNames(const void* context) {
  constexpr uint64_t kEnough = 48 << 10;
  const stack_t& stack = static_cast<const ucontext_t*>(context)->uc_stack;
  const auto here = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
  const auto bottom = reinterpret_cast<uint64_t>(stack.ss_sp);
  const bool is_signal_stack = stack.ss_size != 0 && here - bottom < stack.ss_size;
  return !is_signal_stack || here - bottom >= kEnough;
}

void ReportAccess(const GuardedSlot& slot, const void* address, const void* context) {
  const bool names = HasStackForNames(context);
  const int64_t at = static_cast<const uint8_t*>(address) - slot.start;
  const bool is_freed = slot.state.load(std::memory_order_acquire) == GuardedSlot::kFreed;
  FaultText text;
  text << "Alkaid memory fault: "
       << (is_freed ? "use after free"
           : at < 0 ? "underrun"
           : at >= slot.size.load(std::memory_order_relaxed)
               ? "overrun"
               : "an access that its pages do not grant")
       << ": " << KindOfAccess(context) << " at ";
  PrintPlace(text, slot, address);
  text << "\n";
  PrintBlock(text, slot);
  text << "  access to " << Hex(address) << " by thread " << int64_t{::gettid()} << ":\n";
  text.Flush();
  uint64_t frames[GuardedTrace::kMaxFrames];
  const int depth = unwind::CaptureInterruptedStack(context, frames, GuardedTrace::kMaxFrames);
  PrintFrames(text, frames, depth, names);
  PrintTrace(text, "freed", slot.freed, names);
  PrintTrace(text, "allocated", slot.allocated, names);
}

constinit struct sigaction before = {};

// As if this handler had never been there.
void PassOn(int signal, siginfo_t* info, void* context) {
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(signal, info, context);
    return;
  }
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
    return;
  }
  const bool was_sent = info->si_code <= 0;
  if (was_sent && before.sa_handler == SIG_IGN) return;
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  ::sigaction(signal, &standard, nullptr);
  // An instruction that faulted does so again; a signal that was sent is sent again.
  if (was_sent) ::raise(signal);
}

void OnFault(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const bool is_fault = info->si_code > 0;
  auto* const slot = const_cast<GuardedSlot*>(is_fault ? FindGuardedSlot(info->si_addr) : nullptr);
  // Once for each block: a handler of the program may return, and the instruction comes again.
  // A thread that comes second waits, since what comes after the report ends the program.
  if (slot != nullptr && BeginReport()) {
    if (!slot->reported.exchange(true)) ReportAccess(*slot, info->si_addr, context);
    EndReport();
  }
  errno = saved_errno;
  PassOn(signal, info, context);
}

// What all faults that a call finds have in common.
class CallFault {
 public:
  CallFault() {
    BeginReport();
    text_ << "Alkaid memory fault: ";
  }
  FaultText& text() { return text_; }
  [[noreturn]] void End(const GuardedSlot* slot, const char* what) {
    text_ << "\n";
    if (slot != nullptr) PrintBlock(text_, *slot);
    GuardedTrace here;
    here.Take();
    PrintTrace(text_, what, here, true);
    if (slot != nullptr) {
      PrintTrace(text_, "freed", slot->freed, true);
      PrintTrace(text_, "allocated", slot->allocated, true);
    }
    text_.Flush();
    EndReport();
    std::abort();
  }

 private:
  FaultText text_;
};

}  // namespace

void HandleGuardedFaults() {
  struct sigaction action = {};
  action.sa_sigaction = OnFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaction(SIGSEGV, nullptr, &before);
  ::sigaction(SIGSEGV, &action, nullptr);
}

void EndAtDamagedCanary(const GuardedSlot& slot, const uint8_t* damage, const char* where) {
  CallFault fault;
  fault.text() << (damage < slot.start ? "underrun" : "overrun") << ", found where the block was "
               << where << ": a write at ";
  PrintPlace(fault.text(), slot, damage);
  fault.End(&slot, where);
}

void EndAtFreeOfNoBlock(const GuardedSlot* slot, const uint8_t* ptr, const char* what) {
  CallFault fault;
  const bool is_again = slot != nullptr && slot->start == ptr;
  if (is_again && std::string_view(what) == "free") {
    fault.text() << "double free of a block of ";
    Bytes(fault.text(), slot->size.load(std::memory_order_relaxed));
  } else if (is_again) {
    fault.text() << what << " of a freed block of ";
    Bytes(fault.text(), slot->size.load(std::memory_order_relaxed));
  } else {
    fault.text() << what << " of " << Hex(ptr) << ", where no block begins";
    if (slot != nullptr) {
      fault.text() << ": ";
      PrintPlace(fault.text(), *slot, ptr);
    }
  }
  fault.End(slot, what);
}

}  // namespace alkaid::internal
