// What does guarded sampling cost? A pair of allocate and free of 64 bytes with one allocation in
// 1000 guarded; and reading batches of 4 MiB into blocks fresh from the system, with one block
// guarded for each 64 MiB. Each against a pool of the same backend without sampling.
//
// Once each place has been used, the number of guarded blocks a second is bounded. So all places
// are used before anything is timed, and a turn is long enough to contain its share of guarded
// blocks: the median over turns of 40 us would be a turn without any.

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/core/pools/guarded_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"
#include "benchmark_program.h"
#include "raw_allocator.h"

namespace alkaid::bench {
namespace {

constexpr int64_t kSize = 64;
constexpr int64_t kPairs = int64_t{1} << 22;
constexpr int64_t kBatch = int64_t{4} << 20;
constexpr int64_t kBatches = 64;

// A guarding pool, which lives as long as the process. PoolOver has checked that `backend` is live.
MemoryPool* GuardedPoolOver(const std::string& backend, const GuardedSampling& sampling) {
  MemoryPool* const pool = Value(CreateGuardedMemoryPool(backend, sampling), backend).release();
  Require(pool->backend_name() == backend, backend + " is not what guards");
  return pool;
}

void Pairs(MemoryPool* pool, int64_t times) {
  for (int64_t i = 0; i < times * kPairs; ++i) {
    uint8_t* block = nullptr;
    if (!pool->Allocate(kSize, &block).ok()) [[unlikely]]
      std::abort();
    block[0] = 1;
    block[kSize - 1] = 2;
    benchmark::DoNotOptimize(block);
    benchmark::ClobberMemory();
    pool->Free(block, kSize);
  }
}

// An unlinked file of batches, in the page cache.
class BatchFile {
 public:
  BatchFile() : fd_(memfd_create("batches", 0)) {
    Require(fd_ >= 0, "no file can be made");
    const std::vector<uint8_t> batch(kBatch, 7);
    for (int64_t i = 0; i < kBatches; ++i) {
      Require(write(fd_, batch.data(), batch.size()) == kBatch, "the file cannot be written");
    }
  }
  ~BatchFile() { close(fd_); }
  BatchFile(const BatchFile&) = delete;
  BatchFile& operator=(const BatchFile&) = delete;

  // Holds all batches until the last is read, and returns their memory to the system.
  void Read(MemoryPool* pool, int64_t times) const {
    for (int64_t i = 0; i < times; ++i) {
      std::array<uint8_t*, kBatches> batches;
      int64_t position = 0;
      int64_t sum = 0;
      for (uint8_t*& batch : batches) {
        RequireOk(pool->Allocate(kBatch, &batch), "a batch");
        Require(pread(fd_, batch, kBatch, position) == kBatch, "a batch cannot be read");
        position += kBatch;
        for (int64_t at = 0; at < kBatch; at += 64) sum += batch[at];
      }
      Require(sum == 7 * kBatches * kBatch / 64, "the batches do not hold what was written");
      for (uint8_t* const batch : batches) pool->Free(batch, kBatch);
      pool->ReleaseUnused();
    }
  }

 private:
  const int fd_;
};

// Called after a case's turns: checks that blocks were guarded, and reports how many.
std::function<void(int64_t, benchmark::UserCounters*)> GuardedSome(MemoryPool* pool) {
  const auto before = std::make_shared<int64_t>(0);
  return [=](int64_t, benchmark::UserCounters* counters) {
    const GuardedStatistics now = GetGuardedStatistics();
    Require(now.total_blocks > *before, "no block of " + pool->backend_name() + " was guarded");
    Require(now.live_blocks == 0 && pool->bytes_allocated() == 0, "blocks are left");
    (*counters)["guarded"] = static_cast<double>(now.total_blocks - *before);
    (*counters)["passed_over"] = static_cast<double>(now.passed_over);
    *before = now.total_blocks;
  };
}

// The page faults of one reading.
int64_t FaultsOfReading(const BatchFile& file, MemoryPool* pool) {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const int64_t before = usage.ru_minflt;
  file.Read(pool, 1);
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt - before;
}

// Uses each place for blocks of `size` bytes once.
void UseAllPlaces(int64_t size) {
  MemoryPool* const pool = GuardedPoolOver("system", {.blocks = 1});
  uint8_t* block = nullptr;
  do {
    RequireOk(pool->Allocate(size, &block), "a block");
    pool->Free(block, size);
  } while (IsGuardedAddress(block));
}

void RegisterAll() {
  UseAllPlaces(kSize);
  UseAllPlaces(kBatch);
  const auto file = std::make_shared<const BatchFile>();
  ForEachRawAllocator([&](auto raw) {
    const std::string backend = decltype(raw)::kName;
    MemoryPool* const plain = PoolOver(backend);
    MemoryPool* const one_in_1000 = GuardedPoolOver(backend, {.blocks = 1000});
    Register({.name = "guarded/pairs/" + backend,
              .question = "allocate+free of 64 B, one in 1000 guarded, ns, beside none",
              .variant = backend,
              .measured = [=](int64_t times) { Pairs(one_in_1000, times); },
              .floor = [=](int64_t times) { Pairs(plain, times); },
              .bars = {Bar::Times(1.05)},
              .items = kPairs,
              .after = GuardedSome(one_in_1000)});
    MemoryPool* const one_for_64_mib = GuardedPoolOver(backend, {.bytes = int64_t{64} << 20});
    Register({.name = "guarded/batches/" + backend,
              .question = "reading fresh batches of 4 MiB, one guarded for 64 MiB, ns, beside none",
              .variant = backend,
              .measured = [=](int64_t times) { file->Read(one_for_64_mib, times); },
              .floor = [=](int64_t times) { file->Read(plain, times); },
              .bars = {Bar::Times(1.01)},
              .items = kBatches,
              .after =
                  [=, guarded_some = GuardedSome(one_for_64_mib)](
                      int64_t times, benchmark::UserCounters* counters) {
                    guarded_some(times, counters);
                    const int64_t faults = FaultsOfReading(*file, plain);
                    (*counters)["faults"] = static_cast<double>(faults);
                  }});
  });
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) {
  alkaid::bench::RegisterAll();
  return alkaid::bench::RunBenchmarks(argc, argv);
}
