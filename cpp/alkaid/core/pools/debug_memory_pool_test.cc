// ALKAID_DEBUG_MEMORY_POOL, seen from outside: child processes commit faults, and each must be
// found (or, if the mode is off, must not be looked for).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "fixtures/child_process.h"
#include "fixtures/libc_malloc.h"
#include "fixtures/planted_faults.h"
#include "fixtures/run_all_tests.h"

namespace alkaid {
namespace {

using internal::AllocateTheBlock;
using internal::ChildResult;
using internal::Churn;
using internal::FreeItOnceMore;
using internal::FreeTheBlock;
using internal::kMallocIsSanitizers;
using internal::PlantedFault;
using internal::PlantedFaults;
using internal::ReallocateTheBlock;
using internal::RunSelf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kSize = internal::kPlantedSize;

// While true, this program has no memory for objects.
std::atomic<bool> no_memory{false};

// A backend of the program's own, as simple as possible.
class OwnAllocator {
 public:
  static Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    *out =
        static_cast<uint8_t*>(memalign(static_cast<size_t>(alignment), static_cast<size_t>(size)));
    return *out != nullptr ? absl::OkStatus() : status::OutOfMemory("no memory");
  }
  static Status ReallocateAligned(int64_t, int64_t, int64_t, uint8_t**) {
    return status::NotImplemented("nobody asks for it in the debug mode");
  }
  static void DeallocateAligned(uint8_t* ptr, int64_t, int64_t) { std::free(ptr); }
  static void ReleaseUnused() {}
  static void PrintStats() {}
  static std::string name() { return "own"; }
};

// Each block overlaps the last 64 bytes of the one before.
class OverlappingAllocator : public OwnAllocator {
 public:
  Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    if (next_ == nullptr)
      ALKAID_RETURN_NOT_OK(OwnAllocator::AllocateAligned(1 << 16, alignment, &next_));
    *out = next_;
    next_ += size - 64;
    return absl::OkStatus();
  }
  static void DeallocateAligned(uint8_t*, int64_t, int64_t) {}
  static std::string name() { return "overlapping"; }

 private:
  uint8_t* next_ = nullptr;
};

void RegisterBackends() {
  const Status own = RegisterMemoryBackend(
      "own", [] { return std::make_unique<BaseMemoryPoolImpl<OwnAllocator>>(); });
  const Status overlapping = RegisterMemoryBackend(
      "overlapping", [] { return std::make_unique<BaseMemoryPoolImpl<OverlappingAllocator>>(); });
  if (!own.ok() || !overlapping.ok()) std::abort();
}

// Every backend that keeps its promises, including the program's own.
std::vector<std::string> Backends() {
  std::vector<std::string> names = SupportedMemoryBackendNames();
  std::erase(names, "overlapping");
  return names;
}

std::unique_ptr<MemoryPool> MakePool(const std::string& backend) {
  auto pool = CreateMemoryPool(backend);
  if (!pool.ok()) std::_Exit(3);
  return *std::move(pool);
}

// Uses that are correct in every mode.
void PlantNothing(const std::string& backend, std::unique_ptr<MemoryPool>* pool,
                  MemoryPool* other) {
  uint8_t* block = AllocateTheBlock(pool->get());
  ReallocateTheBlock(pool->get(), kSize, 5000, &block);
  for (int64_t i = 0; i < kSize; ++i) {
    if (block[i] != 1) std::_Exit(7);
  }
  std::memset(block, 2, 5000);
  ReallocateTheBlock(pool->get(), 5000, kSize, &block);
  ReallocateTheBlock(pool->get(), kSize, kSize, &block);
  FreeTheBlock(pool->get(), block);
  for (int64_t alignment = 1; alignment <= kMaxBufferAlignment; alignment *= 2) {
    for (const int64_t size : {int64_t{0}, int64_t{1}, int64_t{63}, int64_t{64}, int64_t{65},
                               int64_t{4096}, alignment - 1, alignment + 1, int64_t{1} << 20}) {
      uint8_t* const aligned = AllocateTheBlock(pool->get(), size, alignment);
      (*pool)->Free(aligned, size, alignment);
    }
  }
  Churn(pool->get(), 5000);
  // A block goes back to its pool, by whatever way.
  ProxyMemoryPool proxy(other);
  uint8_t* const through_proxy = AllocateTheBlock(&proxy);
  std::thread([&] { FreeTheBlock(&proxy, through_proxy); }).join();
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { Churn(pool->get(), 2000); });
  for (std::thread& thread : threads) thread.join();
  // A block that is live when the program ends is no fault either.
  static MemoryPool* const undying = MakePool(backend).release();
  static uint8_t* const live = AllocateTheBlock(undying);
  if (live == nullptr) std::_Exit(4);
}

// Children of a busy program; each frees a block of its parent's twice.
void RunForks(MemoryPool* pool) {
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < (kMallocIsSanitizers ? 0 : 3); ++i) {
    threads.emplace_back([&] {
      while (!done) Churn(pool, 100);
    });
  }
  for (int i = 0; i < 10; ++i) {
    uint8_t* const block = AllocateTheBlock(pool);
    const pid_t child = fork();
    if (child == 0) {
      alarm(30);
      Churn(pool, 100);
      FreeTheBlock(pool, block);
      FreeItOnceMore(pool, block);
      std::_Exit(0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) std::_Exit(10);
    FreeTheBlock(pool, block);
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
}

int RunAsChild(const std::string& backend, const std::string& name) {
  std::unique_ptr<MemoryPool> pool = MakePool(backend);
  const std::unique_ptr<MemoryPool> other = MakePool(backend);
  if (name == "nothing") {
    PlantNothing(backend, &pool, other.get());
  } else if (name == "write-past-the-end-without-memory") {
    uint8_t* const block = AllocateTheBlock(pool.get());
    block[kSize] = 7;
    no_memory = true;
    FreeTheBlock(pool.get(), block);
    no_memory = false;
  } else if (name == "fork") {
    RunForks(pool.get());
  } else if (name == "overlap") {
    uint8_t* const first = AllocateTheBlock(pool.get());
    uint8_t* const second = AllocateTheBlock(pool.get());
    (void)first;
    (void)second;
  } else {
    for (const PlantedFault& fault : PlantedFaults()) {
      if (fault.name == name) fault.plant(&pool, other.get());
    }
  }
  if (pool != nullptr && pool->bytes_allocated() != 0 && name != "overlap") return 8;
  if (other->bytes_allocated() != 0) return 9;
  std::printf("came through\n");
  std::fflush(stdout);
  if (name == "overlap") std::_Exit(0);
  return 0;
}

ChildResult WithMode(const std::string& mode, const std::string& backend,
                     const std::string& fault) {
  return RunSelf({backend, fault}, {{"ALKAID_DEBUG_MEMORY_POOL", mode}});
}

int CountOf(const std::string& text, const std::string& what) {
  int count = 0;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++count;
  return count;
}

TEST(DebugPool, AbortEndsTheProgramAtEachFaultOnEachBackend) {
  for (const std::string& backend : Backends()) {
    for (const PlantedFault& fault : PlantedFaults()) {
      SCOPED_TRACE(backend + ", " + fault.name);
      const ChildResult child = WithMode("abort", backend, fault.name);
      EXPECT_EQ(child.signal(), SIGABRT) << child.status;
      EXPECT_THAT(child.err, AllOf(HasSubstr("fault: " + std::string(fault.kind) + ": "),
                                   HasSubstr("(" + backend + ")")));
      EXPECT_THAT(child.out, IsEmpty());
    }
  }
}

TEST(DebugPool, TrapEndsTheProgramByATrap) {
  for (const PlantedFault& fault : PlantedFaults()) {
    SCOPED_TRACE(fault.name);
    const ChildResult child = WithMode("trap", "system", fault.name);
    EXPECT_TRUE(child.signal() == SIGILL || child.signal() == SIGTRAP) << child.status;
    EXPECT_THAT(child.err, HasSubstr(fault.kind));
  }
}

TEST(DebugPool, WarnReportsOnceAndGoesOnWithRightFigures) {
  for (const std::string& backend : Backends()) {
    for (const PlantedFault& fault : PlantedFaults()) {
      SCOPED_TRACE(backend + ", " + fault.name);
      const ChildResult child = WithMode("warn", backend, fault.name);
      EXPECT_TRUE(child.ExitedWith(0)) << child.status;
      EXPECT_EQ(child.out, "came through\n");
      EXPECT_EQ(CountOf(child.err, "fault: "), 1) << child.err;
      EXPECT_THAT(child.err, AllOf(HasSubstr(fault.kind), HasSubstr(backend)));
    }
  }
}

TEST(DebugPool, BlocksThatAPoolOfTheProgramLaysOverOneAnotherAreFound) {
  const ChildResult aborted = WithMode("abort", "overlapping", "overlap");
  EXPECT_EQ(aborted.signal(), SIGABRT) << aborted.status;
  const ChildResult warned = WithMode("warn", "overlapping", "overlap");
  EXPECT_TRUE(warned.ExitedWith(0)) << warned.status;
  EXPECT_THAT(warned.err, AllOf(HasSubstr("fault: overlap: "), HasSubstr("(overlapping)"),
                                HasSubstr("allocated by thread"), HasSubstr("found by thread")));
  EXPECT_EQ(CountOf(warned.err, "AllocateTheBlock"), 2) << warned.err;
}

TEST(DebugPool, TheReportNamesSizeAndPlace) {
  EXPECT_THAT(
      WithMode("warn", "system", "write-past-the-end").err,
      AllOf(HasSubstr("free of the 100-byte block at 0x"), HasSubstr("byte 0 past its end")));
  EXPECT_THAT(WithMode("warn", "system", "write-at-the-end-of-the-padding").err,
              HasSubstr("byte 27 past its end"));
  EXPECT_THAT(WithMode("warn", "system", "write-before-the-start").err,
              HasSubstr("byte -1 before its start"));
  EXPECT_THAT(WithMode("warn", "system", "free-as-smaller").err,
              AllOf(HasSubstr("free of the 100-byte block at 0x"), HasSubstr("one of 99 bytes")));
  EXPECT_THAT(WithMode("warn", "system", "free-as-more-aligned").err,
              HasSubstr("aligned to 64, as one aligned to 128"));
  EXPECT_THAT(WithMode("warn", "system", "write-past-the-end-then-reallocate").err,
              HasSubstr("reallocate of the 100-byte block"));
  EXPECT_THAT(WithMode("warn", "system", "free-the-middle").err,
              HasSubstr("64 bytes from the first byte of the 100-byte block"));
}

TEST(DebugPool, TheReportHasTheStacksOfTheBlockAndOfTheFault) {
  for (const std::string& backend : Backends()) {
    SCOPED_TRACE(backend);
    const std::string twice = WithMode("warn", backend, "free-twice").err;
    const size_t allocated = twice.find("allocated by thread");
    const size_t freed = twice.find("freed by thread");
    const size_t found = twice.find("found by thread");
    ASSERT_TRUE(allocated < freed && freed < found && found != std::string::npos) << twice;
    EXPECT_THAT(twice.substr(allocated, freed - allocated), HasSubstr("AllocateTheBlock"));
    EXPECT_THAT(twice.substr(freed, found - freed), HasSubstr("FreeTheBlock"));
    EXPECT_THAT(twice.substr(found), HasSubstr("FreeItOnceMore"));
    // Each frame has what addr2line takes.
    EXPECT_THAT(twice.substr(found), HasSubstr("debug_memory_pool_test+0x"));
    const std::string live = WithMode("warn", backend, "destroy-the-pool-of-a-live-block").err;
    EXPECT_THAT(live,
                AllOf(HasSubstr("allocated by thread"), HasSubstr("AllocateTheBlock"),
                      HasSubstr("found by thread"), HasSubstr("1 of its blocks, of 100 bytes")));
  }
}

TEST(DebugPool, AFaultIsDescribedWhereThereIsNoMemory) {
  for (const std::string& backend : Backends()) {
    const ChildResult warned = WithMode("warn", backend, "write-past-the-end-without-memory");
    EXPECT_TRUE(warned.ExitedWith(0)) << warned.status << warned.err;
    EXPECT_EQ(warned.out, "came through\n");
    EXPECT_THAT(warned.err, AllOf(HasSubstr("fault: overrun"), HasSubstr("AllocateTheBlock")));
  }
}

TEST(DebugPool, AForkedChildFindsAndReportsFaultsWhateverThreadsItsParentHas) {
  for (const std::string& backend : Backends()) {
    SCOPED_TRACE(backend);
    const ChildResult child = WithMode("warn", backend, "fork");
    EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
    EXPECT_EQ(CountOf(child.err, "fault: double free: "), 10) << child.err;
    EXPECT_EQ(CountOf(child.err, "fault: "), 10) << child.err;
    EXPECT_GE(CountOf(child.err, "FreeItOnceMore"), 10);
  }
}

TEST(DebugPool, NoModeFindsFaultWhereThereIsNone) {
  for (const std::string& backend : Backends()) {
    for (const char* mode : {"abort", "trap", "warn"}) {
      SCOPED_TRACE(backend + ", " + mode);
      const ChildResult child = WithMode(mode, backend, "nothing");
      EXPECT_TRUE(child.ExitedWith(0)) << child.status;
      EXPECT_EQ(child.out, "came through\n");
      EXPECT_THAT(child.err, IsEmpty());
    }
  }
}

TEST(DebugPool, OffMeansThatNobodyLooks) {
  // Byte 100 of a 100-byte block is within what every allocator rounds up to, but a sanitizer
  // reports it.
  const char* const fault = kMallocIsSanitizers ? "nothing" : "write-past-the-end";
  for (const char* mode : {"none", ""}) {
    const ChildResult child = WithMode(mode, "system", fault);
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    EXPECT_THAT(child.err, IsEmpty());
  }
}

TEST(DebugPool, AnUnknownModeIsReportedOnceAndIsOff) {
  for (const std::string mode : {"Abort", "on", "1", "abort "}) {
    const ChildResult child =
        WithMode(mode, "system", kMallocIsSanitizers ? "nothing" : "write-past-the-end");
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    EXPECT_THAT(child.err, AllOf(HasSubstr("ALKAID_DEBUG_MEMORY_POOL=" + mode), HasSubstr("abort"),
                                 HasSubstr("trap"), HasSubstr("warn"), HasSubstr("none")));
    EXPECT_EQ(std::count(child.err.begin(), child.err.end(), '\n'), 1) << child.err;
  }
}

}  // namespace
}  // namespace alkaid

// Not inlined, else the compiler sees that blocks of new go to free().
[[gnu::noinline]] void* operator new(std::size_t size) {
  void* const block = alkaid::no_memory ? nullptr : std::malloc(size != 0 ? size : 1);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
// Replaced too, because a sanitizer's version would go to the free() below.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return alkaid::no_memory ? nullptr : std::malloc(size != 0 ? size : 1);
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t /*size*/) noexcept {
  std::free(block);
}

int main(int argc, char** argv) {
  alkaid::RegisterBackends();
  if (std::string(argv[0]) == "child" && argc == 3) return alkaid::RunAsChild(argv[1], argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
