// Does one thing many times, for counting the instructions that it takes
// (ci/count_instructions.sh).
//
//   path_cost OPERATION TIMES       OPERATION: a pool's name for allocating and freeing; slice; pools,
//                                   so many of which live together and go oldest first; buffers,
//                                   one in each of so many pools; detectors, so many added to one
//                                   Configure; or data, of each of them in one datagram
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/dgram/dgram_edit.h"

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

int Detectors(long times, bool data) {
  using alkaid::dgram::DgramEdit;
  using alkaid::dgram::TransitionId;
  const auto number = static_cast<uint32_t>(times);
  auto edit = DgramEdit::Make(TransitionId::kConfigure, alkaid::dgram::Timestamp(1, 0));
  if (!edit.ok()) return 1;
  for (uint32_t i = 0; i < number; ++i) {
    alkaid::dgram::DetectorDefinition definition;
    definition.detector = "d";
    definition.algorithm.name = "a";
    definition.fields = {{"x", alkaid::dgram::DataType::kUInt32, 0, {}}};
    definition.node_id = i / 256;
    definition.names_id = i % 256;
    if (!edit->AddDetector(definition).ok()) return 1;
  }
  if (!data) return 0;
  const auto configuration = edit->configuration();
  if (!edit->Reset(TransitionId::kL1Accept, alkaid::dgram::Timestamp(1, 1)).ok()) return 1;
  for (const alkaid::dgram::Names& names : configuration->names()) {
    if (!edit->AddData(names, {alkaid::dgram::FieldValue::Scalar<uint32_t>(1)}).ok()) return 1;
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
  if (std::strcmp(argv[1], "detectors") == 0) return Detectors(times, false);
  if (std::strcmp(argv[1], "data") == 0) return Detectors(times, true);
  setenv("ALKAID_DEFAULT_MEMORY_POOL", argv[1], 1);
  if (alkaid::default_memory_pool()->backend_name() != argv[1]) {
    std::fprintf(stderr, "path_cost: this build has no backend '%s'\n", argv[1]);
    return 1;
  }
  return Allocations(times);
}
