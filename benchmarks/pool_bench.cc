// What does a pool add to its allocator? Allocate and free, 64 B to 16 MiB, on one thread and on
// two that share a pool.

#include <cstdlib>
#include <string>

#include "alkaid/core/pools/memory_pool.h"
#include "benchmark_program.h"
#include "raw_allocator.h"

namespace alkaid::bench {
namespace {

constexpr int64_t kSizes[] = {64,       256,       1 << 10, 4 << 10, 16 << 10,
                              64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20};
// Up to this size the bar is a constant; above, it is the spread of the raw allocator's own turns.
constexpr int64_t kMaxSmall = 64 << 10;

// Writes the ends of each block and reads them back, since a compiler may remove an unused
// allocation.
template <typename Allocate, typename Free>
void AllocateAndFree(int64_t times, int64_t size, Allocate allocate, Free free) {
  int64_t touched = 0;
  for (int64_t i = 0; i < times; ++i) {
    uint8_t* block = allocate(size);
    block[0] = 1;
    block[size - 1] = 2;
    benchmark::DoNotOptimize(block);
    benchmark::ClobberMemory();
    touched += block[0] + block[size - 1];
    free(block, size);
  }
  Require(touched == 3 * times, "the blocks do not hold what was written to them");
}

void UsePool(MemoryPool* pool, int64_t times, int64_t size) {
  AllocateAndFree(
      times, size,
      [pool](int64_t bytes) {
        uint8_t* block = nullptr;
        if (!pool->Allocate(bytes, &block).ok()) std::abort();
        return block;
      },
      [pool](uint8_t* block, int64_t bytes) { pool->Free(block, bytes); });
}

template <typename Raw>
void UseRaw(int64_t times, int64_t size) {
  AllocateAndFree(
      times, size,
      [](int64_t bytes) {
        return static_cast<uint8_t*>(Raw::Allocate(static_cast<size_t>(bytes)));
      },
      [](uint8_t* block, int64_t) { Raw::Free(block); });
}

template <typename Raw>
void RegisterBackend(int threads) {
  const std::string backend = Raw::kName;
  MemoryPool* const pool = PoolOver(backend);
  for (const int64_t size : kSizes) {
    Register({.name = "allocate_free/" + backend + "/" + std::to_string(size),
              .question = "pool allocate+free beside the raw allocator, " + backend,
              .variant = SizeName(size),
              .measured = [pool, size](int64_t times) { UsePool(pool, times, size); },
              .floor = [size](int64_t times) { UseRaw<Raw>(times, size); },
              .bars = {size <= kMaxSmall ? Bar::Above(6) : Bar::Spread()},
              .threads = threads,
              .after = PoolSawThem(pool)});
  }
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) {
  for (const int threads : {1, 2}) {
    alkaid::bench::ForEachRawAllocator(
        [threads](auto raw) { alkaid::bench::RegisterBackend<decltype(raw)>(threads); });
  }
  return alkaid::bench::RunBenchmarks(argc, argv);
}
