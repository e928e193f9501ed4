// Filters of system calls (seccomp) that the program sets for itself.
//
// A filter may end the process for a call that it does not allow, and writing a heap file makes calls
// beyond malloc's. So each filter is asked beforehand what it would do with them; the library then
// leaves such files out (heap/tracking/confinement_internal.h).
//
// Seen are filters that are set by prctl, and by syscall as libseccomp does it. What a program does by an
// instruction of its own is not seen. All else is passed on by a jump: code between a call and its return
// might not be there any more, as where the call makes a process.
//
// Ownership: none. Threads: any. Out of memory: nothing is allocated.

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstdint>

#include "alkaid/heap/tracking/confinement_internal.h"
#include "preload/filter_verdict_internal.h"
#include "preload/next_allocator_internal.h"

namespace {

using alkaid::heap::preload::EndsWhoWritesFiles;
using alkaid::heap::preload::NextDefinition;

using SystemCall = long(long, long, long, long, long, long, long);

}  // namespace

extern "C" {

// Looked up at load, before anything can be called here.
__attribute__((visibility("hidden"))) void* alkaid_next_syscall = nullptr;
__attribute__((visibility("hidden"))) void* alkaid_next_prctl = nullptr;

__attribute__((visibility("hidden"))) void alkaid_look_up_calls() {
  if (alkaid_next_prctl == nullptr) alkaid_next_prctl = NextDefinition("prctl");
  if (alkaid_next_syscall == nullptr) alkaid_next_syscall = NextDefinition("syscall");
}

// seccomp(operation, flags, filter)
__attribute__((visibility("hidden"))) long alkaid_set_filter(long number, long operation,
                                                             long flags, const sock_fprog* filter) {
  alkaid_look_up_calls();
  const bool every_thread = (flags & SECCOMP_FILTER_FLAG_TSYNC) != 0;
  const bool ends = operation == SECCOMP_SET_MODE_FILTER && filter != nullptr &&
                    filter->filter != nullptr && EndsWhoWritesFiles(*filter);
  if (ends) alkaid_track_confining();
  auto* const next = reinterpret_cast<SystemCall*>(alkaid_next_syscall);
  const long result = next(number, operation, flags, reinterpret_cast<long>(filter), 0, 0, 0);
  if (ends && result >= 0) alkaid_track_confined(every_thread ? 1 : 0);
  return result;
}

// prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter)
__attribute__((visibility("hidden"))) int alkaid_set_mode(int option, unsigned long mode,
                                                          const sock_fprog* filter) {
  alkaid_look_up_calls();
  const bool ends = mode == SECCOMP_MODE_FILTER && filter != nullptr && filter->filter != nullptr &&
                    EndsWhoWritesFiles(*filter);
  if (ends) alkaid_track_confining();
  auto* const next = reinterpret_cast<int (*)(int, unsigned long, const sock_fprog*, long, long)>(
      alkaid_next_prctl);
  const int result = next(option, mode, filter, 0, 0);
  if (ends && result == 0) alkaid_track_confined(0);
  return result;
}

[[gnu::constructor]] static void LookUpAtLoad() { alkaid_look_up_calls(); }

#define ALKAID_TEXT_OF(x) #x
#define ALKAID_TEXT(x) ALKAID_TEXT_OF(x)

// Where another library's constructor calls before this one's, the registers of the call are kept around
// the lookup.
#define ALKAID_WATCHED(number, given, watched, next)                                              \
  "cmp $" ALKAID_TEXT(                                                                            \
      number) ", " given "\n je " watched "\n movq " next                                         \
              "(%rip), %rax\n"                                                                    \
              "testq %rax, %rax\n jz 1f\n jmp *%rax\n"                                            \
              "1: pushq %rdi\n pushq %rsi\n pushq %rdx\n pushq %rcx\n pushq %r8\n pushq %r9\n "   \
              "pushq %rax\n"                                                                      \
              "call alkaid_look_up_calls\n"                                                       \
              "popq %rax\n popq %r9\n popq %r8\n popq %rcx\n popq %rdx\n popq %rsi\n popq %rdi\n" \
              "jmp *" next "(%rip)\n"

[[gnu::naked]] ALKAID_EXPORT long syscall(long, ...) {
  asm(ALKAID_WATCHED(__NR_seccomp, "%rdi", "alkaid_set_filter", "alkaid_next_syscall"));
}

[[gnu::naked]] ALKAID_EXPORT int prctl(int, ...) {
  asm(ALKAID_WATCHED(PR_SET_SECCOMP, "%edi", "alkaid_set_mode", "alkaid_next_prctl"));
}

}  // extern "C"
