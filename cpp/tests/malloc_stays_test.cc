// A program that is linked with libalkaid.so keeps the C library's malloc, and each backend's
// blocks come from that backend.
//
// The allocators' own statistics show the origin of a block: jemalloc's "stats.allocated", and
// glibc's mallinfo2. A block that is in neither, and whose pool works, is mimalloc's.
#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/pools/jemalloc.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "fixtures/libc_malloc.h"

namespace alkaid {
namespace {

// Large compared with the program's other allocations, in pieces of several sizes.
constexpr int64_t kPiece = 48 << 10;
constexpr int kPieces = 200;
constexpr int64_t kAll = kPiece * kPieces;

int64_t JemallocsBytes() {
  const Result<int64_t> bytes = jemalloc_get_stat("stats.allocated");
  return bytes.ok() ? *bytes : 0;
}
int64_t GlibcsBytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

// Whether `grown` is about the allocated size, or about nothing where it should not grow.
bool Fits(const char* backend, const char* book, int64_t grown, bool should_grow) {
  const bool grew = grown >= kAll && grown < 2 * kAll;
  const bool stayed = grown > -kAll / 10 && grown < kAll / 10;
  if (should_grow ? grew : stayed) return true;
  std::printf("%s: %lld bytes in %s's book after %lld were allocated\n", backend,
              static_cast<long long>(grown), book, static_cast<long long>(kAll));
  return false;
}

bool BlocksComeFromTheirBackend(const std::string& backend) {
  const Result<std::unique_ptr<MemoryPool>> pool = CreateMemoryPool(backend);
  if (!pool.ok()) return false;
  std::vector<uint8_t*> blocks(kPieces, nullptr);
  const int64_t jemallocs = JemallocsBytes();
  const int64_t glibcs = GlibcsBytes();
  for (uint8_t*& block : blocks) {
    if (!(*pool)->Allocate(kPiece, &block).ok()) return false;
    std::memset(block, 1, kPiece);
  }
  const bool fits =
      Fits(backend.c_str(), "jemalloc", JemallocsBytes() - jemallocs, backend == "jemalloc") &
      Fits(backend.c_str(), "glibc", GlibcsBytes() - glibcs, backend == "system");
  for (uint8_t* block : blocks) (*pool)->Free(block, kPiece);
  const bool gone = Fits(backend.c_str(), "jemalloc", JemallocsBytes() - jemallocs, false) &
                    Fits(backend.c_str(), "glibc", GlibcsBytes() - glibcs, false);
  return fits && gone;
}

// malloc's own blocks must show only in glibc's statistics.
bool MallocsBlocksAreGlibcs() {
  std::vector<void*> blocks(kPieces, nullptr);
  const int64_t jemallocs = JemallocsBytes();
  const int64_t glibcs = GlibcsBytes();
  for (void*& block : blocks) {
    block = std::malloc(kPiece);
    if (block == nullptr) return false;
    std::memset(block, 1, kPiece);
  }
  const bool fits = Fits("malloc", "jemalloc", JemallocsBytes() - jemallocs, false) &
                    Fits("malloc", "glibc", GlibcsBytes() - glibcs, true);
  for (void* block : blocks) std::free(block);
  return fits;
}

int Run() {
  if (internal::kMallocIsSanitizers) {
    std::printf("skipped: under a sanitizer malloc is the sanitizer's\n");
    return 77;
  }
  bool good = internal::MallocIsLibcs("before first use");
  for (const MemoryBackend& backend : MemoryBackends()) {
    good &= BlocksComeFromTheirBackend(backend.name);
  }
  good &= internal::MallocIsLibcs("after use of every backend");
  good &= MallocsBlocksAreGlibcs();
  std::printf("%zu backends, malloc is served by %s\n", MemoryBackends().size(),
              internal::ProviderOf("malloc").c_str());
  return good ? 0 : 1;
}

}  // namespace
}  // namespace alkaid

int main() { return alkaid::Run(); }
