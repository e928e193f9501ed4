// Does one thing many times, for counting the instructions that it takes
// (ci/count_instructions.sh).
//
//   path_cost OPERATION TIMES       OPERATION: a pool's name for allocating and freeing; slice; pools,
//                                   so many of which live together and go oldest first; or buffers,
//                                   one in each of so many pools
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/proxy_memory_pool.h"

namespace {

int Allocations(long times) {
  alkaid::MemoryPool* const pool = alkaid::default_memory_pool();
  for (long i = 0; i < times; ++i) {
    uint8_t* block = nullptr;
    if (!pool->Allocate(64, &block).ok()) return 1;
    pool->Free(block, 64);
  }
  return 0;
}

int Slices(long times) {
  auto made = alkaid::AllocateBuffer(4096);
  if (!made.ok()) return 1;
  const std::shared_ptr<alkaid::Buffer> root = *std::move(made);
  for (long i = 0; i < times; ++i) {
    if (alkaid::SliceBuffer(root, i % 64, 64)->size() != 64) return 1;
  }
  return 0;
}

int Pools(long times) {
  std::vector<std::unique_ptr<alkaid::ProxyMemoryPool>> pools;
  for (long i = 0; i < times; ++i) {
    pools.push_back(std::make_unique<alkaid::ProxyMemoryPool>(alkaid::system_memory_pool()));
  }
  for (int round = 0; round < 2; ++round) {
    for (const auto& pool : pools) {
      uint8_t* block = nullptr;
      if (!pool->Allocate(64, &block).ok()) return 1;
      pool->Free(block, 64);
    }
  }
  for (auto& pool : pools) pool.reset();
  return 0;
}

int Buffers(long times) {
  std::vector<std::unique_ptr<alkaid::MemoryPool>> pools;
  for (long i = 0; i < times; ++i) {
    auto pool = alkaid::CreateMemoryPool("system");
    if (!pool.ok()) return 1;
    pools.push_back(*std::move(pool));
  }
  for (const auto& pool : pools) {
    alkaid::ProxyMemoryPool proxy(pool.get());
    for (alkaid::MemoryPool* each : {pool.get(), static_cast<alkaid::MemoryPool*>(&proxy)}) {
      if (!alkaid::AllocateBuffer(100, each).ok()) return 1;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 1;
  const long times = std::strtol(argv[2], nullptr, 10);
  if (std::strcmp(argv[1], "slice") == 0) return Slices(times);
  if (std::strcmp(argv[1], "pools") == 0) return Pools(times);
  if (std::strcmp(argv[1], "buffers") == 0) return Buffers(times);
  setenv("ALKAID_DEFAULT_MEMORY_POOL", argv[1], 1);
  if (alkaid::default_memory_pool()->backend_name() != argv[1]) {
    std::fprintf(stderr, "path_cost: this build has no backend '%s'\n", argv[1]);
    return 1;
  }
  return Allocations(times);
}
