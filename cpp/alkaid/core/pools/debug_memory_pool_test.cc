// ALKAID_DEBUG_MEMORY_POOL, seen from outside: faults are planted in child processes, and each must
// be found (or, where the mode is off, must not be looked for).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "fixtures/child_process.h"
#include "fixtures/run_all_tests.h"

namespace alkaid {
namespace {

using internal::ChildResult;
using internal::RunSelf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

constexpr int64_t kSize = 100;

// While it is, this program has no memory for objects.
std::atomic<bool> no_memory{false};

// The child's part: one life of a block, with the fault named.
int RunAsChild(const std::string& backend, const std::string& fault) {
  auto pool = CreateMemoryPool(backend);
  uint8_t* block = nullptr;
  if (!pool.ok() || !(*pool)->Allocate(kSize, &block).ok()) return 3;
  std::memset(block, 1, kSize);
  if (fault == "nothing") {
    if (!(*pool)->Reallocate(kSize, 5000, &block).ok()) return 4;
    std::memset(block, 2, 5000);
    if (!(*pool)->Reallocate(5000, kSize, &block).ok()) return 5;
    (*pool)->Free(block, kSize);
    for (const int64_t alignment : {kDefaultBufferAlignment, kMaxBufferAlignment}) {
      if (!(*pool)->Allocate(0, alignment, &block).ok()) return 7;
      (*pool)->Free(block, 0, alignment);
    }
  } else if (fault == "free-as-nothing") {
    (*pool)->Free(block, 0);
    (*pool)->Free(block, kSize);
  } else if (fault == "write-behind-then-free-without-memory") {
    block[kSize] = 7;
    no_memory = true;
    (*pool)->Free(block, kSize);
    no_memory = false;
  } else if (fault == "write-behind-then-free") {
    block[kSize] = 7;
    (*pool)->Free(block, kSize);
  } else if (fault == "write-behind-then-reallocate") {
    block[kSize] = 7;
    if (!(*pool)->Reallocate(kSize, 2 * kSize, &block).ok()) return 4;
    (*pool)->Free(block, 2 * kSize);
  } else if (fault == "free-as-smaller") {
    (*pool)->Free(block, kSize - 1);
  } else if (fault == "reallocate-as-smaller") {
    if (!(*pool)->Reallocate(kSize - 1, 2 * kSize, &block).ok()) return 4;
    (*pool)->Free(block, 2 * kSize);
  } else {
    return 6;
  }
  std::printf("came through\n");
  return 0;
}

ChildResult WithMode(const std::string& mode, const std::string& backend,
                     const std::string& fault) {
  return RunSelf({backend, fault}, {{"ALKAID_DEBUG_MEMORY_POOL", mode}});
}

const char* const kFaults[] = {"write-behind-then-free", "write-behind-then-reallocate",
                               "free-as-smaller", "free-as-nothing", "reallocate-as-smaller"};

TEST(DebugPool, AbortEndsTheProgramAtEachFaultOnEachBackend) {
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    for (const char* fault : kFaults) {
      SCOPED_TRACE(backend + ", " + fault);
      const ChildResult child = WithMode("abort", backend, fault);
      EXPECT_EQ(child.signal(), SIGABRT) << child.status;
      EXPECT_THAT(child.err, AllOf(HasSubstr("fault"), HasSubstr(backend)));
      EXPECT_THAT(child.out, IsEmpty());
    }
  }
}

TEST(DebugPool, TrapEndsTheProgramByATrap) {
  for (const char* fault : kFaults) {
    SCOPED_TRACE(fault);
    const ChildResult child = WithMode("trap", "system", fault);
    EXPECT_TRUE(child.signal() == SIGILL || child.signal() == SIGTRAP) << child.status;
    EXPECT_THAT(child.err, HasSubstr("fault"));
  }
}

TEST(DebugPool, WarnReportsAndGoesOn) {
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    for (const char* fault : kFaults) {
      SCOPED_TRACE(backend + ", " + fault);
      const ChildResult child = WithMode("warn", backend, fault);
      EXPECT_TRUE(child.ExitedWith(0)) << child.status;
      EXPECT_EQ(child.out, "came through\n");
      EXPECT_THAT(child.err, AllOf(HasSubstr("fault"), HasSubstr(backend)));
      EXPECT_EQ(std::count(child.err.begin(), child.err.end(), '\n'), 1) << child.err;
    }
  }
}

TEST(DebugPool, TheReportNamesSizeAndPlace) {
  EXPECT_THAT(WithMode("warn", "system", "write-behind-then-free").err,
              AllOf(HasSubstr("free"), HasSubstr("100-byte block at 0x")));
  EXPECT_THAT(WithMode("warn", "system", "free-as-smaller").err,
              AllOf(HasSubstr("free"), HasSubstr("99-byte block at 0x")));
  EXPECT_THAT(WithMode("warn", "system", "write-behind-then-reallocate").err,
              HasSubstr("reallocate"));
}

TEST(DebugPool, AFaultIsReportedWhereThereIsNoMemoryToDescribeIt) {
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    const ChildResult warned = WithMode("warn", backend, "write-behind-then-free-without-memory");
    EXPECT_TRUE(warned.ExitedWith(0)) << warned.status << warned.err;
    EXPECT_EQ(warned.out, "came through\n");
    EXPECT_THAT(warned.err, AllOf(HasSubstr("fault"), HasSubstr("no memory")));
  }
}

TEST(DebugPool, NoModeFindsFaultWhereThereIsNone) {
  for (const std::string& backend : SupportedMemoryBackendNames()) {
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
  // Byte 100 of a 100-byte block lies in what every allocator rounds up to; a sanitizer minds all
  // the same.
  const char* const fault = kSanitized ? "nothing" : "write-behind-then-free";
  for (const char* mode : {"none", ""}) {
    const ChildResult child = WithMode(mode, "system", fault);
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    EXPECT_THAT(child.err, IsEmpty());
  }
}

TEST(DebugPool, AnUnknownModeIsReportedOnceAndIsOff) {
  for (const std::string mode : {"Abort", "on", "1", "abort "}) {
    const ChildResult child =
        WithMode(mode, "system", kSanitized ? "nothing" : "write-behind-then-free");
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    EXPECT_THAT(child.err, AllOf(HasSubstr("ALKAID_DEBUG_MEMORY_POOL=" + mode), HasSubstr("abort"),
                                 HasSubstr("trap"), HasSubstr("warn"), HasSubstr("none")));
    EXPECT_EQ(std::count(child.err.begin(), child.err.end(), '\n'), 1) << child.err;
  }
}

}  // namespace
}  // namespace alkaid

// Not inlined, or the compiler sees blocks of new go to free().
[[gnu::noinline]] void* operator new(std::size_t size) {
  void* const block = alkaid::no_memory ? nullptr : std::malloc(size != 0 ? size : 1);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t /*size*/) noexcept {
  std::free(block);
}

int main(int argc, char** argv) {
  if (std::string(argv[0]) == "child" && argc == 3) return alkaid::RunAsChild(argv[1], argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
