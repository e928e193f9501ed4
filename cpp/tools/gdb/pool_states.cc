// Pools whose figures are read by a debugger: prints the figures of each pool, and stops in
// Reached().

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/quota_memory_pool.h"

extern "C" [[gnu::noinline, gnu::visibility("default")]] void Reached(const char* state) {
  asm volatile("" ::"r"(state) : "memory");
}

namespace {

using alkaid::MemoryPool;

struct Block {
  MemoryPool* pool;
  uint8_t* data;
  int64_t size;
};

Block Allocate(MemoryPool* pool, int64_t size) {
  uint8_t* data = nullptr;
  if (!pool->Allocate(size, &data).ok()) std::abort();
  return {pool, data, size};
}

void Print(const MemoryPool& pool) {
  std::printf("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %s %p\n", pool.bytes_allocated(),
              pool.max_memory(), pool.total_bytes_allocated(), pool.num_allocations(),
              pool.backend_name().c_str(), static_cast<const void*>(&pool));
}

}  // namespace

int main() {
  std::vector<std::unique_ptr<MemoryPool>> owned;
  for (const std::string& backend : alkaid::SupportedMemoryBackendNames()) {
    auto pool = alkaid::CreateMemoryPool(backend);
    if (!pool.ok()) std::abort();
    owned.push_back(*std::move(pool));
  }
  owned.push_back(std::make_unique<alkaid::QuotaMemoryPool>(owned.front().get(), 1 << 20));
  // A destroyed pool is not listed.
  alkaid::CreateMemoryPool("system")->reset();

  std::vector<Block> blocks;
  const auto use = [&](int64_t unit) {
    for (const auto& pool : owned) {
      const Block large = Allocate(pool.get(), unit * 100);
      blocks.push_back(Allocate(pool.get(), unit * 3));
      pool->Free(large.data, large.size);
      unit += 7;
    }
  };
  use(1000);
  // A thread that has ended, and one of its blocks that another thread frees.
  std::thread(use, 500).join();
  blocks.back().pool->Free(blocks.back().data, blocks.back().size);
  blocks.pop_back();
  for (const auto& pool : owned) Print(*pool);
  std::fflush(stdout);
  Reached("pools");
  for (const Block& block : blocks) block.pool->Free(block.data, block.size);
  return 0;
}
