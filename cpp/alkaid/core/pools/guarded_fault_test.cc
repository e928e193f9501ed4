// Faults of guarded blocks, seen from outside: child processes commit them, over every backend, and
// each must stop the program with a correct report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/guarded_memory_pool.h"
#include "alkaid/core/pools/labelled_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/pmr.h"
#include "alkaid/core/pools/stl_allocator.h"
#include "fixtures/child_process.h"
#include "fixtures/libc_malloc.h"
#include "fixtures/registered_backend.h"
#include "fixtures/run_all_tests.h"

namespace alkaid {
namespace {

using internal::BackendsWithTheRegistered;
using internal::ChildResult;
using internal::kMallocIsSanitizers;
using internal::RunSelf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// The child's part.

constexpr int64_t kMiB = int64_t{1} << 20;

// Reads and writes that the compiler neither omits nor foresees. Hidden from ThreadSanitizer: it
// would report threads that write at once, and would wait for ever for a thread that faults
// meanwhile.
[[gnu::noinline, gnu::no_sanitize("thread")]] void Write(uint8_t* at) {
  *const_cast<volatile uint8_t*>(at) = 7;
}
[[gnu::noinline, gnu::no_sanitize("thread")]] int Read(const uint8_t* at) {
  return *const_cast<const volatile uint8_t*>(at);
}

// Hides the address from the compiler.
uint8_t* At(uint8_t* block, int64_t offset) {
  asm volatile("" : "+r"(block));
  return block + offset;
}

struct Block {
  explicit Block(MemoryPool* its_pool, int64_t its_size, int64_t its_alignment = 64)
      : pool(its_pool), size(its_size), alignment(its_alignment) {
    const ScopedLabel label("test.guarded");
    if (!pool->Allocate(size, alignment, &data).ok()) std::abort();
  }
  void Free() { pool->Free(data, size, alignment); }

  MemoryPool* const pool;
  uint8_t* data = nullptr;
  int64_t size;
  int64_t alignment;
};

[[gnu::noinline]] void FreeFromAFunctionOfItsOwn(Block& block) { block.Free(); }

// One more pool over the same backend, never destroyed.
MemoryPool* Another(const MemoryPool* pool) {
  auto made = CreateMemoryPool(pool->backend_name());
  return made.ok() ? made->release() : nullptr;
}

// The first block of a process is at the end of its pages, the second at their start.
int Plant(MemoryPool* pool, const std::string& fault) {
  if (fault == "write-after-free") {
    Block block(pool, 64);
    FreeFromAFunctionOfItsOwn(block);
    Write(At(block.data, 16));
  } else if (fault == "read-after-free") {
    Block block(pool, 64);
    std::thread([&] { FreeFromAFunctionOfItsOwn(block); }).join();
    return Read(At(block.data, 16));
  } else if (fault == "write-after-free-by-eight-threads") {
    Block block(pool, 64);
    FreeFromAFunctionOfItsOwn(block);
    std::atomic<int> ready{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (++ready; ready < 8;) std::this_thread::yield();
        Write(At(block.data, 16));
      });
    }
    for (std::thread& thread : threads) thread.join();
  } else if (fault == "overrun-write") {
    Block block(pool, 128);
    Write(At(block.data, 128));
  } else if (fault == "overrun-read") {
    Block block(pool, 128);
    return Read(At(block.data, 140));
  } else if (fault == "overrun-of-16-MiB") {
    Block block(pool, 16 * kMiB);
    std::memset(block.data, 1, 16 * kMiB);
    Write(At(block.data, 16 * kMiB + 9));
  } else if (fault == "underrun-write") {
    const Block first(pool, 64);
    Block block(pool, 100);
    Write(At(block.data, -1));
  } else if (fault == "underrun-read") {
    const Block first(pool, 64);
    Block block(pool, 100);
    return Read(At(block.data, -8));
  } else if (fault == "canary-past-end") {
    Block block(pool, 100);
    Write(At(block.data, 101));
    block.Free();
  } else if (fault == "canary-before-start") {
    Block block(pool, 100);
    Write(At(block.data, -3));
    block.Free();
  } else if (fault == "canary-at-reallocation") {
    Block block(pool, 100);
    Write(At(block.data, 100));
    if (!pool->Reallocate(100, 200, &block.data).ok()) return 4;
  } else if (fault == "double-free") {
    Block block(pool, 64);
    FreeFromAFunctionOfItsOwn(block);
    block.Free();
  } else if (fault == "free-by-another-pool") {
    Block block(pool, 64);
    Another(pool)->Free(block.data, 64);
  } else if (fault == "free-as-larger") {
    Block block(pool, 64);
    pool->Free(block.data, 100);
  } else if (fault == "free-as-nothing") {
    Block block(pool, 64);
    pool->Free(block.data, 0);
  } else if (fault == "free-as-more-aligned") {
    Block block(pool, 64);
    pool->Free(block.data, 64, 128);
  } else if (fault == "reallocation-by-another-pool") {
    Block block(pool, 64);
    if (!Another(pool)->Reallocate(64, 128, &block.data).ok()) return 4;
  } else if (fault == "reallocation-as-smaller") {
    Block block(pool, 64);
    if (!pool->Reallocate(63, 10, &block.data).ok()) return 4;
  } else if (fault == "reallocation-as-nothing") {
    Block block(pool, 64);
    if (!pool->Reallocate(0, 128, &block.data).ok()) return 4;
  } else if (fault == "reallocation-as-less-aligned") {
    Block block(pool, 64);
    if (!pool->Reallocate(64, 128, 32, &block.data).ok()) return 4;
  } else if (fault == "write-past-a-freed-block") {
    Block block(pool, 64);
    block.Free();
    Write(At(block.data, 70));
  } else if (fault == "read-before-a-freed-block") {
    Block block(pool, 64);
    block.Free();
    return Read(At(block.data, -1));
  } else if (fault == "free-of-its-middle") {
    Block block(pool, 128);
    pool->Free(At(block.data, 64), 64);
  } else if (fault == "reallocation-of-freed") {
    Block block(pool, 64);
    block.Free();
    if (!pool->Reallocate(64, 128, &block.data).ok()) return 4;
  } else if (fault == "read-after-reallocation") {
    Block block(pool, 64);
    uint8_t* const before = block.data;
    if (!pool->Reallocate(64, 5000, &block.data).ok()) return 4;
    return Read(At(before, 0));
  } else if (fault == "read-past-a-vector") {
    const std::vector<int64_t, stl::allocator<int64_t>> numbers(16, 1, pool);
    return Read(At(const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(numbers.data())), 128));
  } else if (fault == "read-after-a-pmr-string") {
    PoolMemoryResource resource(pool);
    const char* text = nullptr;
    {
      const std::pmr::string string(100, 'x', &resource);
      text = string.data();
    }
    return Read(At(const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text)), 0));
  } else {
    return 6;
  }
  std::printf("came through\n");
  return 0;
}

// All legal uses; none may be reported.
int UseWell(MemoryPool* pool) {
  for (const int64_t size : {int64_t{1}, int64_t{100}, int64_t{4096}, int64_t{5000}, 3 * kMiB}) {
    for (const int64_t alignment : {int64_t{1}, int64_t{64}, int64_t{4096}, 2 * kMiB}) {
      Block block(pool, size, alignment);
      if (!IsGuardedAddress(block.data)) return 10;
      std::memset(block.data, 1, static_cast<size_t>(size));
      if (!pool->Reallocate(size, 2 * size, alignment, &block.data).ok()) return 11;
      if (Read(block.data + size - 1) != 1) return 12;
      std::memset(block.data, 2, static_cast<size_t>(2 * size));
      if (!pool->Reallocate(2 * size, size, alignment, &block.data).ok()) return 13;
      if (Read(block.data + size - 1) != 2) return 14;
      if (reinterpret_cast<uint64_t>(block.data) % static_cast<uint64_t>(alignment) != 0) return 15;
      std::thread([&] { block.Free(); }).join();
    }
  }
  if (pool->bytes_allocated() != 0) return 16;
  const GuardedStatistics now = GetGuardedStatistics();
  return now.live_blocks == 0 && now.live_bytes == 0 && now.total_blocks == 40 ? 0 : 17;
}

// In a forked child: it frees what its parent allocated, and a fault is reported as in any process.
int FaultAfterFork(MemoryPool* pool) {
  Block mine(pool, 64);
  Block childs(pool, 64);
  const pid_t pid = ::fork();
  if (pid == 0) {
    childs.Free();
    Block own(pool, 64);
    own.Free();
    ::_exit(Read(At(childs.data, 1)));
  }
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid || (!kMallocIsSanitizers && !WIFSIGNALED(status)) ||
      status == 0) {
    return 10;
  }
  std::memset(childs.data, 3, 64);
  mine.Free();
  childs.Free();
  return pool->bytes_allocated() == 0 ? 0 : 11;
}

int RunAsChild(const std::string& backend, const std::string& fault) {
  if (!internal::RegisterTheBackend().ok()) return 3;
  auto made = CreateMemoryPool(backend);
  if (!made.ok()) return 3;
  MemoryPool* const pool = made->get();
  if (fault == "nothing") return UseWell(pool);
  if (fault == "after-fork") return FaultAfterFork(pool);
  if (fault == "on-a-small-signal-stack") {
    const auto size = static_cast<size_t>(::sysconf(_SC_MINSIGSTKSZ)) + 8192;
    std::vector<char> bytes(size);
    const stack_t stack = {bytes.data(), 0, size};
    if (::sigaltstack(&stack, nullptr) != 0) return 5;
    return Plant(pool, "write-after-free");
  }
  if (fault == "labelled-pool") {
    LabelledMemoryPool labelled(pool, Label::Intern("of.the.pool"));
    uint8_t* block = nullptr;
    if (!labelled.Allocate(64, &block).ok()) return 4;
    return Read(At(block, 64));
  }
  if (fault == "labelled-anew") {
    Block block(pool, 128);
    const ScopedLabel label("test.shrunk");
    if (!pool->Reallocate(128, 64, &block.data).ok()) return 4;
    pool->Free(block.data, 65);
  }
  return Plant(pool, fault);
}

// The parent's part.

ChildResult Guarded(const std::string& backend, const std::string& fault) {
  return RunSelf({backend, fault}, {{"ALKAID_GUARDED_SAMPLING", "1"}});
}

// How a child ended that touched memory that it may not.
bool StoppedBy(const ChildResult& child, int signal) {
  return kMallocIsSanitizers ? !child.ExitedWith(0) : child.signal() == signal;
}

struct Fault {
  const char* name;
  int signal;
  const char* first_line;
  std::vector<const char*> more;
};

const std::vector<Fault>& Faults() {
  static const std::vector<Fault> faults = {
      {"write-after-free",
       SIGSEGV,
       "use after free: a write at byte 16 of a block of 64 bytes",
       {"access to 0x", "freed by thread", "FreeFromAFunctionOfItsOwn", "allocated by thread"}},
      {"read-after-free",
       SIGSEGV,
       "use after free: a read at byte 16 of a block of 64 bytes",
       {"access to 0x", "freed by thread", "FreeFromAFunctionOfItsOwn", "allocated by thread"}},
      {"overrun-write",
       SIGSEGV,
       "overrun: a write at byte 128 of a block of 128 bytes, at its end",
       {"access to 0x", "Write(", "allocated by thread"}},
      {"overrun-read",
       SIGSEGV,
       "overrun: a read at byte 140 of a block of 128 bytes, 12 bytes past its end",
       {"access to 0x", "Read(", "allocated by thread"}},
      {"overrun-of-16-MiB",
       SIGSEGV,
       "overrun: a write at byte 16777225 of a block of 16777216 bytes, 9 bytes past its end",
       {"access to 0x", "allocated by thread"}},
      {"underrun-write",
       SIGSEGV,
       "underrun: a write at byte -1 of a block of 100 bytes, 1 byte before its start",
       {"access to 0x", "allocated by thread"}},
      {"underrun-read",
       SIGSEGV,
       "underrun: a read at byte -8 of a block of 100 bytes, 8 bytes before its start",
       {"access to 0x", "allocated by thread"}},
      {"canary-past-end",
       SIGABRT,
       "overrun, found where the block was freed: a write at byte 101 of a block of 100 bytes, "
       "1 byte past its end",
       {"freed by thread", "allocated by thread"}},
      {"canary-before-start",
       SIGABRT,
       "underrun, found where the block was freed: a write at byte -3 of a block of 100 bytes, "
       "3 bytes before its start",
       {"freed by thread", "allocated by thread"}},
      {"canary-at-reallocation",
       SIGABRT,
       "overrun, found where the block was reallocated: a write at byte 100 of a block of 100 "
       "bytes, at its end",
       {"reallocated by thread", "allocated by thread"}},
      {"double-free",
       SIGABRT,
       "double free of a block of 64 bytes",
       {"free by thread", "freed by thread", "FreeFromAFunctionOfItsOwn", "allocated by thread"}},
      {"free-by-another-pool",
       SIGABRT,
       "wrong pool: free of a block of 64 bytes by pool 0x",
       {"; it is of pool 0x", "free by thread", "allocated by thread"}},
      {"free-as-larger",
       SIGABRT,
       "wrong size: free of a block of 64 bytes as one of 100 bytes",
       {"free by thread", "allocated by thread"}},
      {"free-as-nothing",
       SIGABRT,
       "wrong size: free of a block of 64 bytes as one of 0 bytes",
       {"free by thread", "allocated by thread"}},
      {"free-as-more-aligned",
       SIGABRT,
       "wrong alignment: free of a block of 64 bytes, aligned to 64, as one aligned to 128",
       {"free by thread", "allocated by thread"}},
      {"reallocation-by-another-pool",
       SIGABRT,
       "wrong pool: reallocation of a block of 64 bytes by pool 0x",
       {"; it is of pool 0x", "reallocation by thread", "allocated by thread"}},
      {"reallocation-as-smaller",
       SIGABRT,
       "wrong size: reallocation of a block of 64 bytes as one of 63 bytes",
       {"reallocation by thread", "allocated by thread"}},
      {"reallocation-as-nothing",
       SIGABRT,
       "wrong size: reallocation of a block of 64 bytes as one of 0 bytes",
       {"reallocation by thread", "allocated by thread"}},
      {"reallocation-as-less-aligned",
       SIGABRT,
       "wrong alignment: reallocation of a block of 64 bytes, aligned to 64, as one aligned to 32",
       {"reallocation by thread", "allocated by thread"}},
      {"write-past-a-freed-block",
       SIGSEGV,
       "overrun of a freed block: a write at byte 70 of a block of 64 bytes, 6 bytes past its end",
       {"access to 0x", "freed by thread", "allocated by thread"}},
      {"read-before-a-freed-block",
       SIGSEGV,
       "underrun of a freed block: a read at byte -1 of a block of 64 bytes, 1 byte before its "
       "start",
       {"access to 0x", "freed by thread", "allocated by thread"}},
      {"free-of-its-middle",
       SIGABRT,
       ", where no block begins: byte 64 of a block of 128 bytes",
       {"free by thread", "allocated by thread"}},
      {"reallocation-of-freed",
       SIGABRT,
       "reallocation of a freed block of 64 bytes",
       {"reallocation by thread", "freed by thread", "allocated by thread"}},
      {"read-after-reallocation",
       SIGSEGV,
       "use after free: a read at byte 0 of a block of 64 bytes",
       {"access to 0x", "freed by thread", "allocated by thread"}},
  };
  return faults;
}

TEST(GuardedFault, EachFaultOnEachBackendStopsTheProgramAndIsToldOf) {
  for (const std::string& backend : BackendsWithTheRegistered()) {
    for (const Fault& fault : Faults()) {
      SCOPED_TRACE(backend + ", " + fault.name);
      const ChildResult child = Guarded(backend, fault.name);
      EXPECT_TRUE(StoppedBy(child, fault.signal)) << child.status << child.err;
      EXPECT_THAT(child.out, IsEmpty());
      EXPECT_THAT(child.err, AllOf(HasSubstr("Alkaid memory fault: "), HasSubstr(fault.first_line),
                                   HasSubstr(", alignment 64, label 'test.guarded', pool 0x"),
                                   HasSubstr(" over " + backend + ", guarded\n")));
      for (const char* part : fault.more) EXPECT_THAT(child.err, HasSubstr(part));
    }
  }
}

TEST(GuardedFault, ItIsToldOfOnceAndWithoutAFaultNotAtAll) {
  for (const std::string& backend : BackendsWithTheRegistered()) {
    SCOPED_TRACE(backend);
    const std::string told = Guarded(backend, "write-after-free").err;
    EXPECT_EQ(told.find("Alkaid memory fault"), told.rfind("Alkaid memory fault")) << told;
    const ChildResult well = Guarded(backend, "nothing");
    EXPECT_TRUE(well.ExitedWith(0)) << well.status << well.err;
    EXPECT_THAT(well.err, IsEmpty());
  }
}

// The program ends once the first report is complete, no matter which threads fault meanwhile.
TEST(GuardedFault, ItIsToldOfWholeWhereSeveralThreadsComeAtOnce) {
  for (int i = 0; i < 10; ++i) {
    const ChildResult child = Guarded("system", "write-after-free-by-eight-threads");
    EXPECT_EQ(child.err.find("Alkaid memory fault"), child.err.rfind("Alkaid memory fault"));
    EXPECT_THAT(child.err, HasSubstr("allocated by thread"));
  }
}

TEST(GuardedFault, BlocksOfStandardContainersAreGuardedToo) {
  for (const std::string& backend : BackendsWithTheRegistered()) {
    SCOPED_TRACE(backend);
    EXPECT_THAT(Guarded(backend, "read-past-a-vector").err,
                HasSubstr("overrun: a read at byte 128 of a block of 128 bytes, at its end"));
    EXPECT_THAT(Guarded(backend, "read-after-a-pmr-string").err,
                HasSubstr("use after free: a read at byte 0 of a block of 101 bytes"));
  }
}

TEST(GuardedFault, TheReportHasTheLabelOfTheBlocksPool) {
  EXPECT_THAT(Guarded("system", "labelled-pool").err, HasSubstr(", label 'of.the.pool', "));
}

TEST(GuardedFault, AForkedChildFreesItsParentsBlocksAndItsFaultsAreToldOf) {
  for (const std::string& backend : BackendsWithTheRegistered()) {
    SCOPED_TRACE(backend);
    const ChildResult child = Guarded(backend, "after-fork");
    EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
    EXPECT_THAT(child.err, HasSubstr("use after free: a read at byte 1 of a block of 64 bytes"));
  }
}

TEST(GuardedFault, ASmallSignalStackIsEnoughForAReportWithoutNames) {
  const ChildResult child = Guarded("system", "on-a-small-signal-stack");
  EXPECT_TRUE(StoppedBy(child, SIGSEGV)) << child.status;
  EXPECT_THAT(child.err,
              AllOf(HasSubstr("use after free: a write at byte 16"), HasSubstr("freed by thread"),
                    HasSubstr("allocated by thread"), Not(HasSubstr("FreeFromAFunctionOfItsOwn"))));
}

TEST(GuardedFault, ABlockThatShrinksHasTheLabelOfItsLatestReallocation) {
  for (const std::string& backend : BackendsWithTheRegistered()) {
    SCOPED_TRACE(backend);
    EXPECT_THAT(Guarded(backend, "labelled-anew").err,
                AllOf(HasSubstr("wrong size: free of a block of 64 bytes as one of 65 bytes"),
                      HasSubstr(", label 'test.shrunk', ")));
  }
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  if (std::string(argv[0]) == "child" && argc == 3) return alkaid::RunAsChild(argv[1], argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
