// The handler of guarded blocks' faults over the program's own action for SIGSEGV. A program
// without such a fault must not notice the handler. Each case runs in two child processes, with and
// without guarded blocks, and must end in the same way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "alkaid/core/pools/guarded_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "fixtures/child_process.h"
#include "fixtures/libc_malloc.h"
#include "fixtures/run_all_tests.h"

namespace alkaid {
namespace {

using internal::ChildResult;
using internal::kMallocIsSanitizers;
using internal::RunSelf;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The child's part.

[[gnu::format(printf, 1, 2)]] void Say(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
  std::fflush(stdout);
}

void SayWhatIsBlocked() {
  sigset_t blocked;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  for (const int signal : {SIGSEGV, SIGUSR1, SIGUSR2}) {
    if (::sigismember(&blocked, signal) == 1) Say("%s is blocked\n", ::sigabbrev_np(signal));
  }
  Say("no more is\n");
}

[[gnu::noinline]] void Fault() {
  volatile int* nowhere = nullptr;
  asm volatile("" : "+r"(nowhere));
  *(nowhere + 2) = 1;
}

sigset_t Mask(int signal) {
  sigset_t mask;
  ::sigemptyset(&mask);
  ::sigaddset(&mask, signal);
  return mask;
}

void Set(void (*handler)(int), int flags, sigset_t mask = {}) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  action.sa_mask = mask;
  ::sigaction(SIGSEGV, &action, nullptr);
}

void JustSay(int signal) { Say("handler of %d\n", signal); }
void SayMask(int /*signal*/) { SayWhatIsBlocked(); }
void SayMaskAndExit(int /*signal*/) {
  SayWhatIsBlocked();
  ::_exit(42);
}
void SayAndFault(int /*signal*/) {
  Say("handler\n");
  Fault();
}

std::jmp_buf before_fault;
void Leave(int /*signal*/) { ::longjmp(before_fault, 1); }
void Probe() {
  for (int i = 0; i < 3; ++i) {
    if (_setjmp(before_fault) == 0) {
      Fault();
    } else {
      Say("probe answered\n");
    }
  }
}

char signal_stack[64 << 10];
void SayStack(int /*signal*/) {
  const auto* const here = static_cast<const char*>(__builtin_frame_address(0));
  Say("%s stack\n", here >= signal_stack && here < signal_stack + sizeof(signal_stack)
                        ? "on the signal"
                        : "on the thread's");
  ::_exit(42);
}
void UseSignalStack() {
  const stack_t stack = {signal_stack, 0, sizeof(signal_stack)};
  ::sigaltstack(&stack, nullptr);
}

void SayInfo(int signal, siginfo_t* info, void* context) {
  Say("%d %d %p %d\n", signal, info->si_code, info->si_addr, context != nullptr);
  ::_exit(42);
}

// What the program installs before it uses a pool, and what it does then.
struct Case {
  const char* name;
  void (*set)();
  void (*act)();
};

const Case kCases[] = {
    {"nothing-set", [] {}, Fault},
    {"nothing-set-and-sent", [] {}, [] { ::raise(SIGSEGV); }},
    {"ignored", [] { Set(SIG_IGN, 0); }, Fault},
    {"ignored-and-sent", [] { Set(SIG_IGN, 0); }, [] { ::raise(SIGSEGV); }},
    {"standard-with-siginfo", [] { Set(SIG_DFL, SA_SIGINFO); }, Fault},
    {"ignored-with-siginfo-and-sent", [] { Set(SIG_IGN, SA_SIGINFO); }, [] { ::raise(SIGSEGV); }},
    {"once", [] { Set(JustSay, SA_RESETHAND); }, Fault},
    {"once-and-sent-twice", [] { Set(JustSay, SA_RESETHAND); },
     [] {
       ::raise(SIGSEGV);
       ::raise(SIGSEGV);
     }},
    {"once-and-faults-itself", [] { Set(SayAndFault, SA_RESETHAND | SA_NODEFER); }, Fault},
    {"faults-itself", [] { Set(SayAndFault, 0); }, Fault},
    {"sent-twice", [] { Set(JustSay, 0); },
     [] {
       ::raise(SIGSEGV);
       ::raise(SIGSEGV);
     }},
    {"left-by-a-jump", [] { Set(Leave, 0); }, Probe},
    {"left-by-a-jump-and-not-deferred", [] { Set(Leave, SA_NODEFER); }, Probe},
    {"mask", [] { Set(SayMaskAndExit, 0, Mask(SIGUSR1)); }, Fault},
    {"mask-and-not-deferred", [] { Set(SayMaskAndExit, SA_NODEFER, Mask(SIGUSR1)); }, Fault},
    {"masked-by-itself-and-not-deferred", [] { Set(SayMaskAndExit, SA_NODEFER, Mask(SIGSEGV)); },
     Fault},
    {"mask-of-the-thread", [] { Set(SayMaskAndExit, 0, Mask(SIGUSR1)); },
     [] {
       const sigset_t mask = Mask(SIGUSR2);
       ::pthread_sigmask(SIG_BLOCK, &mask, nullptr);
       Fault();
     }},
    {"mask-after", [] { Set(SayMask, SA_NODEFER, Mask(SIGUSR1)); },
     [] {
       ::raise(SIGSEGV);
       SayWhatIsBlocked();
     }},
    {"on-a-signal-stack",
     [] {
       UseSignalStack();
       Set(SayStack, SA_ONSTACK);
     },
     Fault},
    {"beside-a-signal-stack",
     [] {
       UseSignalStack();
       Set(SayStack, 0);
     },
     Fault},
    {"info",
     [] {
       struct sigaction action = {};
       action.sa_sigaction = SayInfo;
       action.sa_flags = SA_SIGINFO;
       ::sigaction(SIGSEGV, &action, nullptr);
     },
     Fault},
};

void ExitWith42(int /*signal*/) {
  static constexpr char kText[] = "the program's handler\n";
  if (::write(STDERR_FILENO, kText, sizeof(kText) - 1) < 0) std::abort();
  ::_exit(42);
}

int RunAsChild(const std::string& sampling, const std::string& name) {
  const Case* found = nullptr;
  for (const Case& one : kCases) {
    if (one.name == name) found = &one;
  }
  if (found != nullptr) found->set();
  if (name == "use-after-free") Set(ExitWith42, SA_RESETHAND);
  auto pool = CreateMemoryPool("system");
  uint8_t* block = nullptr;
  if (!pool.ok() || !(*pool)->Allocate(64, &block).ok()) return 3;
  if (IsGuardedAddress(block) != (sampling == "1")) return 4;
  (*pool)->Free(block, 64);
  if (found != nullptr) {
    found->act();
  } else {
    *const_cast<volatile uint8_t*>(block) = 7;
  }
  Say("came through\n");
  return 0;
}

// The parent's part.

ChildResult RunCase(const std::string& sampling, const std::string& name) {
  return RunSelf({sampling, name}, {{"ALKAID_GUARDED_SAMPLING", sampling}});
}

TEST(GuardedHandler, AProgramsOwnHandlingOfSegmentationFaultsIsAsWithoutIt) {
  if (kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer handles signals in its own way";
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.name);
    const ChildResult without = RunCase("0", one.name);
    const ChildResult with = RunCase("1", one.name);
    EXPECT_EQ(with.status, without.status);
    EXPECT_EQ(with.out, without.out);
    EXPECT_EQ(with.err, "");
  }
}

TEST(GuardedHandler, AHandlerOfTheProgramFromBeforeComesAfterTheReport) {
  const ChildResult child = RunCase("1", "use-after-free");
  EXPECT_TRUE(child.ExitedWith(42)) << child.status;
  EXPECT_THAT(child.err,
              AllOf(HasSubstr("use after free"), HasSubstr("\nthe program's handler\n")));
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  if (std::string(argv[0]) == "child" && argc == 3) return alkaid::RunAsChild(argv[1], argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
