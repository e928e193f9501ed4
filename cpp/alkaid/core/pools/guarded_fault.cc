#include <ucontext.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "alkaid/base/printable_text.h"
#include "alkaid/base/thread_id_internal.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/fault_text_internal.h"
#include "alkaid/core/pools/guarded_fault_internal.h"
#include "alkaid/unwind/stack_trace.h"

namespace alkaid::internal {
namespace {

FaultText& Bytes(FaultText& text, int64_t count) {
  return text << count << (count == 1 ? " byte" : " bytes");
}

// The label with this id. Label itself cannot be made from an id.
const char* LabelName(uint32_t id) {
  const LabelNames all = AllLabelNames();
  return id < all.count->load(std::memory_order_acquire)
             ? all.names[id].load(std::memory_order_relaxed)
             : "";
}

void PrintBlock(FaultText& text, const GuardedSlot& slot) {
  const char* const label = LabelName(slot.label);
  text << "  block: " << Hex(slot.start) << ", ";
  Bytes(text, slot.size.load(std::memory_order_relaxed)) << ", alignment " << slot.alignment;
  if (*label != '\0') {
    char printable[4 * Label::kMaxNameSize];
    text << ", label '"
         << std::string_view(printable, CopyPrintable(label, printable, sizeof(printable))) << "'";
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

// The kind of access that faulted, from the error code of x86-64's page faults.
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

// The kind of fault that an access to `address`, in the block or beside it, is.
const char* KindOfFault(const GuardedSlot& slot, const void* address) {
  const int64_t at = static_cast<const uint8_t*>(address) - slot.start;
  const int64_t size = slot.size.load(std::memory_order_relaxed);
  const bool is_freed = slot.state.load(std::memory_order_acquire) == GuardedSlot::kFreed;
  if (at < 0) return is_freed ? "underrun of a freed block" : "underrun";
  if (at >= size) return is_freed ? "overrun of a freed block" : "overrun";
  return is_freed ? "use after free" : "an access that its pages do not allow";
}

// Finding names of functions takes some of the stack.
bool HasStackForNames(const void* context) {
  constexpr uint64_t kEnough = 48 << 10;
  const stack_t& stack = static_cast<const ucontext_t*>(context)->uc_stack;
  const auto here = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
  const auto bottom = reinterpret_cast<uint64_t>(stack.ss_sp);
  const bool is_signal_stack = stack.ss_size != 0 && here - bottom < stack.ss_size;
  return !is_signal_stack || here - bottom >= kEnough;
}

void ReportAccess(FaultText& text, const GuardedSlot& slot, const void* address,
                  const void* context) {
  if (!HasStackForNames(context)) text.LeaveNamesOut();
  text << "Alkaid memory fault: " << KindOfFault(slot, address) << ": " << KindOfAccess(context)
       << " at ";
  PrintPlace(text, slot, address);
  text << "\n";
  PrintBlock(text, slot);
  text << "  access to " << Hex(address) << " by thread " << int64_t{KernelThreadId()} << ":\n";
  // Written first: the stack of a program that writes out of bounds may be damaged.
  text.Write();
  constexpr int kMaxFrames = 24;
  uint64_t frames[kMaxFrames];
  text.Frames(frames, unwind::CaptureInterruptedStack(context, frames, kMaxFrames));
  text.Trace("freed", slot.freed);
  text.Trace("allocated", slot.allocated);
}

// The program's own action for SIGSEGV.
constinit struct sigaction before = {};
constinit std::atomic<bool> was_reset{false};  // by SA_RESETHAND

bool IsHandler(const struct sigaction& action) {
  return action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
}

// Does what the kernel would do if our handler were not installed.
void PassOn(int signal, siginfo_t* info, void* context) {
  const bool is_once = (before.sa_flags & SA_RESETHAND) != 0;
  if (!IsHandler(before) || (is_once && was_reset.exchange(true))) {
    const bool was_sent = info->si_code <= 0;
    if (was_sent && before.sa_handler == SIG_IGN) return;
    struct sigaction standard = {};
    standard.sa_handler = SIG_DFL;
    ::sigaction(signal, &standard, nullptr);
    // An instruction that faulted runs again; a signal that was sent is sent again.
    if (was_sent) ::raise(signal);
    return;
  }
  // This signal is blocked already. When the handler returns, the interrupted code has its mask
  // again.
  ::pthread_sigmask(SIG_BLOCK, &before.sa_mask, nullptr);
  if ((before.sa_flags & SA_NODEFER) != 0 && ::sigismember(&before.sa_mask, signal) == 0) {
    sigset_t own;
    ::sigemptyset(&own);
    ::sigaddset(&own, signal);
    ::pthread_sigmask(SIG_UNBLOCK, &own, nullptr);
  }
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(signal, info, context);
  } else {
    before.sa_handler(signal);
  }
}

void OnFault(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const bool is_fault = info->si_code > 0;
  auto* const slot = const_cast<GuardedSlot*>(is_fault ? FindGuardedSlot(info->si_addr) : nullptr);
  if (slot != nullptr) {
    // A second thread waits here, since the program may end once the first report is whole.
    FaultText text;
    // Once per block: a handler of the program may return, and the instruction faults again.
    if (!slot->reported.exchange(true)) ReportAccess(text, *slot, info->si_addr, context);
  }
  errno = saved_errno;
  PassOn(signal, info, context);
}

// What all faults that are found in a call have in common.
class CallFault {
 public:
  CallFault() { text_ << "Alkaid memory fault: "; }
  FaultText& text() { return text_; }
  [[noreturn]] void End(const GuardedSlot* slot, const char* what) {
    text_ << "\n";
    if (slot != nullptr) PrintBlock(text_, *slot);
    StackTrace here;
    here.Capture();
    text_.Trace(what, here);
    if (slot != nullptr) {
      text_.Trace("freed", slot->freed);
      text_.Trace("allocated", slot->allocated);
    }
    text_.End();
    std::abort();
  }

 private:
  FaultText text_;
};

}  // namespace

void HandleGuardedFaults() {
  ::sigaction(SIGSEGV, nullptr, &before);
  struct sigaction action = {};
  action.sa_sigaction = OnFault;
  // The program decides on which stack its handler runs and which calls are restarted after it.
  action.sa_flags = SA_SIGINFO | (IsHandler(before) ? before.sa_flags & (SA_ONSTACK | SA_RESTART)
                                                    : SA_ONSTACK | SA_RESTART);
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

void EndAtWrongClaim(const GuardedSlot& slot, const GuardedClaim& claim, const char* what) {
  CallFault fault;
  FaultText& text = fault.text();
  const int64_t size = slot.size.load(std::memory_order_relaxed);
  const bool is_of_another_pool = slot.pool != claim.owner.pool;
  text << (is_of_another_pool   ? "wrong pool"
           : size != claim.size ? "wrong size"
                                : "wrong alignment")
       << ": " << what << " of a block of ";
  Bytes(text, size);
  if (is_of_another_pool) {
    text << " by pool " << Hex(claim.owner.pool) << " over " << claim.owner.backend
         << "; it is of pool " << Hex(slot.pool) << " over " << slot.backend;
  } else if (size != claim.size) {
    text << " as one of ";
    Bytes(text, claim.size);
  } else {
    text << ", aligned to " << slot.alignment << ", as one aligned to " << claim.alignment;
  }
  fault.End(&slot, what);
}

}  // namespace alkaid::internal
