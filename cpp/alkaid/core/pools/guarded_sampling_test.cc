// ALKAID_GUARDED_SAMPLING, seen from outside: what it turns on and what it leaves alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/capped_memory_pool.h"
#include "alkaid/core/pools/guarded_memory_pool.h"
#include "alkaid/core/pools/labelled_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "fixtures/child_process.h"
#include "fixtures/libc_malloc.h"
#include "fixtures/registered_backend.h"
#include "fixtures/run_all_tests.h"

namespace alkaid {
namespace {

using internal::BackendsWithTheRegistered;
using internal::ChildEnvironment;
using internal::ChildResult;
using internal::kMallocIsSanitizers;
using internal::RunSelf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// The child's part.

constexpr int64_t kLimit = 10'000;

// A pool of the program's own that has a limit and is not one of the library's adaptors.
class OwnCappedPool final : public MemoryPool {
 public:
  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    if (size > kLimit - below_->bytes_allocated()) return status::OutOfMemory("own limit");
    return below_->Allocate(size, alignment, out);
  }
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    return below_->Reallocate(old_size, new_size, alignment, ptr);
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    below_->Free(buffer, size, alignment);
  }
  int64_t bytes_allocated() const override { return below_->bytes_allocated(); }
  int64_t max_memory() const override { return below_->max_memory(); }
  int64_t total_bytes_allocated() const override { return below_->total_bytes_allocated(); }
  int64_t num_allocations() const override { return below_->num_allocations(); }
  std::string backend_name() const override { return "own capped"; }

 private:
  const std::unique_ptr<MemoryPool> below_ = CreateMemoryPool("registered").value();
};

void Register(const char* name, MemoryPoolFactory factory) {
  if (!RegisterMemoryBackend(name, std::move(factory)).ok()) std::abort();
}

void RegisterBackends() {
  if (!internal::RegisterTheBackend().ok()) std::abort();
  Register("capped",
           [] { return std::make_unique<CappedMemoryPool>(system_memory_pool(), kLimit); });
  Register("own-capped", [] { return std::make_unique<OwnCappedPool>(); });
  Register("labelled", [] {
    return std::make_unique<LabelledMemoryPool>(system_memory_pool(),
                                                Label::Intern("of.the.backend"));
  });
  Register("renamed", [] { return CreateMemoryPool("system").value(); });
}

// Guarded blocks up to the limit and no more.
int FillToTheLimit(MemoryPool* pool) {
  uint8_t* block = nullptr;
  if (pool->Allocate(kLimit + 1, &block).ok()) return 10;
  for (int i = 0; i < 10; ++i) {
    if (!pool->Allocate(kLimit / 10, &block).ok()) return 11;
    if (!IsGuardedAddress(block)) return 12;
  }
  return pool->Allocate(1, &block).ok() ? 13 : 0;
}

// From here on the process may only make the kernel calls that malloc makes, and exit.
bool Confine() {
  constexpr unsigned int kAllowed[] = {SYS_mmap,   SYS_munmap, SYS_mprotect, SYS_madvise,
                                       SYS_mremap, SYS_brk,    SYS_futex,    SYS_exit_group};
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const unsigned int call : kAllowed) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

[[noreturn]] void UseConfined(MemoryPool* pool) {
  if (!Confine()) std::_Exit(77);
  for (int i = 0; i < 10; ++i) {
    uint8_t* block = nullptr;
    if (!pool->Allocate(5000, &block).ok() || !IsGuardedAddress(block)) std::_Exit(10);
    if (!pool->Reallocate(5000, 70'000, &block).ok()) std::_Exit(11);
    if (!pool->Reallocate(70'000, 100, &block).ok()) std::_Exit(12);
    pool->Free(block, 100);
  }
  std::_Exit(0);
}

int RunAsChild(const std::string& backend, const std::string& what) {
  if (what == "in-little-address-space") {
    const rlimit gibibyte = {rlim_t{1} << 30, rlim_t{1} << 30};
    if (::setrlimit(RLIMIT_AS, &gibibyte) != 0) return 5;
  }
  RegisterBackends();
  if (what == "asked-for-by-a-call") {
    const auto pool = CreateGuardedMemoryPool(backend, {.blocks = 1});
    std::printf("%s\n", pool.ok() ? "made" : std::string(pool.status().message()).c_str());
    return 0;
  }
  auto made = CreateMemoryPool(backend);
  if (!made.ok()) return 3;
  MemoryPool* const pool = made->get();
  if (what == "limit") return FillToTheLimit(pool);
  if (what == "confined") UseConfined(pool);
  uint8_t* block = nullptr;
  if (!pool->Allocate(64, &block).ok()) return 4;
  if (what == "wrong-size") {
    pool->Free(block, 65);
    return 0;
  }
  std::printf("%s\n", IsGuardedAddress(block) ? "guarded" : "not guarded");
  pool->Free(block, 64);
  pool->PrintStats();
  return 0;
}

// The parent's part.

ChildResult Guarded(const std::string& backend, const std::string& what,
                    const ChildEnvironment& environment = {{"ALKAID_GUARDED_SAMPLING", "1"}}) {
  return RunSelf({backend, what}, environment);
}

TEST(GuardedSampling, OffMeansThatNoBlockIsGuarded) {
  for (const char* off : {"", "0"}) {
    for (const std::string& backend : BackendsWithTheRegistered()) {
      const ChildResult child =
          Guarded(backend, "is-it-guarded", {{"ALKAID_GUARDED_SAMPLING", off}});
      EXPECT_EQ(child.out, "not guarded\n");
      EXPECT_THAT(child.err, Not(HasSubstr("guarded")));
    }
  }
}

TEST(GuardedSampling, PrintStatsSaysHowManyBlocksAreNotInTheAllocator) {
  for (const std::string& backend : BackendsWithTheRegistered()) {
    const ChildResult child =
        Guarded(backend, "is-it-guarded", {{"ALKAID_GUARDED_SAMPLING", "1B"}});
    EXPECT_EQ(child.out, "guarded\n");
    EXPECT_THAT(child.err, HasSubstr("guarded blocks (all pools, not in the allocator): 0 bytes in "
                                     "0 blocks live, 1 blocks ever, 0 passed over\n"));
  }
}

TEST(GuardedSampling, WithoutAddressSpaceForItThatIsSaidOnceAndNoBlockIsGuarded) {
  if (kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer needs more address space than any limit";
  for (const std::string& backend : BackendsWithTheRegistered()) {
    const ChildResult child = Guarded(backend, "in-little-address-space");
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    EXPECT_EQ(child.out, "not guarded\n");
    EXPECT_THAT(child.err, AllOf(HasSubstr("alkaid: there is no address space for guarded "
                                           "blocks (68719476736 bytes): "),
                                 HasSubstr("; no block is guarded\n"), HasSubstr("1 passed over")));
  }
}

TEST(GuardedSampling, AValueThatIsNotUnderstoodIsReportedOnceAndGuardsNothing) {
  for (const std::string value : {"often", "-1", "64MB", "1000,", "1000,2000", "99999TiB", "0B"}) {
    const ChildResult child =
        Guarded("system", "is-it-guarded", {{"ALKAID_GUARDED_SAMPLING", value}});
    EXPECT_EQ(child.out, "not guarded\n");
    EXPECT_THAT(child.err, AllOf(HasSubstr("alkaid: ALKAID_GUARDED_SAMPLING=" + value +
                                           " is not understood at '"),
                                 HasSubstr("1000,64MiB; no block is guarded\n")));
    EXPECT_EQ(child.err.find("alkaid: "), child.err.rfind("alkaid: "));
  }
}

TEST(GuardedSampling, TheDebugModeOfPoolsGoesFirstAndThatIsSaid) {
  const ChildResult child =
      Guarded("system", "is-it-guarded",
              {{"ALKAID_GUARDED_SAMPLING", "1"}, {"ALKAID_DEBUG_MEMORY_POOL", "abort"}});
  EXPECT_EQ(child.out, "not guarded\n");
  EXPECT_THAT(child.err, HasSubstr("alkaid: ALKAID_GUARDED_SAMPLING=1 has no effect: "
                                   "ALKAID_DEBUG_MEMORY_POOL checks every block\n"));
}

TEST(GuardedSampling, APoolOfTheProgramThatHasALimitKeepsToIt) {
  for (const char* backend : {"capped", "own-capped"}) {
    const ChildResult child = Guarded(backend, "limit");
    EXPECT_TRUE(child.ExitedWith(0)) << backend << ": " << child.status << child.err;
  }
}

TEST(GuardedSampling, ThePoolOfAFactoryGivesItsLabelToGuardedBlocks) {
  EXPECT_THAT(Guarded("labelled", "wrong-size").err,
              AllOf(HasSubstr("wrong size: free of a block of 64 bytes as one of 65 bytes"),
                    HasSubstr(", label 'of.the.backend', "), HasSubstr(" over system, guarded\n")));
}

TEST(GuardedSampling, ThePoolOfAFactoryThatGuardsByItselfIsLeftAsItIs) {
  EXPECT_THAT(Guarded("renamed", "wrong-size").err, HasSubstr(" over system, guarded\n"));
}

TEST(GuardedSampling, WhatCanOnlyBeGuardedBelowItsLimitIsNotMadeByACall) {
  const ChildEnvironment off = {{"ALKAID_GUARDED_SAMPLING", ""}};
  EXPECT_EQ(Guarded("registered", "asked-for-by-a-call", off).out, "made\n");
  EXPECT_EQ(Guarded("capped", "asked-for-by-a-call", off).out,
            "create guarded memory pool: the backend 'capped' makes a pool that is not over an "
            "allocator, so its blocks cannot be guarded; put a GuardedMemoryPool over the pool "
            "that it takes its blocks from\n");
}

TEST(GuardedSampling, AProgramThatMayMakeNoCallsButMallocsGoesOn) {
  if (kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer makes calls of its own";
  for (const std::string& backend : BackendsWithTheRegistered()) {
    SCOPED_TRACE(backend);
    const ChildResult child = Guarded(backend, "confined");
    if (child.ExitedWith(77)) GTEST_SKIP() << "this kernel takes no filter of system calls";
    EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  }
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  if (std::string(argv[0]) == "child" && argc == 3) return alkaid::RunAsChild(argv[1], argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
