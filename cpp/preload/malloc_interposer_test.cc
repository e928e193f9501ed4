// libalkaid_malloc.so, preloaded into this very program: each function does what the C library's
// does, and the table lists exactly the live blocks.
//
// The program runs itself again with the library preloaded. The child reports what failed.
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/pmr.h"
#include "alkaid/heap/tracking/heap_tables_internal.h"
#include "alkaid/heap/tracking/tracking.h"
#include "fixtures/libc_malloc.h"

// The test looks up records of freed blocks: only their addresses are used.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuse-after-free"
#endif

namespace alkaid::heap {
namespace {

int failures = 0;

void Expect(bool good, const char* what, int line) {
  if (good) return;
  std::printf("line %d: not so: %s\n", line, what);
  ++failures;
}
#define EXPECT(condition) Expect(condition, #condition, __LINE__)

// Hides a block from the compiler, which would otherwise remove the calls.
void* Hidden(void* block) {
  asm volatile("" : "+r"(block) : : "memory");
  return block;
}

bool Find(const void* block, LiveBlock* record) {
  return Tables().blocks.Get(reinterpret_cast<uint64_t>(block), record);
}

// -1 if it is not listed as a block of malloc's.
int64_t MallocSize(const void* block) {
  LiveBlock record;
  if (!Find(block, &record) || record.pool != PoolIndex::kMalloc) return -1;
  if (std::strcmp(Root().labels[record.label].load(), "malloc") != 0) return -1;
  return static_cast<int64_t>(record.size);
}

bool IsAligned(const void* block, uint64_t alignment) {
  return reinterpret_cast<uint64_t>(block) % alignment == 0;
}

uint64_t Live() { return Tables().blocks.live(); }

void EachFunctionIsSeen() {
  void* block = Hidden(std::malloc(100));
  EXPECT(MallocSize(block) == 100);
  std::free(block);
  EXPECT(MallocSize(block) == -1);

  block = Hidden(std::calloc(30, 7));
  EXPECT(MallocSize(block) == 210);
  bool zeros = true;
  for (int i = 0; i < 210; ++i) zeros &= static_cast<char*>(block)[i] == 0;
  EXPECT(zeros);
  block = Hidden(std::realloc(block, 100'000));
  EXPECT(MallocSize(block) == 100'000);
  block = Hidden(reallocarray(block, 1000, 3));
  EXPECT(MallocSize(block) == 3000);
  EXPECT(Hidden(std::realloc(block, 0)) == nullptr);
  EXPECT(MallocSize(block) == -1);

  const auto aligned = [](void* given, int64_t size, uint64_t alignment, int line) {
    given = Hidden(given);
    Expect(MallocSize(given) == size, "the aligned block is listed", line);
    Expect(IsAligned(given, alignment), "it is aligned", line);
    Expect(malloc_usable_size(given) >= static_cast<size_t>(size), "it is large enough", line);
    std::free(given);
    Expect(MallocSize(given) == -1, "it is gone", line);
  };
  void* out = nullptr;
  EXPECT(posix_memalign(&out, 4096, 50) == 0);
  aligned(out, 50, 4096, __LINE__);
  aligned(std::aligned_alloc(256, 512), 512, 256, __LINE__);
  aligned(memalign(128, 51), 51, 128, __LINE__);
  aligned(valloc(52), 52, 4096, __LINE__);
  aligned(pvalloc(53), 4096, 4096, __LINE__);
  aligned(std::realloc(nullptr, 54), 54, 16, __LINE__);
  aligned(reallocarray(nullptr, 5, 11), 55, 16, __LINE__);

  EXPECT(MallocSize(Hidden(std::malloc(0))) == 0);
}

void OperatorsAreSeenOnce() {
  const uint64_t before = Live();
  auto* const number = static_cast<int*>(Hidden(new int(7)));
  auto* const array = static_cast<char*>(Hidden(new char[1000]));
  struct alignas(256) Wide {
    char bytes[300];
  };
  auto* const wide = static_cast<Wide*>(Hidden(new Wide));
  EXPECT(MallocSize(number) == sizeof(int));
  EXPECT(MallocSize(array) == 1000);
  EXPECT(MallocSize(wide) >= 512);
  EXPECT(Live() == before + 3);
  delete number;
  delete[] array;
  delete wide;
  EXPECT(Live() == before);
}

void RefusalsLeaveThingsAsTheyWere() {
  void* block = Hidden(std::malloc(100));
  volatile size_t huge = SIZE_MAX / 2;
  errno = 0;
  EXPECT(Hidden(std::realloc(block, huge)) == nullptr);
  EXPECT(errno == ENOMEM);
  EXPECT(MallocSize(block) == 100);
  errno = 0;
  EXPECT(Hidden(reallocarray(block, huge, 4)) == nullptr);
  EXPECT(errno == ENOMEM);
  EXPECT(MallocSize(block) == 100);
  errno = 0;
  EXPECT(Hidden(std::calloc(huge, 4)) == nullptr);
  EXPECT(errno == ENOMEM);
  volatile size_t most = SIZE_MAX;
  errno = 0;
  EXPECT(Hidden(pvalloc(most)) == nullptr);
  EXPECT(errno == ENOMEM);
  errno = 77;
  void* out = block;
  EXPECT(posix_memalign(&out, 3, 10) == EINVAL);
  EXPECT(posix_memalign(&out, 4, 10) == EINVAL);
  EXPECT(posix_memalign(&out, 64, huge) == ENOMEM);
  EXPECT(out == block);
  EXPECT(errno == 77);
  void* other = Hidden(std::malloc(200'000));
  std::free(other);
  std::free(block);
  std::free(nullptr);
  EXPECT(errno == 77);
}

// A static function of its own, so that a frame in it can be recognised.
[[gnu::noinline]] void* AllocateHere() { return Hidden(std::malloc(100)); }

void TheStackTraceBeginsWithTheCaller() {
  void* const block = AllocateHere();
  LiveBlock record = {};
  EXPECT(Find(block, &record));
  const auto frames = Tables().stacks.Frames(record.stack);
  EXPECT(frames.size() >= 3);
  const auto function = reinterpret_cast<uint64_t>(&AllocateHere);
  EXPECT(!frames.empty() && frames[0] > function && frames[0] < function + 200);
  std::free(block);

  const std::unique_ptr<int> number(static_cast<int*>(Hidden(new int(7))));
  EXPECT(Find(number.get(), &record));
  Dl_info info = {};
  const auto of_new = Tables().stacks.Frames(record.stack);
  EXPECT(!of_new.empty() && dladdr(reinterpret_cast<void*>(of_new[0]), &info) != 0 &&
         info.dli_sname != nullptr && std::string(info.dli_sname) == "_Znwm");
}

// This pool allocates by malloc; the block must be listed as the pool's.
void ABlockOfTheSystemPoolIsListedOnceAsThePools() {
  MemoryPool* const pool = system_memory_pool();
  const ScopedLabel label("interposer_test");
  uint8_t* warm = nullptr;
  EXPECT(pool->Allocate(10, &warm).ok());
  const uint64_t before = Live();
  uint8_t* bytes = nullptr;
  const auto is_pools = [&](uint64_t size) {
    LiveBlock record;
    return Find(bytes, &record) && record.size == size &&
           Root().pools[record.pool].pool == reinterpret_cast<uint64_t>(pool) &&
           record.flags == 0 && Live() == before + 1;
  };
  EXPECT(pool->Allocate(100, &bytes).ok());
  EXPECT(is_pools(100));
  EXPECT(pool->Reallocate(100, 50'000, &bytes).ok());
  EXPECT(is_pools(50'000));
  EXPECT(!pool->Reallocate(50'000, int64_t{1} << 47, &bytes).ok());
  EXPECT(is_pools(50'000));
  EXPECT(pool->Reallocate(50'000, 49'000, &bytes).ok());
  EXPECT(is_pools(49'000));
  pool->Free(bytes, 49'000);
  EXPECT(Live() == before);
  pool->Free(warm, 10);
}

// A pool over an arena hands out parts of one block of malloc's.
void AnArenasBlockIsListedAsMallocsWhateverBecomesOfItsParts() {
  constexpr size_t kArena = 1 << 20;
  const uint64_t before = Live();
  {
    // No upstream that could give more: the part begins where the block does.
    void* const arena = Hidden(std::malloc(kArena));
    std::pmr::monotonic_buffer_resource parts(arena, kArena, std::pmr::null_memory_resource());
    MemoryResourcePool pool(&parts);
    uint8_t* first = nullptr;
    uint8_t* second = nullptr;
    EXPECT(pool.Allocate(70'000, 16, &first).ok());
    EXPECT(first == arena);
    EXPECT(MallocSize(arena) == kArena);
    EXPECT(pool.Allocate(500, 16, &second).ok());
    LiveBlock record;
    EXPECT(Find(second, &record) && record.size == 500 && record.pool != PoolIndex::kMalloc);
    pool.Free(second, 500, 16);
    pool.Free(first, 70'000, 16);
    EXPECT(MallocSize(arena) == kArena);
    std::free(arena);
  }
  EXPECT(Live() == before);
}

// The other backends get their memory from the kernel.
void BlocksOfOtherBackendsAreListedOnce() {
  for (MemoryPool* const pool : {default_memory_pool()}) {
    uint8_t* warm = nullptr;
    EXPECT(pool->Allocate(10, &warm).ok());
    const uint64_t before = Live();
    uint8_t* bytes = nullptr;
    EXPECT(pool->Allocate(100, &bytes).ok());
    EXPECT(Live() == before + 1);
    pool->Free(bytes, 100);
    pool->Free(warm, 10);
  }
}

struct FreesAtThreadEnd {
  void* block = nullptr;
  ~FreesAtThreadEnd() { std::free(block); }
};
thread_local FreesAtThreadEnd frees_at_thread_end;

void ThreadsLeaveNothingBehind() {
  std::vector<void*> handed_over(4);
  const auto work = [](void** hand_over) {
    frees_at_thread_end.block = Hidden(std::malloc(500));
    for (int i = 0; i < 2'000; ++i) {
      void* block = Hidden(std::malloc(static_cast<size_t>(i % 300)));
      block = Hidden(std::realloc(block, static_cast<size_t>(i % 7'000 + 1)));
      std::free(block);
    }
    *hand_over = Hidden(std::malloc(64));
  };
  const auto round = [&] {
    std::vector<std::thread> threads;
    for (void*& hand_over : handed_over) threads.emplace_back(work, &hand_over);
    for (std::thread& thread : threads) thread.join();
    for (void* const block : handed_over) {
      EXPECT(MallocSize(block) == 64);
      std::free(block);
    }
  };
  round();  // the C library's per-thread memory exists from now on
  const uint64_t before = Live();
  round();
  EXPECT(Live() <= before);
  EXPECT(Root().moving == 0);
}

void AForkedChildTracksOn() {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&stop] {
      while (!stop) {
        void* block = Hidden(std::malloc(100));
        block = Hidden(std::realloc(block, 5'000));
        std::free(block);
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    void* const inherited = Hidden(std::malloc(321));
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      failures = 0;
      EXPECT(MallocSize(inherited) == 321);
      std::free(inherited);
      EXPECT(MallocSize(inherited) == -1);
      std::thread([] {
        void* const block = Hidden(std::malloc(77));
        EXPECT(MallocSize(block) == 77);
        std::free(block);
      }).join();
      EXPECT(Root().moving == 0);
      std::fflush(stdout);
      _exit(failures == 0 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT(status == 0);
    std::free(inherited);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

void LibrariesMayComeAndGo() {
  for (int i = 0; i < 20; ++i) {
    void* const library = dlopen("libresolv.so.2", RTLD_NOW);
    EXPECT(library != nullptr);
    void* const block = Hidden(std::malloc(99));
    EXPECT(MallocSize(block) == 99);
    if (library != nullptr) dlclose(library);
    std::free(block);
  }
}

void ItCanBeSwitchedOffAndOn() {
  void* const early = Hidden(std::malloc(100));
  StopTracking();
  void* const between = Hidden(std::malloc(100));
  EXPECT(MallocSize(between) == -1 && MallocSize(early) == -1);
  EXPECT(StartTracking().ok());
  void* late = Hidden(std::malloc(100));
  EXPECT(MallocSize(late) == 100 && MallocSize(early) == -1);
  // A block reallocated from now on is listed, marked as from before.
  void* const grown = Hidden(std::realloc(between, 50'000));
  LiveBlock record = {};
  EXPECT(Find(grown, &record) && record.flags == kUntracked);
  std::free(early);
  std::free(grown);
  std::free(late);
}

struct FreesAtExit {
  void* block = nullptr;
  ~FreesAtExit() {
    if (block == nullptr) return;  // the parent
    EXPECT(MallocSize(block) == 4'444);
    std::free(block);
    EXPECT(MallocSize(block) == -1);
    std::fflush(stdout);
    if (failures != 0) _exit(1);
  }
};
FreesAtExit frees_at_exit;

int RunAsChild() {
  EXPECT(::alkaid::internal::ProviderOf("malloc") == "libalkaid_malloc.so");
  EXPECT(::alkaid::internal::ProviderOf("free") == "libalkaid_malloc.so");
  EXPECT(IsTracking());
  if (failures != 0) return 1;
  EachFunctionIsSeen();
  OperatorsAreSeenOnce();
  RefusalsLeaveThingsAsTheyWere();
  TheStackTraceBeginsWithTheCaller();
  ABlockOfTheSystemPoolIsListedOnceAsThePools();
  AnArenasBlockIsListedAsMallocsWhateverBecomesOfItsParts();
  BlocksOfOtherBackendsAreListedOnce();
  ThreadsLeaveNothingBehind();
  AForkedChildTracksOn();
  LibrariesMayComeAndGo();
  ItCanBeSwitchedOffAndOn();
  frees_at_exit.block = Hidden(std::malloc(4'444));
  EXPECT(Root().lost == 0);
  return failures == 0 ? 0 : 1;
}

int Run(const char* preload) {
  // Unless it is preloaded, nothing replaces malloc.
  if (!::alkaid::internal::MallocIsLibcs("linked with libalkaid.so")) return 1;
  const pid_t child = fork();
  if (child == 0) {
    setenv("LD_PRELOAD", preload, 1);
    setenv("ALKAID_TRACK_ALLOCATIONS", "1", 1);
    alarm(100);
    execl("/proc/self/exe", "child", nullptr);
    _exit(127);
  }
  int status = -1;
  waitpid(child, &status, 0);
  if (status != 0) std::printf("the child ended with status %d\n", status);
  return status == 0 ? 0 : 1;
}

}  // namespace
}  // namespace alkaid::heap

int main(int argc, char** argv) {
  return argc == 2 ? alkaid::heap::Run(argv[1]) : alkaid::heap::RunAsChild();
}
