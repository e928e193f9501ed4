#include "alkaid/unwind/stack_trace.h"

#include <pthread.h>
#include <ucontext.h>
#include <unwind.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "alkaid/unwind/call_frame_info_internal.h"

// Where the first thread's stack began; from the C library.
extern "C" void* __libc_stack_end;

namespace alkaid::unwind {
namespace {

// The state of one frame, as it will be once the call that it made has returned.
struct Frame {
  uint64_t pc;
  uint64_t rsp;
  uint64_t rbp;
};

// No part of a frame is above this. A thread's own block (where its thread pointer points) is at
// the top of its stack; only the first thread's stack is above its block.
uint64_t TopOfStack(uint64_t rsp) {
  const auto thread = reinterpret_cast<uint64_t>(__builtin_thread_pointer());
  return thread > rsp ? thread : reinterpret_cast<uint64_t>(__libc_stack_end);
}

// Whether `rsp` is in the stack that the thread was started with, and not in a coroutine's or a
// signal handler's: there may be holes between such a stack and the top. Asks the C library once,
// which asks the kernel; if that is refused, no stack is known.
bool IsOwnStack(uint64_t rsp) {
  struct Bounds {
    uint64_t low;
    uint64_t high;
  };
  static constinit thread_local Bounds own __attribute__((tls_model("initial-exec"))) = {0, 0};
  if (own.high == 0) {
    pthread_attr_t attributes;
    const int error = pthread_getattr_np(pthread_self(), &attributes);
    if (error != 0) {
      if (error != ENOMEM) own.high = own.low = 1;
      return false;
    }
    void* low = nullptr;
    size_t size = 0;
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
    own.low = reinterpret_cast<uint64_t>(low);
    own.high = own.low + size;
  }
  return own.low <= rsp && rsp < own.high;
}

// Reads words of the stack, and nothing outside it.
class Stack {
 public:
  explicit Stack(uint64_t bottom) : bottom_(bottom), top_(TopOfStack(bottom)) {}

  __attribute__((no_sanitize("address", "thread"))) bool Load(uint64_t address,
                                                              uint64_t* word) const {
    if (address < bottom_ || address > top_ - sizeof(*word) || address % sizeof(*word) != 0) {
      return false;
    }
    *word = *reinterpret_cast<const volatile uint64_t*>(address);
    return true;
  }

 private:
  const uint64_t bottom_;
  const uint64_t top_;
};

__attribute__((no_sanitize("address", "thread"))) uint64_t LoadCode(uint64_t address) {
  uint64_t word;
  std::memcpy(&word, reinterpret_cast<const void*>(address), sizeof(word));
  return word;
}

// A hash of the instructions that a rule belongs to: the aligned word that holds the call's last
// byte, and those that set up the function's frame. They differ if another library, or a rebuilt
// one, was loaded in place of an unloaded one. Only for addresses of code: those for which a rule
// was found.
uint64_t CodeOf(uint64_t pc, uint64_t function) {
  uint64_t code = LoadCode((pc - 1) & ~uint64_t{7});
  if (pc - function >= 8) code = code * 31 + LoadCode(function);
  if (pc - function >= 16) code = code * 31 + LoadCode(function + 8);
  return code;
}

// The known rules, by address. The words of an entry check one another, so that a torn entry, or
// one of code that is gone, does not match. A later entry overwrites an earlier one.
class RuleCache {
 public:
  UnwindRule Get(uint64_t pc) {
    const Entry& entry = entries_[Slot(pc)];
    const uint64_t word = entry.rule.load(std::memory_order_relaxed);
    const uint64_t function = entry.function.load(std::memory_order_relaxed);
    if ((entry.key.load(std::memory_order_relaxed) ^ Mix(word + function)) == pc) [[likely]] {
      const UnwindRule rule = UnwindRule::Unpack(word);
      if (entry.code.load(std::memory_order_relaxed) == Check(pc, rule, function)) [[likely]]
        return rule;
    }
    return Find(pc);
  }

  // Looks the rule up again.
  [[gnu::noinline]] UnwindRule Find(uint64_t pc) {
    uint64_t function = 0;
    const UnwindRule rule = FindUnwindRule(pc, &function);
    const uint64_t word = rule.Pack();
    Entry& entry = entries_[Slot(pc)];
    entry.key.store(pc ^ Mix(word + function), std::memory_order_relaxed);
    entry.rule.store(word, std::memory_order_relaxed);
    entry.function.store(function, std::memory_order_relaxed);
    entry.code.store(Check(pc, rule, function), std::memory_order_relaxed);
    return rule;
  }

 private:
  struct alignas(32) Entry {
    std::atomic<uint64_t> key;
    std::atomic<uint64_t> rule;
    std::atomic<uint64_t> function;
    std::atomic<uint64_t> code;
  };
  static constexpr int kSlotBits = 13;

  static uint64_t Mix(uint64_t word) { return word * 0x9e3779b97f4a7c15; }
  static size_t Slot(uint64_t pc) { return Mix(pc) >> (64 - kSlotBits); }
  // An address without a rule may not be code, and is never read.
  static uint64_t Check(uint64_t pc, const UnwindRule& rule, uint64_t function) {
    return (rule.kind == UnwindRule::kElsewhere ? 0 : CodeOf(pc, function)) ^ pc;
  }

  Entry entries_[size_t{1} << kSlotBits];
};

constinit RuleCache rule_cache{};

// Code that agrees in everything that is compared may still have another frame: one in this many
// walks of a thread looks up all its rules again.
constexpr uint32_t kLookUpEvery = 1024;
constinit thread_local uint32_t walks __attribute__((tls_model("initial-exec"))) = 0;

// Goes from a frame to its caller's by a rule. Returns false if the caller's frame would be outside
// the stack or below the frame, as by a wrong rule. The C++ runtime, which uses the same tables,
// must not follow it either.
inline bool Step(const UnwindRule& rule, const Stack& stack, Frame* frame) {
  uint64_t cfa = static_cast<uint64_t>(int64_t{rule.cfa_offset});
  if (rule.kind == UnwindRule::kFromRsp) {
    cfa += frame->rsp;
  } else {
    cfa += frame->rbp;
    if (rule.kind == UnwindRule::kDerefRbp && !stack.Load(cfa, &cfa)) return false;
  }
  if (cfa <= frame->rsp) return false;
  uint64_t rbp = frame->rbp;
  const auto rbp_offset = static_cast<uint64_t>(int64_t{rule.rbp_offset});
  if (rule.saved_rbp == UnwindRule::kAtCfa && !stack.Load(cfa + rbp_offset, &rbp)) return false;
  if (rule.saved_rbp == UnwindRule::kAtRbp && !stack.Load(frame->rbp + rbp_offset, &rbp)) {
    return false;
  }
  if (!stack.Load(cfa - 8, &frame->pc)) return false;
  frame->rsp = cfa;
  frame->rbp = rbp;
  return true;
}

// Whether `pc` is the code that a signal handler returns to: mov $15, %rax; syscall. Only for
// addresses of code.
bool IsReturnFromSignal(uint64_t pc) {
  return LoadCode(pc) == 0x0f0000000fc0c748u && (LoadCode(pc + 1) >> 56) == 0x05;
}

// Where frames are stored. FramesAndPlaces also stores where each frame begins on the stack;
// most walks do not need that, and pay nothing for it.
struct Frames {
  uint64_t* frames;

  void Set(int at, const Frame& frame) const { frames[at] = frame.pc; }
};
struct FramesAndPlaces {
  uint64_t* frames;
  uint64_t* stack_pointers;

  void Set(int at, const Frame& frame) const {
    frames[at] = frame.pc;
    stack_pointers[at] = frame.rsp;
  }
};

// Returns how many frames, or -1 if a rule does not say how to go on.
template <typename Out>
int WalkByRules(Frame frame, Out out, int max_frames) {
  const bool look_up = ++walks % kLookUpEvery == 0;
  const Stack stack(frame.rsp - 16);
  for (int depth = 0;;) {
    out.Set(depth++, frame);
    if (depth == max_frames) return depth;
    const UnwindRule rule = look_up ? rule_cache.Find(frame.pc) : rule_cache.Get(frame.pc);
    if (rule.kind == UnwindRule::kEnd) return depth;
    if (rule.kind == UnwindRule::kElsewhere) [[unlikely]] {
      if (KindOfCode(frame.pc) != CodeKind::kNone) return -1;
      return std::max(depth - 1, 1);  // that one is not code; the first is the caller's own
    }
    if (!Step(rule, stack, &frame) || frame.pc == 0) return depth;
  }
}

template <typename Out>
int WalkByFramePointers(Frame frame, Out out, int max_frames) {
  const Stack stack(frame.rsp - 16);
  for (int depth = 0;;) {
    out.Set(depth++, frame);
    if (depth == max_frames) return depth;
    uint64_t rbp = 0;
    if (frame.rbp < frame.rsp || !stack.Load(frame.rbp, &rbp) ||
        !stack.Load(frame.rbp + 8, &frame.pc) || frame.pc == 0) {
      return depth;
    }
    frame.rsp = frame.rbp + 16;
    frame.rbp = rbp;
  }
}

constinit std::atomic<uint64_t> runtime_walks{0};

struct RuntimeWalk {
  uint64_t first;  // frames below this one are the walker's own
  bool (*take)(void* taker, const Frame& frame);
  void* taker;
  bool begun;
};

// Whether the runtime may go on from a frame. It reads code at the caller's address before it calls
// back, so this finds that address first, in the same way.
bool MayGoOn(_Unwind_Context* context) {
#if defined(__x86_64__)
  int interrupted = 0;  // by a signal: the address is not a return address
  const uint64_t pc = _Unwind_GetIPInfo(context, &interrupted);
  Frame frame = {pc, _Unwind_GetCFA(context),
                 static_cast<uint64_t>(_Unwind_GetGR(context, 6))};  // rbp, by DWARF's number
  const uint64_t return_address = pc + (interrupted != 0 ? 1 : 0);
  const CodeKind kind = KindOfCode(return_address);
  uint64_t function = 0;
  const UnwindRule rule = kind == CodeKind::kLibrarys
                              ? rule_cache.Get(return_address)
                              : FindRegisteredUnwindRule(return_address, &function);
  if (rule.kind == UnwindRule::kEnd) return true;
  const Stack stack(frame.rsp - 16);
  if (rule.kind != UnwindRule::kElsewhere) {
    return Step(rule, stack, &frame) && (frame.pc == 0 || KindOfCode(frame.pc) != CodeKind::kNone);
  }
  if (kind != CodeKind::kLibrarys || !IsReturnFromSignal(pc)) return false;
  // The kernel stored the interrupted code's registers on the stack; this one is rip.
  constexpr uint64_t kRipOffset = 168;
  return stack.Load(frame.rsp + kRipOffset, &frame.pc) &&
         KindOfCode(frame.pc + 1) != CodeKind::kNone;
#else
  return context != nullptr;
#endif
}

_Unwind_Reason_Code AddFrame(_Unwind_Context* context, void* argument) {
  auto* const walk = static_cast<RuntimeWalk*>(argument);
  const uint64_t pc = _Unwind_GetIP(context);
  walk->begun = walk->begun || pc == walk->first;
  const Frame frame = {pc, _Unwind_GetCFA(context), 0};
  if (walk->begun && (pc == 0 || !walk->take(walk->taker, frame))) return _URC_END_OF_STACK;
  return MayGoOn(context) ? _URC_NO_REASON : _URC_END_OF_STACK;
}

void WalkByRuntime(const Frame& first, bool (*take)(void* taker, const Frame& frame), void* taker) {
  RuntimeWalk walk = {first.pc, take, taker, false};
  _Unwind_Backtrace(AddFrame, &walk);
  if (!walk.begun) take(taker, first);
}

template <typename Out>
int WalkByRuntime(const Frame& first, Out out, int max_frames) {
  struct Taken {
    Out out;
    int max_frames;
    int depth;
  };
  Taken taken = {out, max_frames, 0};
  const auto take = [](void* taker, const Frame& frame) {
    auto* const into = static_cast<Taken*>(taker);
    into->out.Set(into->depth++, frame);
    return into->depth < into->max_frames;
  };
  WalkByRuntime(first, take, &taken);
  return taken.depth;
}

template <typename Out>
[[gnu::always_inline]] inline int Walk(Unwinder unwinder, const Frame& caller, Out out,
                                       int max_frames) {
  int depth = -1;
#if defined(__x86_64__)
  if (unwinder == Unwinder::kCallFrameInfo) depth = WalkByRules(caller, out, max_frames);
  if (unwinder == Unwinder::kFramePointers && IsOwnStack(caller.rsp)) {
    depth = WalkByFramePointers(caller, out, max_frames);
  }
#endif
  if (depth < 0) {
    if (unwinder != Unwinder::kRuntime) runtime_walks.fetch_add(1, std::memory_order_relaxed);
    depth = WalkByRuntime(caller, out, max_frames);
  }
  return depth;
}

}  // namespace

[[gnu::noinline]] int CaptureStack(Unwinder unwinder, uint64_t* frames, int max_frames) {
  if (max_frames <= 0) return 0;
  const auto own = reinterpret_cast<const uint64_t*>(__builtin_frame_address(0));
  const Frame caller = {reinterpret_cast<uint64_t>(__builtin_return_address(0)),
                        reinterpret_cast<uint64_t>(own + 2), own[0]};
  return Walk(unwinder, caller, Frames{frames}, max_frames);
}

[[gnu::noinline]] int CaptureStackPlaces(Unwinder unwinder, uint64_t* frames,
                                         uint64_t* stack_pointers, int max_frames) {
  if (max_frames <= 0) return 0;
  const auto own = reinterpret_cast<const uint64_t*>(__builtin_frame_address(0));
  const Frame caller = {reinterpret_cast<uint64_t>(__builtin_return_address(0)),
                        reinterpret_cast<uint64_t>(own + 2), own[0]};
  return Walk(unwinder, caller, FramesAndPlaces{frames, stack_pointers}, max_frames);
}

[[gnu::noinline]] void VisitStack(bool (*take)(void* taker, uint64_t address), void* taker) {
  struct Taker {
    bool (*take)(void* taker, uint64_t address);
    void* taker;
  } visitor = {take, taker};
  const auto show = [](void* into, const Frame& frame) {
    const auto* const to = static_cast<Taker*>(into);
    return to->take(to->taker, frame.pc);
  };
  WalkByRuntime({reinterpret_cast<uint64_t>(__builtin_return_address(0)), 0, 0}, show, &visitor);
}

int CaptureInterruptedStack(const void* context, uint64_t* frames, int max_frames) {
  int depth = 0;
#if defined(__x86_64__)
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs;
  Frame frame = {static_cast<uint64_t>(registers[REG_RIP]) + 1,
                 static_cast<uint64_t>(registers[REG_RSP]),
                 static_cast<uint64_t>(registers[REG_RBP])};
  const Stack stack(frame.rsp - 16);
  while (depth < max_frames && frame.pc != 0) {
    frames[depth++] = frame.pc;
    const UnwindRule rule = rule_cache.Get(frame.pc);
    if (rule.kind == UnwindRule::kEnd || rule.kind == UnwindRule::kElsewhere ||
        !Step(rule, stack, &frame)) {
      break;
    }
  }
#endif
  return depth;
}

uint64_t CountOfRuntimeWalks() { return runtime_walks.load(std::memory_order_relaxed); }

}  // namespace alkaid::unwind
