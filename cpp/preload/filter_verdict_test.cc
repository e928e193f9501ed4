// What a filter is said to do, beside what the kernel does with it: each is set in a child, which then
// makes the call.

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
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

constexpr std::array<uint64_t, 6> kArguments = {3, 0x1234567890, 7, 0xffffffffffffffff, 0x80000000,
                                                0};

// errno, as the filter has the call fail; -1 where the child could not say.
int KernelsErrno(Filter* filter) {
  const pid_t child = ::fork();
  if (child == 0) {
    const sock_fprog program = ProgramOf(filter);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(251);
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) ::_exit(252);
    const auto& a = kArguments;
    const long result = ::syscall(SYS_getppid, a[0], a[1], a[2], a[3], a[4], a[5]);
    ::_exit(result < 0 ? errno : 0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Any steps that the kernel takes, without division by nothing; at the end errno 1 to 128 by what
// was computed, for getppid alone.
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
        // A jump goes at most to what ends every filter.
        filter.push_back(
            {static_cast<uint16_t>(BPF_JMP | kJumps[upto(3)] | (upto(1) != 0 ? BPF_X : BPF_K)),
             static_cast<uint8_t>(upto(59 - static_cast<uint32_t>(i))),
             static_cast<uint8_t>(upto(59 - static_cast<uint32_t>(i))), upto(9)});
        break;
      default:
        // By 1 to 31, as shifts have it.
        filter.push_back(step(BPF_ALU | kOperations[upto(8)] | BPF_K, 1 + upto(30)));
    }
  }
  filter.push_back(step(BPF_ALU | BPF_AND | BPF_K, 0x7f));
  filter.push_back(step(BPF_ALU | BPF_ADD | BPF_K, SECCOMP_RET_ERRNO + 1));
  filter.push_back(step(BPF_RET | BPF_A, 0));
  return filter;
}

TEST(FilterVerdict, IsWhatTheKernelDoes) {
  std::mt19937 random(7);
  seccomp_data call = {};
  call.nr = SYS_getppid;
  call.arch = AUDIT_ARCH_X86_64;
  for (size_t i = 0; i < kArguments.size(); ++i) call.args[i] = kArguments[i];
  for (int i = 0; i < 200; ++i) {
    Filter filter = RandomFilter(&random);
    const uint32_t verdict = FilterVerdict(ProgramOf(&filter), call);
    ASSERT_EQ(verdict & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO) << i;
    ASSERT_EQ(KernelsErrno(&filter), static_cast<int>(verdict & SECCOMP_RET_DATA)) << i;
  }
}

// A filter that lets one call be ended.
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
  // Where only writing is ended.
  Filter reads = {{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, args[2])},
                  {BPF_JMP | BPF_JSET | BPF_K, 0, 1, 1},
                  {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS},
                  {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  EXPECT_TRUE(EndsWhoWritesFiles(ProgramOf(&reads)));
}

}  // namespace
}  // namespace alkaid::heap::preload
