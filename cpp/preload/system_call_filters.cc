// Watches the filters of system calls (seccomp) that the program installs for itself.
//
// A filter may end the process for a call that it does not allow, and writing a heap file makes
// more calls than malloc. So each filter is asked beforehand what it would do with these calls; if
// it would end the process, the library leaves such files out
// (heap/tracking/confinement_internal.h).
//
// Two other calls are watched in the same way: giving up the clock (PR_SET_TSC), and giving up
// everything but reading and writing (the strict mode of seccomp).
//
// A program may pass something that is not a filter, to learn what the kernel supports. So before a
// filter is read, the kernel is asked whether the memory is readable, by a call that malloc makes
// too.
//
// Watched are calls by prctl, and by syscall as libseccomp makes them. A program's own system call
// instruction is not seen. Everything else is passed on by a jump: the code between a call and its
// return may not exist any more afterwards, as when the call makes a process.
//
// Ownership: none. Threads: any. Out of memory: nothing is allocated.

#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdint>
#include <ctime>

#include "alkaid/heap/tracking/clock_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/malloc_events_internal.h"
#include "alkaid/heap/tracking/mapped_memory_internal.h"
#include "preload/filter_verdict_internal.h"
#include "preload/next_allocator_internal.h"

namespace {

using alkaid::heap::kNoFiles;
using alkaid::heap::kNoThreads;
using alkaid::heap::kNoWaiting;
using alkaid::heap::kNoWrite;
using alkaid::heap::kOnlyWrite;
using alkaid::heap::preload::EndsWhoSaysALine;
using alkaid::heap::preload::EndsWhoStartsThreads;
using alkaid::heap::preload::EndsWhoWaits;
using alkaid::heap::preload::EndsWhoWritesFiles;
using alkaid::heap::preload::EndsWhoWritesToStderr;
using alkaid::heap::preload::NextDefinition;

using SystemCall = long(long, long, long, long, long, long, long);
using Prctl = int(int, unsigned long, unsigned long, unsigned long, unsigned long);

}  // namespace

extern "C" {

// Looked up at load, before anything can be called here.
__attribute__((visibility("hidden"))) void* alkaid_next_syscall = nullptr;
__attribute__((visibility("hidden"))) void* alkaid_next_prctl = nullptr;

}  // extern "C"

namespace {

// Checks by waiting for a word in each page, for no time.
bool IsReadable(const void* begin, size_t nbytes) {
  constexpr uint64_t kPage = alkaid::heap::kPageSize;
  const auto address = reinterpret_cast<uint64_t>(begin);
  if (address + nbytes < address) return false;
  const int kept = errno;
  const timespec no_time = {};
  bool is_readable = true;
  for (uint64_t page = address & ~(kPage - 1); page < address + nbytes && is_readable;
       page += kPage) {
    const long result = reinterpret_cast<SystemCall*>(alkaid_next_syscall)(
        SYS_futex, static_cast<long>(page), FUTEX_WAIT_PRIVATE, 0, reinterpret_cast<long>(&no_time),
        0, 0);
    is_readable = result == 0 || errno != EFAULT;
  }
  errno = kept;
  return is_readable;
}

// What a filter at `place`, which may be anywhere, ends a thread for.
int ConfinementBy(const sock_fprog* place) {
  // A thread that may not ask assumes the worst.
  if (!alkaid::heap::MayWait()) {
    return kNoFiles | kNoThreads | kNoWaiting | kOnlyWrite | kNoWrite;
  }
  if (!IsReadable(place, sizeof(*place))) return 0;
  const sock_fprog filter = *place;
  if (!IsReadable(filter.filter, filter.len * sizeof(*filter.filter))) return 0;
  return (EndsWhoWritesFiles(filter) ? kNoFiles : 0) |
         (EndsWhoStartsThreads(filter) ? kNoThreads : 0) | (EndsWhoWaits(filter) ? kNoWaiting : 0) |
         (EndsWhoSaysALine(filter) ? kOnlyWrite : 0) |
         (EndsWhoWritesToStderr(filter) ? kNoWrite : 0);
}

// Sets a filter by `call`; `is_set` interprets the result. Null means no filter.
template <typename Call, typename IsSet>
auto SetFilter(const sock_fprog* filter, bool every_thread, const Call& call, const IsSet& is_set) {
  const int what = filter != nullptr ? ConfinementBy(filter) : 0;
  if (filter != nullptr) alkaid_track_confining(what);  // also for 0: calls may fail
  const auto result = call();
  if (what != 0 && is_set(result)) alkaid_track_confined(what, every_thread ? 1 : 0);
  return result;
}

template <typename Call>
auto SetStrict(const Call& call) {
  alkaid_track_confining(0);
  const auto result = call();
  if (result == 0) alkaid_track_strict();
  return result;
}

template <typename Call>
auto GiveUpClock(const Call& call) {
  const bool stopped = alkaid_track_stop_clock();
  const auto result = call();
  if (stopped && result != 0) alkaid_track_go_on_clock();
  if (stopped && result == 0) {
    alkaid_track_notice(
        "the program disables the processor's clock (PR_SET_TSC): for what it allocates from now "
        "on the time stands still");
  }
  return result;
}

// Handles prctl, however it is called.
template <typename Call>
auto WatchPrctl(long option, unsigned long argument, unsigned long filter, const Call& call) {
  const auto is_set = [](auto result) { return result == 0; };
  if (option == PR_SET_TSC && argument == PR_TSC_SIGSEGV) return GiveUpClock(call);
  if (option != PR_SET_SECCOMP) return call();
  if (argument == SECCOMP_MODE_STRICT) return SetStrict(call);
  return SetFilter(
      argument == SECCOMP_MODE_FILTER ? reinterpret_cast<const sock_fprog*>(filter) : nullptr,
      /*every_thread=*/false, call, is_set);
}

}  // namespace

extern "C" {

__attribute__((visibility("hidden"))) void alkaid_look_up_calls() {
  if (alkaid_next_prctl == nullptr) alkaid_next_prctl = NextDefinition("prctl");
  if (alkaid_next_syscall == nullptr) alkaid_next_syscall = NextDefinition("syscall");
}

// seccomp(operation, flags, filter)
__attribute__((visibility("hidden"))) long alkaid_call_seccomp(long number, long operation,
                                                               long flags, long filter) {
  alkaid_look_up_calls();
  const auto call = [&] {
    return reinterpret_cast<SystemCall*>(alkaid_next_syscall)(number, operation, flags, filter, 0,
                                                              0, 0);
  };
  if (operation == SECCOMP_SET_MODE_STRICT) return SetStrict(call);
  if (operation != SECCOMP_SET_MODE_FILTER) return call();
  // With TSYNC the result says which thread refused.
  const bool listens = (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
  return SetFilter(reinterpret_cast<const sock_fprog*>(filter),
                   (flags & SECCOMP_FILTER_FLAG_TSYNC) != 0, call,
                   [&](long result) { return result == 0 || (listens && result > 0); });
}

__attribute__((visibility("hidden"))) long alkaid_call_prctl_by_number(
    long number, long option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  alkaid_look_up_calls();
  return WatchPrctl(option, a, b, [&] {
    return reinterpret_cast<SystemCall*>(alkaid_next_syscall)(
        number, option, static_cast<long>(a), static_cast<long>(b), static_cast<long>(c),
        static_cast<long>(d), 0);
  });
}

__attribute__((visibility("hidden"))) int alkaid_call_prctl(int option, unsigned long a,
                                                            unsigned long b, unsigned long c,
                                                            unsigned long d) {
  alkaid_look_up_calls();
  return WatchPrctl(option, a, b, [&] {
    return reinterpret_cast<Prctl*>(alkaid_next_prctl)(option, a, b, c, d);
  });
}

[[gnu::constructor]] static void LookUpAtLoad() { alkaid_look_up_calls(); }

#define ALKAID_TEXT_OF(x) #x
#define ALKAID_TEXT(x) ALKAID_TEXT_OF(x)

// Another library's constructor may call before this one's has run. The registers of the call are
// then saved around the lookup.
#define ALKAID_WATCHED(number, given, watched) \
  "cmp $" ALKAID_TEXT(number) ", " given "\n je " watched "\n"
#define ALKAID_PASSED_ON(next)                                                                  \
  "movq " next                                                                                  \
  "(%rip), %rax\n"                                                                              \
  "testq %rax, %rax\n jz 1f\n jmp *%rax\n"                                                      \
  "1: pushq %rdi\n pushq %rsi\n pushq %rdx\n pushq %rcx\n pushq %r8\n pushq %r9\n pushq %rax\n" \
  "call alkaid_look_up_calls\n"                                                                 \
  "popq %rax\n popq %r9\n popq %r8\n popq %rcx\n popq %rdx\n popq %rsi\n popq %rdi\n"           \
  "jmp *" next "(%rip)\n"

[[gnu::naked]] ALKAID_EXPORT long syscall(long, ...) {
  asm(ALKAID_WATCHED(__NR_seccomp, "%rdi", "alkaid_call_seccomp")        //
      ALKAID_WATCHED(__NR_prctl, "%rdi", "alkaid_call_prctl_by_number")  //
      ALKAID_PASSED_ON("alkaid_next_syscall"));
}

[[gnu::naked]] ALKAID_EXPORT int prctl(int, ...) {
  asm(ALKAID_WATCHED(PR_SET_SECCOMP, "%edi", "alkaid_call_prctl")  //
      ALKAID_WATCHED(PR_SET_TSC, "%edi", "alkaid_call_prctl")      //
      ALKAID_PASSED_ON("alkaid_next_prctl"));
}

}  // extern "C"
