// What does a Buffer cost beyond its bytes? AllocateBuffer against the pool's own allocate and
// free; slices against copies of a shared_ptr, each made and dropped.

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/pools/memory_pool.h"
#include "benchmark_program.h"
#include "raw_allocator.h"

namespace alkaid::bench {
namespace {

constexpr int64_t kBufferSize = 64;

void AllocateAndFree(MemoryPool* pool, int64_t times) {
  int64_t touched = 0;
  for (int64_t i = 0; i < times; ++i) {
    uint8_t* block = nullptr;
    if (!pool->Allocate(kBufferSize, &block).ok()) std::abort();
    block[0] = 1;
    benchmark::DoNotOptimize(block);
    touched += block[0];
    pool->Free(block, kBufferSize);
  }
  Require(touched == times, "a block lost its byte");
}

void AllocateBuffers(MemoryPool* pool, int64_t times) {
  int64_t touched = 0;
  for (int64_t i = 0; i < times; ++i) {
    Result<std::unique_ptr<Buffer>> buffer = AllocateBuffer(kBufferSize, pool);
    if (!buffer.ok()) std::abort();
    uint8_t* bytes = (*buffer)->mutable_data();
    bytes[0] = 1;
    benchmark::DoNotOptimize(bytes);
    touched += bytes[0];
  }
  Require(touched == times, "a buffer lost its byte");
}

void RegisterAllocation() {
  ForEachRawAllocator([](auto raw) {
    const std::string backend = decltype(raw)::kName;
    MemoryPool* const pool = PoolOver(backend);
    Register({.name = "allocate_buffer/" + backend,
              .question = "AllocateBuffer(64) beside its pool's allocate+free",
              .variant = backend,
              .measured = [pool](int64_t times) { AllocateBuffers(pool, times); },
              .floor = [pool](int64_t times) { AllocateAndFree(pool, times); },
              .bars = {Bar::Above(30)},
              .after = PoolSawThem(pool)});
  });
}

// A root, a slice of it, and a slice of that slice.
using Levels = std::array<std::shared_ptr<Buffer>, 3>;

Levels MakeLevels() {
  std::shared_ptr<Buffer> root = Value(AllocateBuffer(4096), "root of the slices");
  root->mutable_data()[3] = 1;
  std::shared_ptr<Buffer> slice = SliceBuffer(root, 1, 4000);
  std::shared_ptr<Buffer> slice_of_slice = SliceBuffer(slice, 1, 3000);
  return {std::move(root), std::move(slice), std::move(slice_of_slice)};
}

// Levels of one root for all threads, or of one for each thread.
const Levels& LevelsOf(bool shared) {
  static const Levels shared_levels = MakeLevels();
  thread_local const Levels own_levels = MakeLevels();
  return shared ? shared_levels : own_levels;
}

void CopySharedPtr(const std::shared_ptr<Buffer>& buffer, int64_t times) {
  int64_t touched = 0;
  for (int64_t i = 0; i < times; ++i) {
    std::shared_ptr<Buffer> copy(buffer);
    benchmark::DoNotOptimize(copy);
    touched += copy->data()[3];
  }
  Require(touched == times, "a copy lost its byte");
}

// Makes slices that are `depth` steps from the root.
void Slice(const Levels& levels, int depth, int64_t times) {
  const std::shared_ptr<Buffer>& parent = levels[static_cast<size_t>(depth - 1)];
  const int64_t byte_three = 3 - depth;
  int64_t touched = 0;
  for (int64_t i = 0; i < times; ++i) {
    std::shared_ptr<Buffer> slice = SliceBuffer(parent, 1, 64);
    benchmark::DoNotOptimize(slice);
    touched += slice->data()[byte_three];
  }
  Require(touched == times, "a slice points elsewhere");
  Require(SliceBuffer(parent, 1, 64)->parent() == levels[0], "a slice's parent is not the root");
}

void RegisterSlices(int threads, bool shared) {
  const std::string whose = shared ? "one root for both" : "own root";
  const auto slice = [shared](int depth) {
    return [shared, depth](int64_t times) { Slice(LevelsOf(shared), depth, times); };
  };
  for (const int depth : {1, 3}) {
    Register({.name = "slice/depth" + std::to_string(depth) + (shared ? "/shared" : "/own"),
              .question = "SliceBuffer beside copying a shared_ptr",
              .variant = "depth " + std::to_string(depth) + ", " + whose,
              .measured = slice(depth),
              .floor = [shared](int64_t times) { CopySharedPtr(LevelsOf(shared)[0], times); },
              .bars = {Bar::Times(2)},
              .threads = threads});
  }
  Register({.name = std::string("slice/depth3_beside_depth1") + (shared ? "/shared" : "/own"),
            .question = "SliceBuffer at depth 3 beside depth 1",
            .variant = whose,
            .measured = slice(3),
            .floor = slice(1),
            .bars = {Bar::Times(1.1)},
            .threads = threads});
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) {
  using namespace alkaid::bench;
  RegisterAllocation();
  RegisterSlices(/*threads=*/1, /*shared=*/false);
  RegisterSlices(/*threads=*/2, /*shared=*/false);
  RegisterSlices(/*threads=*/2, /*shared=*/true);
  return RunBenchmarks(argc, argv);
}
