// What does a Buffer cost beyond its bytes? AllocateBuffer beside the pool's own allocate and free; slices beside copies of a
// shared_ptr, each made and dropped.

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "alkaid/core/buffer.h"
#include "alkaid/core/memory_pool.h"
#include "benchmark_program.h"
#include "raw_allocator.h"

namespace alkaid::bench {
namespace {

constexpr int64_t kBufferSize = 64;

void AllocateAndFree(benchmark::State& state, MemoryPool* pool) {
  int64_t touched = 0;
  for (auto _ : state) {
    uint8_t* block = nullptr;
    if (!pool->Allocate(kBufferSize, &block).ok()) std::abort();
    block[0] = 1;
    benchmark::DoNotOptimize(block);
    touched += block[0];
    pool->Free(block, kBufferSize);
  }
  Require(touched == static_cast<int64_t>(state.iterations()), "a block lost its byte");
}

void AllocateBuffers(benchmark::State& state, MemoryPool* pool) {
  const int64_t before = pool->num_allocations();
  int64_t touched = 0;
  for (auto _ : state) {
    Result<std::unique_ptr<Buffer>> buffer = AllocateBuffer(kBufferSize, pool);
    if (!buffer.ok()) std::abort();
    uint8_t* bytes = (*buffer)->mutable_data();
    bytes[0] = 1;
    benchmark::DoNotOptimize(bytes);
    touched += bytes[0];
  }
  Require(touched == static_cast<int64_t>(state.iterations()), "a buffer lost its byte");
  Require(pool->num_allocations() - before >= static_cast<int64_t>(state.iterations()),
          "the buffers are not from the pool");
}

void RegisterAllocation() {
  ForEachRawAllocator([](auto raw) {
    const std::string backend = decltype(raw)::kName;
    MemoryPool* const pool = PoolOver(backend);
    const std::string floor = "allocate_buffer/" + backend + "/pool";
    Register({.name = floor, .question = "", .variant = "", .run = [pool](benchmark::State& state) {
                AllocateAndFree(state, pool);
              }});
    Register({.name = "allocate_buffer/" + backend + "/buffer",
              .question = "AllocateBuffer beside its pool",
              .variant = backend,
              .run = [pool](benchmark::State& state) { AllocateBuffers(state, pool); },
              .floor = floor,
              .bars = {Bar::Above(30)}});
  });
}

// A root and the slices of slices of it: level 0 is the root, level 1 a slice, and so on.
using Levels = std::array<std::shared_ptr<Buffer>, 3>;

Levels MakeLevels() {
  std::shared_ptr<Buffer> root = Value(AllocateBuffer(4096), "root of the slices");
  root->mutable_data()[3] = 1;
  std::shared_ptr<Buffer> slice = SliceBuffer(root, 1, 4000);
  std::shared_ptr<Buffer> slice_of_slice = SliceBuffer(slice, 1, 3000);
  return {std::move(root), std::move(slice), std::move(slice_of_slice)};
}

void CopySharedPtr(benchmark::State& state, const std::shared_ptr<Buffer>& buffer) {
  int64_t touched = 0;
  for (auto _ : state) {
    std::shared_ptr<Buffer> copy(buffer);
    benchmark::DoNotOptimize(copy);
    touched += copy->data()[3];
  }
  Require(touched == static_cast<int64_t>(state.iterations()), "a copy lost its byte");
}

// A slice of levels[depth - 1], that is `depth` steps from the root.
void Slice(benchmark::State& state, const Levels& levels, int depth) {
  const std::shared_ptr<Buffer>& parent = levels[static_cast<size_t>(depth - 1)];
  const int64_t byte_three = 3 - depth;
  int64_t touched = 0;
  for (auto _ : state) {
    std::shared_ptr<Buffer> slice = SliceBuffer(parent, 1, 64);
    benchmark::DoNotOptimize(slice);
    touched += slice->data()[byte_three];
  }
  Require(touched == static_cast<int64_t>(state.iterations()), "a slice points elsewhere");
  Require(SliceBuffer(parent, 1, 64)->parent() == levels[0], "a slice's parent is not the root");
}

void RegisterSlices(const std::string& whose, int threads, std::shared_ptr<const Levels> shared) {
  const auto levels = [shared] {
    return shared != nullptr ? shared : std::make_shared<const Levels>(MakeLevels());
  };
  const std::string group = "slice/" + whose;
  Register({.name = group + "/shared_ptr",
            .question = "",
            .variant = "",
            .run = [levels](benchmark::State& state) { CopySharedPtr(state, (*levels())[0]); },
            .threads = threads});
  for (const int depth : {1, 3}) {
    Register({.name = group + "/depth" + std::to_string(depth),
              .question = "SliceBuffer beside copying a shared_ptr",
              .variant = "depth " + std::to_string(depth) + ", " + whose,
              .run = [levels, depth](benchmark::State& state) { Slice(state, *levels(), depth); },
              .floor = group + "/shared_ptr",
              .bars = {Bar::Times(2)},
              .threads = threads});
  }
  if (threads > 1) return;
  Register({.name = group + "/depth3_again",
            .question = "slice of a slice of a slice beside a first slice",
            .variant = whose,
            .run = [levels](benchmark::State& state) { Slice(state, *levels(), 3); },
            .floor = group + "/depth1",
            .bars = {Bar::Times(1.1)}});
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) {
  using namespace alkaid::bench;
  RegisterAllocation();
  RegisterSlices("own root", 1, nullptr);
  RegisterSlices("own root", 2, nullptr);
  RegisterSlices("one root for both threads", 2, std::make_shared<const Levels>(MakeLevels()));
  return RunBenchmarks(argc, argv);
}
