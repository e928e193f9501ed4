#include "alkaid/core/pools/allocator_statistics.h"

#include <dlfcn.h>
#include <malloc.h>

#include <algorithm>
#include <cstddef>

#include "alkaid/core/pools/guarded_slots_internal.h"
#include "alkaid/core/pools/listed_pools.h"

#if ALKAID_HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif
#if ALKAID_HAVE_MIMALLOC
#include "alkaid/core/pools/mimalloc_gate_internal.h"
#endif

namespace alkaid {
namespace {

struct PoolsOver {
  std::string_view backend;
  bool any = false;
  int64_t bytes_allocated = 0;
};

PoolsOver FindPoolsOver(std::string_view backend) {
  PoolsOver found{.backend = backend};
  internal::VisitListedPools(
      [](const internal::ListedPool& pool, void* context) {
        auto* const result = static_cast<PoolsOver*>(context);
        if (pool.name != result->backend) return;
        result->any = true;
        result->bytes_allocated += pool.bytes_allocated;
      },
      &found);
  return found;
}

// The file that contains a function; null if it is not known.
const char* FileOf(const char* function, const void** file_base) {
  Dl_info info = {};
  const void* const address = ::dlsym(RTLD_DEFAULT, function);
  if (address == nullptr || ::dladdr(address, &info) == 0) return nullptr;
  *file_base = info.dli_fbase;
  return info.dli_fname;
}

// Whether mallinfo2 describes the malloc that serves this process. A sanitizer, or an allocator
// that the program preloads, has its own malloc and usually no mallinfo2. The library that watches
// malloc passes calls on to glibc's.
bool MallinfoIsOfMalloc() {
  const void* malloc_base = nullptr;
  const void* mallinfo_base = nullptr;
  const char* const file = FileOf("malloc", &malloc_base);
  if (file == nullptr || FileOf("mallinfo2", &mallinfo_base) == nullptr) return false;
  return malloc_base == mallinfo_base ||
         std::string_view(file).find("/libalkaid_malloc.so") != std::string_view::npos;
}

// Asks the loader, whose lock a forked child may find held for ever. So it is asked while the
// library is loaded.
bool MallinfoIsKnown() {
  static const bool known = MallinfoIsOfMalloc();
  return known;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { MallinfoIsKnown(); }

AllocatorStatistics OfSystem() {
  if (!MallinfoIsKnown()) return {};
  const struct mallinfo2 info = ::mallinfo2();
  return {.held_bytes = static_cast<int64_t>(info.arena + info.hblkhd),
          .in_use_bytes = static_cast<int64_t>(info.uordblks + info.hblkhd)};
}

#if ALKAID_HAVE_JEMALLOC
std::optional<int64_t> JemallocFigure(const char* name) {
  size_t value = 0;
  size_t length = sizeof(value);
  if (je_alkaid_mallctl(name, &value, &length, nullptr, 0) != 0) return std::nullopt;
  return static_cast<int64_t>(value);
}

AllocatorStatistics OfJemalloc() {
  uint64_t epoch = 1;
  je_alkaid_mallctl("epoch", nullptr, nullptr, &epoch, sizeof(epoch));
  AllocatorStatistics statistics = {.held_bytes = JemallocFigure("stats.resident"),
                                    .in_use_bytes = JemallocFigure("stats.allocated")};
  // 4096 is MALLCTL_ARENAS_ALL of jemalloc 5.
  const auto cached = JemallocFigure("stats.arenas.4096.tcache_bytes");
  if (statistics.in_use_bytes && cached) {
    statistics.in_use_bytes = std::max<int64_t>(*statistics.in_use_bytes - *cached, 0);
  }
  return statistics;
}
#endif

#if ALKAID_HAVE_MIMALLOC
AllocatorStatistics OfMimalloc(int64_t in_use) {
  size_t elapsed = 0, user = 0, system = 0, rss = 0, peak_rss = 0, commit = 0, peak = 0, faults = 0;
  internal::CallMimalloc(
      [&] { mi_process_info(&elapsed, &user, &system, &rss, &peak_rss, &commit, &peak, &faults); });
  // 3.0.1 subtracts what it never added: its figure can be below zero.
  return {.held_bytes = std::max(static_cast<int64_t>(commit), in_use), .in_use_bytes = in_use};
}
#endif

AllocatorStatistics OfAllocator(std::string_view backend, [[maybe_unused]] int64_t guarded) {
  if (backend == "system") return OfSystem();
  if (backend != "jemalloc" && backend != "mimalloc") return {};
  const PoolsOver pools = FindPoolsOver(backend);
  if (!pools.any) return {.held_bytes = 0, .in_use_bytes = 0};
#if ALKAID_HAVE_JEMALLOC
  if (backend == "jemalloc") return OfJemalloc();
#endif
#if ALKAID_HAVE_MIMALLOC
  if (backend == "mimalloc")
    return OfMimalloc(std::max<int64_t>(pools.bytes_allocated - guarded, 0));
#endif
  return {};
}

}  // namespace

AllocatorStatistics GetAllocatorStatistics(std::string_view backend) {
  const int64_t guarded = internal::GuardedBytes(internal::GuardedAccountOf(backend));
  AllocatorStatistics statistics = OfAllocator(backend, guarded);
  if (statistics.held_bytes) *statistics.held_bytes += guarded;
  if (statistics.in_use_bytes) *statistics.in_use_bytes += guarded;
  return statistics;
}

}  // namespace alkaid
