// Compares the verdict on a filter with what the kernel does: each filter is installed in a child,
// which then makes the call.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "preload/filter_verdict_internal.h"

namespace alkaid::heap::preload {
namespace {

using Filter = std::vector<sock_filter>;

sock_fprog ProgramOf(Filter* filter) {
  return {static_cast<unsigned short>(filter->size()), filter->data()};
}

bool MayEnd(const sock_fprog& filter, const KnownCall& call) {
  return WorstFate(filter, call) == Fate::kEnds;
}

constexpr std::array<uint64_t, 6> kArguments = {3, 0x1234567890, 7, 0xffffffffffffffff, 0x80000000,
                                                0};

// Whether the kernel kills a process that calls getppid under the filter.
bool KernelEnds(Filter* filter) {
  const pid_t child = ::fork();
  if (child == 0) {
    const sock_fprog program = ProgramOf(filter);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(251);
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) ::_exit(252);
    const auto& a = kArguments;
    ::syscall(SYS_getppid, a[0], a[1], a[2], a[3], a[4], a[5]);
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(status == 0 || WIFSIGNALED(status)) << status;
  return WIFSIGNALED(status);
}

// Random steps that the kernel accepts. The computed value decides at the end whether getppid ends
// the process; all other calls are allowed.
Filter RandomFilter(std::mt19937* random) {
  const auto upto = [&](uint32_t most) { return static_cast<uint32_t>((*random)() % (most + 1)); };
  const auto step = [](int code, uint32_t k) {
    return sock_filter{static_cast<uint16_t>(code), 0, 0, k};
  };
  Filter filter = {step(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                   {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_getppid},
                   step(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  for (uint32_t i = 0; i < BPF_MEMWORDS; ++i) filter.push_back(step(BPF_ST, i));
  constexpr std::array<int, 9> kOperations = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR,
                                              BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH};
  constexpr std::array<int, 4> kJumps = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
  for (int i = 0; i < 60; ++i) {
    // The address of the instruction is the one word that is not known beforehand.
    const std::array<uint32_t, 14> words = {0, 4, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60};
    const uint32_t word = words[upto(uint32_t{words.size()} - 1)];
    switch (upto(9)) {
      case 0:
        filter.push_back(step(BPF_LD | BPF_W | BPF_ABS, word));
        break;
      case 1:
        filter.push_back(step(BPF_LD | BPF_IMM, upto(UINT32_MAX - 1)));
        break;
      case 2:
        filter.push_back(step(BPF_LDX | BPF_IMM, upto(40)));
        break;
      case 3:
        filter.push_back(step(BPF_LD | BPF_MEM, upto(BPF_MEMWORDS - 1)));
        break;
      case 4:
        filter.push_back(step(BPF_LDX | BPF_W | BPF_LEN, 0));
        break;
      case 5:
        filter.push_back(step(upto(1) != 0 ? BPF_ST : BPF_STX, upto(BPF_MEMWORDS - 1)));
        break;
      case 6:
        filter.push_back(step(BPF_MISC | (upto(1) != 0 ? BPF_TAX : BPF_TXA), 0));
        break;
      case 7:
        // A jump goes at most to the common end of every filter.
        filter.push_back(
            {static_cast<uint16_t>(BPF_JMP | kJumps[upto(3)] | (upto(1) != 0 ? BPF_X : BPF_K)),
             static_cast<uint8_t>(upto(59 - static_cast<uint32_t>(i))),
             static_cast<uint8_t>(upto(59 - static_cast<uint32_t>(i))), upto(9)});
        break;
      default:
        // By 1 to 31, as in shifts; or by a register, which is sometimes zero.
        filter.push_back(
            step(BPF_ALU | kOperations[upto(8)] | (upto(3) == 0 ? BPF_X : BPF_K), 1 + upto(30)));
    }
  }
  filter.push_back({BPF_JMP | BPF_JSET | BPF_K, 0, 1, 0x11});
  filter.push_back(step(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  filter.push_back(step(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return filter;
}

TEST(FilterVerdict, IsWhatTheKernelDoes) {
  std::mt19937 random(7);
  KnownCall call = {SYS_getppid};
  for (size_t i = 0; i < kArguments.size(); ++i) call.arguments[i] = kArguments[i];
  int ended = 0;
  for (int i = 0; i < 200; ++i) {
    Filter filter = RandomFilter(&random);
    const bool ends = KernelEnds(&filter);
    ended += ends ? 1 : 0;
    ASSERT_EQ(MayEnd(ProgramOf(&filter), call), ends) << i;
    // Whatever is unknown, what happens is among what may happen.
    for (size_t unknown = 0; unknown < 64 && ends; ++unknown) {
      KnownCall less = call;
      for (size_t j = 0; j < 6; ++j) {
        if ((unknown >> j & 1) != 0) less.arguments[j].reset();
      }
      ASSERT_TRUE(MayEnd(ProgramOf(&filter), less)) << i << " " << unknown;
    }
  }
  EXPECT_GT(ended, 40);
  EXPECT_LT(ended, 160);
}

// A filter with this action for one call.
Filter Ending(uint32_t number, uint32_t action) {
  return {{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
          {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number},
          {BPF_RET | BPF_K, 0, 0, action},
          {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
}

TEST(FilterVerdict, EndsWhoWritesFilesWhereACallOfTheirsIsEnded) {
  const auto ends = [](uint32_t number, uint32_t action) {
    Filter filter = Ending(number, action);
    return EndsWhoWritesFiles(ProgramOf(&filter));
  };
  for (const uint32_t action :
       {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP}) {
    EXPECT_TRUE(ends(SYS_openat, action));
    EXPECT_TRUE(ends(SYS_renameat, action));
    EXPECT_FALSE(ends(SYS_socket, action));
  }
  EXPECT_FALSE(ends(SYS_openat, SECCOMP_RET_ERRNO | EPERM));
  EXPECT_FALSE(ends(SYS_openat, SECCOMP_RET_LOG));
}

constexpr sock_filter LoadNumber() {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)};
}
constexpr sock_filter LoadArgument(uint32_t index) {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0,
          static_cast<uint32_t>(offsetof(seccomp_data, args)) + 8 * index};
}
constexpr sock_filter Return(uint32_t action) { return {BPF_RET | BPF_K, 0, 0, action}; }
constexpr sock_filter IfNot(uint16_t comparison, uint32_t value, uint8_t skip) {
  return {static_cast<uint16_t>(BPF_JMP | comparison | BPF_K), 0, skip, value};
}

// A filter that ends a call because of one of its arguments.
Filter EndingFor(uint32_t number, uint32_t argument, uint16_t comparison, uint32_t value) {
  return {LoadNumber(),
          IfNot(BPF_JEQ, number, 3),
          LoadArgument(argument),
          IfNot(comparison, value, 1),
          Return(SECCOMP_RET_KILL_PROCESS),
          Return(SECCOMP_RET_ALLOW)};
}

TEST(FilterVerdict, ACallThatMayBeEndedForItsArgumentsCountsAsEnded) {
  struct Case {
    uint32_t number, argument;
    uint16_t comparison;
    uint32_t value;
    bool ends;
  };
  for (const Case& one : {
           Case{SYS_openat, 2, BPF_JSET, 1, true},             // for writing
           Case{SYS_openat, 2, BPF_JSET, 0x400000, true},      // for __O_TMPFILE
           Case{SYS_write, 0, BPF_JGT, 2, true},               // except to the standard streams
           Case{SYS_process_vm_readv, 0, BPF_JGT, 0, true},    // of any process
           Case{SYS_fcntl, 1, BPF_JEQ, F_SETFD, true},         // is called
           Case{SYS_fcntl, 1, BPF_JEQ, F_SETLK, false},        // is not called
           Case{SYS_mmap, 2, BPF_JSET, PROT_EXEC, false},      // as filters that allow no new code
           Case{SYS_mprotect, 2, BPF_JSET, PROT_EXEC, false},  // malloc does not do this
           Case{SYS_mmap, 3, BPF_JSET, MAP_SHARED, false},
           Case{SYS_socket, 0, BPF_JEQ, 1, false},
       }) {
    Filter filter = EndingFor(one.number, one.argument, one.comparison, one.value);
    EXPECT_EQ(EndsWhoWritesFiles(ProgramOf(&filter)), one.ends) << one.number << " " << one.value;
  }
}

// In the form of libseccomp: each argument by its halves, with a list of allowed values.
TEST(FilterVerdict, AListOfAllowedArgumentsThatOthersAreEndedForIsFollowed) {
  const auto list = [](uint32_t number, uint32_t otherwise) {
    Filter filter = {LoadNumber(), IfNot(BPF_JEQ, number, 7)};
    filter.push_back({BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, args[0]) + 4});
    filter.push_back(IfNot(BPF_JEQ, 0, 4));
    filter.push_back(LoadArgument(0));
    filter.push_back({BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 1});
    filter.push_back({BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 2});
    filter.push_back({BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0});
    filter.push_back(Return(otherwise));
    filter.push_back(Return(SECCOMP_RET_ALLOW));
    return filter;
  };
  Filter kills = list(SYS_fsync, SECCOMP_RET_KILL_PROCESS);
  Filter fails = list(SYS_fsync, SECCOMP_RET_ERRNO | EPERM);
  Filter others = list(SYS_socket, SECCOMP_RET_KILL_PROCESS);
  EXPECT_TRUE(EndsWhoWritesFiles(ProgramOf(&kills)));
  EXPECT_FALSE(EndsWhoWritesFiles(ProgramOf(&fails)));
  EXPECT_FALSE(EndsWhoWritesFiles(ProgramOf(&others)));
}

TEST(FilterVerdict, AFilterMayReturnWhatItComputed) {
  Filter filter = {LoadArgument(0),
                   {BPF_ALU | BPF_OR | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
                   {BPF_RET | BPF_A, 0, 0, 0}};
  EXPECT_TRUE(MayEnd(ProgramOf(&filter), {SYS_read}));
  EXPECT_FALSE(MayEnd(ProgramOf(&filter), {SYS_read, {uint64_t{5}}}));
}

// The C library takes a failing brk for the end of the heap, and does not expect futex to fail.
TEST(FilterVerdict, ABrkOrAFutexThatFailsEndsWhoMakesIt) {
  for (const uint32_t action :
       {SECCOMP_RET_ERRNO | ENOMEM, uint32_t{SECCOMP_RET_TRACE}, uint32_t{SECCOMP_RET_USER_NOTIF},
        uint32_t{SECCOMP_RET_TRAP}, uint32_t{SECCOMP_RET_KILL_PROCESS}}) {
    Filter brk = Ending(SYS_brk, action);
    EXPECT_TRUE(EndsWhoWritesFiles(ProgramOf(&brk))) << action;
    EXPECT_TRUE(EndsWhoStartsThreads(ProgramOf(&brk))) << action;
    EXPECT_FALSE(EndsWhoWaits(ProgramOf(&brk))) << action;
    Filter futex = Ending(SYS_futex, action);
    EXPECT_TRUE(EndsWhoWaits(ProgramOf(&futex))) << action;
  }
  for (const uint32_t action : {SECCOMP_RET_ALLOW, SECCOMP_RET_LOG}) {
    for (const uint32_t number : {SYS_brk, SYS_futex}) {
      Filter filter = Ending(number, action);
      EXPECT_FALSE(EndsWhoWritesFiles(ProgramOf(&filter))) << action;
      EXPECT_FALSE(EndsWhoWaits(ProgramOf(&filter))) << action;
    }
  }
}

TEST(FilterVerdict, AnActionThatTheKernelDoesNotKnowEnds) {
  Filter filter = Ending(SYS_getppid, 0x00010000);
  EXPECT_TRUE(KernelEnds(&filter));
  EXPECT_TRUE(MayEnd(ProgramOf(&filter), {SYS_getppid}));
}

TEST(FilterVerdict, EndsWhoStartsThreadsWhereACallOfTheirsIsEnded) {
  const auto ends = [](uint32_t number) {
    Filter filter = Ending(number, SECCOMP_RET_KILL_PROCESS);
    return EndsWhoStartsThreads(ProgramOf(&filter));
  };
  EXPECT_TRUE(ends(SYS_clone3));
  EXPECT_TRUE(ends(SYS_mmap));
  EXPECT_FALSE(ends(SYS_openat));
  Filter clone3 = Ending(SYS_clone3, SECCOMP_RET_KILL_PROCESS);
  EXPECT_FALSE(EndsWhoWritesFiles(ProgramOf(&clone3)));
  // No new processes, but threads.
  Filter processes = EndingFor(SYS_clone, 0, BPF_JEQ, SIGCHLD);
  EXPECT_FALSE(EndsWhoStartsThreads(ProgramOf(&processes)));
}

TEST(FilterVerdict, EndsWhoSaysALineWhereACallOfTheLinesIsEnded) {
  const auto ends = [](uint32_t number) {
    Filter filter = Ending(number, SECCOMP_RET_KILL_PROCESS);
    return EndsWhoSaysALine(ProgramOf(&filter));
  };
  EXPECT_TRUE(ends(SYS_rt_sigprocmask));
  EXPECT_TRUE(ends(SYS_poll));
  EXPECT_FALSE(ends(SYS_write));
  EXPECT_FALSE(ends(SYS_clone3));
  Filter write = Ending(SYS_write, SECCOMP_RET_KILL_PROCESS);
  EXPECT_TRUE(EndsWhoWritesToStderr(ProgramOf(&write)));
  Filter others = EndingFor(SYS_write, 0, BPF_JGT, STDERR_FILENO);
  EXPECT_FALSE(EndsWhoWritesToStderr(ProgramOf(&others)));
}

}  // namespace
}  // namespace alkaid::heap::preload
