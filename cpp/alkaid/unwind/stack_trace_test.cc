#include "alkaid/unwind/stack_trace.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <ucontext.h>

#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fixtures/winding_calls.h"

namespace alkaid::unwind {
namespace {

constexpr int kMaxFrames = 128;

std::vector<uint64_t> Capture(Unwinder unwinder, int max_frames = kMaxFrames) {
  std::vector<uint64_t> frames(kMaxFrames);
  frames.resize(static_cast<size_t>(CaptureStack(unwinder, frames.data(), max_frames)));
  return frames;
}

// The same, with the start of each frame: (return address, stack pointer).
std::vector<std::pair<uint64_t, uint64_t>> CapturePlaces(Unwinder unwinder) {
  std::vector<uint64_t> frames(kMaxFrames);
  std::vector<uint64_t> pointers(kMaxFrames);
  const int depth = CaptureStackPlaces(unwinder, frames.data(), pointers.data(), kMaxFrames);
  std::vector<std::pair<uint64_t, uint64_t>> places;
  for (size_t i = 0; i < static_cast<size_t>(depth); ++i) {
    places.emplace_back(frames[i], pointers[i]);
  }
  return places;
}

// What two unwinders see from the same place. The frames in which the two calls differ are left
// out.
struct Sight {
  std::vector<uint64_t> rules;
  std::vector<uint64_t> runtime;
  int looks = 0;
  uint64_t runtime_walks = 0;
};

[[gnu::noinline]] void LookBothWays(void* argument) {
  auto* const sight = static_cast<Sight*>(argument);
  const uint64_t before = CountOfRuntimeWalks();
  sight->rules = Capture(Unwinder::kCallFrameInfo);
  sight->runtime_walks += CountOfRuntimeWalks() - before;
  sight->runtime = Capture(Unwinder::kRuntime);
  ++sight->looks;
  // In Capture, and in this function.
  ASSERT_GT(sight->rules.size(), 4u);
  EXPECT_EQ(std::vector<uint64_t>(sight->rules.begin() + 2, sight->rules.end()),
            std::vector<uint64_t>(sight->runtime.begin() + 2, sight->runtime.end()));
  const auto by_rules = CapturePlaces(Unwinder::kCallFrameInfo);
  const auto by_runtime = CapturePlaces(Unwinder::kRuntime);
  ASSERT_EQ(by_rules.size(), sight->rules.size());
  ASSERT_EQ(by_runtime.size(), by_rules.size());
  for (size_t i = 2; i < by_rules.size(); ++i) {
    EXPECT_EQ(by_rules[i].first, sight->rules[i]);
    EXPECT_EQ(by_rules[i], by_runtime[i]) << i;
    EXPECT_GT(by_rules[i].second, by_rules[i - 1].second);
  }
  const auto own = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
  EXPECT_LE(by_rules[1].second, own);
  EXPECT_LT(own, by_rules[2].second);
}

class WindingStacks : public testing::TestWithParam<WindingCall> {};

TEST_P(WindingStacks, AreTheSameByRulesAsByTheRuntime) {
  Sight sight;
  GetParam().run(LookBothWays, &sight);
  EXPECT_GT(sight.looks, 0);
#if defined(__x86_64__)
  EXPECT_EQ(sight.runtime_walks, 0u) << "no rule was found for some frame";
#endif
}

INSTANTIATE_TEST_SUITE_P(All, WindingStacks, testing::ValuesIn(AllWindingCalls()),
                         [](const auto& call) { return call.param.name; });

// A sanitizer reports a forbidden read before the processor does.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// What a handler saw of the code that it interrupted.
std::vector<uint64_t> interrupted_frames;
sigjmp_buf after_interruption;

void SeeInterrupted(int, siginfo_t*, void* context) {
  interrupted_frames.resize(kMaxFrames);
  interrupted_frames.resize(
      static_cast<size_t>(CaptureInterruptedStack(context, interrupted_frames.data(), kMaxFrames)));
  siglongjmp(after_interruption, 1);
}

[[gnu::noinline]] int ReadNothing() {
  const volatile int* volatile nothing = nullptr;
  return *nothing;
}

// The frames above this function's, as CaptureStack sees them.
[[gnu::noinline]] std::vector<uint64_t> FaultAndCapture() {
  if (sigsetjmp(after_interruption, 1) == 0) ADD_FAILURE() << ReadNothing();
  const std::vector<uint64_t> frames = Capture(Unwinder::kCallFrameInfo);
  return {frames.begin() + 2, frames.end()};  // in Capture, and here
}

TEST(StackTrace, OfAnInterruptedInstructionBeginsThereAndGoesOnToItsCallers) {
  struct sigaction action = {};
  struct sigaction old = {};
  action.sa_sigaction = SeeInterrupted;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, &old);
  const std::vector<uint64_t> callers = FaultAndCapture();
  sigaction(SIGSEGV, &old, nullptr);
  ASSERT_EQ(interrupted_frames.size(), callers.size() + 2);
  EXPECT_TRUE(std::equal(callers.begin(), callers.end(), interrupted_frames.begin() + 2));
  const auto start = reinterpret_cast<uint64_t>(&ReadNothing);
  EXPECT_TRUE(interrupted_frames[0] > start && interrupted_frames[0] < start + 200);
}

TEST(StackTrace, OfAnInterruptionThatIsInNoCodeIsThatAddress) {
  struct sigaction action = {};
  struct sigaction old = {};
  action.sa_sigaction = SeeInterrupted;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, &old);
  if (sigsetjmp(after_interruption, 1) == 0) {
    void (*volatile nowhere)() = reinterpret_cast<void (*)()>(uint64_t{8});
    nowhere();
  }
  sigaction(SIGSEGV, &old, nullptr);
  EXPECT_EQ(interrupted_frames, std::vector<uint64_t>{9});
}
#endif

TEST(StackTrace, EndsAtTheMostFramesThatWereAskedFor) {
  const auto all = Capture(Unwinder::kCallFrameInfo);
  for (int most : {1, 2, 3}) {
    const auto some = Capture(Unwinder::kCallFrameInfo, most);
    EXPECT_EQ(some.size(), static_cast<size_t>(most));
    EXPECT_EQ(some.size() < 3 ? all[2] : some[2], all[2]);
  }
  EXPECT_TRUE(Capture(Unwinder::kCallFrameInfo, 0).empty());
}

TEST(StackTrace, IsShownAsFarAsItIsWanted) {
  struct Visit {
    std::vector<uint64_t> frames;
    size_t wanted;
  };
  const auto take = [](void* taker, uint64_t address) {
    auto* const visit = static_cast<Visit*>(taker);
    visit->frames.push_back(address);
    return visit->frames.size() < visit->wanted;
  };
  Visit all = {{}, SIZE_MAX};
  Visit two = {{}, 2};
  std::vector<uint64_t> captured(kMaxFrames);
  captured.resize(
      static_cast<size_t>(CaptureStack(Unwinder::kRuntime, captured.data(), kMaxFrames)));
  VisitStack(take, &all);
  VisitStack(take, &two);
  ASSERT_GT(captured.size(), 3);
  ASSERT_EQ(all.frames.size(), captured.size());
  EXPECT_TRUE(std::equal(all.frames.begin() + 1, all.frames.end(), captured.begin() + 1));
  EXPECT_EQ(two.frames.size(), 2);
  EXPECT_EQ(two.frames[1], captured[1]);
}

TEST(StackTrace, FramePointersLeadThroughCodeThatKeepsThemOnly) {
  // This program has frame pointers.
  const auto by_rules = Capture(Unwinder::kCallFrameInfo);
  const auto by_pointers = Capture(Unwinder::kFramePointers);
  ASSERT_GE(by_pointers.size(), 3u);
  EXPECT_EQ(by_pointers[2], by_rules[2]);
  // The control, and the reason for the default unwinder: code without frame pointers loses frames.
  std::vector<uint64_t> lost;
  AllWindingCalls()[1].run(
      [](void* argument) {
        *static_cast<std::vector<uint64_t>*>(argument) = Capture(Unwinder::kFramePointers);
      },
      &lost);
  std::vector<uint64_t> found;
  AllWindingCalls()[1].run(
      [](void* argument) {
        *static_cast<std::vector<uint64_t>*>(argument) = Capture(Unwinder::kCallFrameInfo);
      },
      &found);
  EXPECT_GT(found.size(), 30u);
  EXPECT_LT(lost.size(), found.size());
}

// A chain of frame pointers that leads into a hole of the address space.
struct Astray {
  int depth = -1;
};
Astray* astray;
ucontext_t coroutine;
ucontext_t starter;

[[gnu::noinline]] void WalkFromACoroutine() {
  // What a function leaves there that uses rbp for something else.
  auto* const frame = static_cast<uint64_t*>(__builtin_frame_address(0));
  const uint64_t kept = frame[0];
  frame[0] = (reinterpret_cast<uint64_t>(frame) + (uint64_t{1} << 40)) & ~uint64_t{7};
  std::vector<uint64_t> frames(kMaxFrames);
  astray->depth = CaptureStack(Unwinder::kFramePointers, frames.data(), kMaxFrames);
  frame[0] = kept;
  asm volatile("" : : : "memory");
}

TEST(StackTrace, FramePointersAreNotFollowedOutOfACoroutinesStack) {
  Astray seen;
  astray = &seen;
  std::vector<char> stack(256 << 10);
  getcontext(&coroutine);
  coroutine.uc_stack.ss_sp = stack.data();
  coroutine.uc_stack.ss_size = stack.size();
  coroutine.uc_link = &starter;
  makecontext(&coroutine, WalkFromACoroutine, 0);
  swapcontext(&starter, &coroutine);
  EXPECT_GE(seen.depth, 1);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
Sight signal_sight;
void LookInHandler(int) { LookBothWays(&signal_sight); }

TEST(StackTrace, AFrameThatASignalMadeIsLeftToTheRuntime) {
  signal_sight = {};
  const auto old = std::signal(SIGUSR1, LookInHandler);
  std::raise(SIGUSR1);
  std::signal(SIGUSR1, old);
  EXPECT_EQ(signal_sight.looks, 1);
  EXPECT_GT(signal_sight.runtime_walks, 0u);
}

constexpr Unwinder kUnwinders[] = {Unwinder::kCallFrameInfo, Unwinder::kFramePointers,
                                   Unwinder::kRuntime};
std::vector<uint64_t> seen_frames;
Unwinder looks_by = Unwinder::kRuntime;

[[gnu::noinline]] void RaiseHere() { std::raise(SIGUSR1); }

TEST(StackTrace, WhatASignalInterruptedIsFoundPastTheHandler) {
  const auto old = std::signal(SIGUSR1, [](int) { seen_frames = Capture(looks_by); });
  for (const Unwinder unwinder : {Unwinder::kCallFrameInfo, Unwinder::kRuntime}) {
    looks_by = unwinder;
    RaiseHere();
    const auto function = reinterpret_cast<uint64_t>(&RaiseHere);
    EXPECT_TRUE(std::ranges::any_of(
        seen_frames, [&](uint64_t pc) { return pc > function && pc < function + 64; }));
  }
  std::signal(SIGUSR1, old);
}

#if defined(__x86_64__)
// Three ways to a false return address: a stack that was used before and has no caller at its top,
// call frame information that omits pushes, and a call of something that is not a function.
constexpr uint64_t kGarbage = 0x7b7b7b7b7b7b7b7b;
extern "C" {
void alkaid_test_enter(void* stack_top, void (*function)());
void alkaid_test_leave();
void alkaid_test_call_with_wrong_rules(void (*function)());
}
asm(R"(
  .text
  .type alkaid_test_enter,@function
alkaid_test_enter:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, alkaid_test_saved(%rip)
  mov %rdi, %rsp
  jmp *%rsi
  .size alkaid_test_enter, .-alkaid_test_enter
  .type alkaid_test_leave,@function
alkaid_test_leave:
  mov alkaid_test_saved(%rip), %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
  .size alkaid_test_leave, .-alkaid_test_leave
  .local alkaid_test_saved
  .comm alkaid_test_saved, 8, 8
  .type alkaid_test_call_with_wrong_rules,@function
alkaid_test_call_with_wrong_rules:
  .cfi_startproc
  push %rbx
  movabs $0x7b7b7b7b7b7b7b7b, %rbx
  push %rbx
  push %rbx
  call *%rdi
  pop %rbx
  pop %rbx
  pop %rbx
  ret
  .cfi_endproc
  .size alkaid_test_call_with_wrong_rules, .-alkaid_test_call_with_wrong_rules
)");

void LookByEach() {
  for (const Unwinder unwinder : kUnwinders) {
    const auto frames = Capture(unwinder);
    seen_frames.insert(seen_frames.end(), frames.begin(), frames.end());
    EXPECT_GE(frames.size(), 2u);
  }
}

bool SawGarbage() { return std::ranges::find(seen_frames, kGarbage) != seen_frames.end(); }

TEST(StackTrace, EndsAtTheTopOfACoroutinesStackThatWasUsedBefore) {
  seen_frames.clear();
  std::vector<uint64_t> stack(32 << 10, kGarbage);
  const auto top = reinterpret_cast<uint64_t>(stack.data() + stack.size() - 8);
  alkaid_test_enter(reinterpret_cast<void*>(top / 16 * 16 - 8), [] {
    LookByEach();
    alkaid_test_leave();
  });
  EXPECT_FALSE(SawGarbage());
}

TEST(StackTrace, EndsWhereCallFrameInformationIsWrong) {
  seen_frames.clear();
  alkaid_test_call_with_wrong_rules(LookByEach);
  EXPECT_FALSE(SawGarbage());
}

sigjmp_buf after_fault;

TEST(StackTrace, EndsWhereAHandlerRunsBecauseNoFunctionWasCalled) {
  seen_frames.clear();
  const auto old = std::signal(SIGSEGV, [](int) {
    LookByEach();
    siglongjmp(after_fault, 1);
  });
  for (const uint64_t address : {uint64_t{0}, uint64_t{8}, kGarbage & 0x7fffffffffff}) {
    if (sigsetjmp(after_fault, 1) == 0) {
      void (*volatile nowhere)() = reinterpret_cast<void (*)()>(address);
      nowhere();
    }
  }
  std::signal(SIGSEGV, old);
  EXPECT_GE(seen_frames.size(), 18u);
}
#endif
#endif

}  // namespace
}  // namespace alkaid::unwind
