// What does a pool add to its allocator? Allocate and free, 64 B to 16 MiB, on one thread and on two that share a pool.
//
// What an allocator costs depends on what lies in its heap at that moment, and differs by more than a pool adds. So pool, raw
// and raw again take turns of some 40 us inside one run, on the same heap; a figure is the median of its turns, which leaves out
// those that the machine interrupted, and a difference is taken inside a run. The spread of raw against raw is the distance
// between the 5th and the 95th percentile of its turns. Two threads take the same turn at the same time.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/memory_pool.h"
#include "benchmark_program.h"
#include "raw_allocator.h"

namespace alkaid::bench {
namespace {

constexpr int64_t kSizes[] = {64,       256,       1 << 10, 4 << 10, 16 << 10,
                              64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20};
// Up to here the bar is a constant; above, only the spread of raw against raw.
constexpr int64_t kLargestSmall = 64 << 10;

using Clock = std::chrono::steady_clock;

double NanosecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

std::string SizeName(int64_t size) {
  if (size >= 1 << 20) return std::to_string(size >> 20) + " MiB";
  if (size >= 1 << 10) return std::to_string(size >> 10) + " KiB";
  return std::to_string(size) + " B";
}

// Writes the ends of each block and reads them back: an allocation that nobody uses is none.
template <typename Allocate, typename Free>
void AllocateAndFree(int64_t count, int64_t size, Allocate allocate, Free free) {
  int64_t touched = 0;
  for (int64_t i = 0; i < count; ++i) {
    uint8_t* block = allocate(size);
    block[0] = 1;
    block[size - 1] = 2;
    benchmark::DoNotOptimize(block);
    benchmark::ClobberMemory();
    touched += block[0] + block[size - 1];
    free(block, size);
  }
  Require(touched == 3 * count, "the blocks do not hold what was written to them");
}

[[gnu::noinline]] void PoolTurn(MemoryPool* pool, int64_t count, int64_t size) {
  AllocateAndFree(
      count, size,
      [pool](int64_t bytes) {
        uint8_t* block = nullptr;
        if (!pool->Allocate(bytes, &block).ok()) std::abort();
        return block;
      },
      [pool](uint8_t* block, int64_t bytes) { pool->Free(block, bytes); });
}

template <typename Raw>
[[gnu::noinline]] void RawTurn(int64_t count, int64_t size) {
  AllocateAndFree(
      count, size,
      [](int64_t bytes) {
        return static_cast<uint8_t*>(Raw::Allocate(static_cast<size_t>(bytes)));
      },
      [](uint8_t* block, int64_t) { Raw::Free(block); });
}

// Lets threads go on together. They spin: one that sleeps would wake in the middle of the other's turn.
class StartingLine {
 public:
  explicit StartingLine(int threads) : threads_(threads) {}
  void Wait() {
    const int64_t turn = turn_.load();
    if (arrived_.fetch_add(1) + 1 == threads_) {
      arrived_.store(0);
      turn_.store(turn + 1);
      return;
    }
    for (int spins = 0; turn_.load() == turn; ++spins) {
      if (spins > 10'000) std::this_thread::yield();
    }
  }

 private:
  const int threads_;
  std::atomic<int> arrived_{0};
  std::atomic<int64_t> turn_{0};
};

// The value below which `share` of the values lie.
double Quantile(std::vector<double>* values, double share) {
  const auto place = static_cast<std::ptrdiff_t>(share * static_cast<double>(values->size() - 1));
  std::nth_element(values->begin(), values->begin() + place, values->end());
  return (*values)[static_cast<size_t>(place)];
}

template <typename Raw>
class PoolBesideRaw {
 public:
  PoolBesideRaw(MemoryPool* pool, int64_t size, int threads)
      : pool_(pool), size_(size), line_(threads) {
    constexpr double kTurnNanoseconds = 40'000;
    constexpr int64_t kTrial = 16;
    RawTurn<Raw>(kTrial, size_);
    const Clock::time_point start = Clock::now();
    RawTurn<Raw>(kTrial, size_);
    const double each = NanosecondsSince(start) / kTrial;
    count_ = std::clamp(static_cast<int64_t>(kTurnNanoseconds / each), int64_t{4}, int64_t{4096});
  }

  void Run(benchmark::State& state) {
    constexpr size_t kTurns = 3;
    const int64_t before = pool_->num_allocations();
    std::array<std::vector<double>, kTurns> times;
    size_t first = 0;
    std::minstd_rand random;
    for (auto _ : state) {
      double total = 0;
      for (size_t i = 0; i < kTurns; ++i) {
        const size_t turn = (first + i) % kTurns;
        const double time = Turn(turn, 16 * (random() % 256));
        times[turn].push_back(time / static_cast<double>(count_));
        total += time;
      }
      ++first;
      state.SetIterationTime(total * 1e-9);
    }
    Require(pool_->num_allocations() - before >= static_cast<int64_t>(state.iterations()) * count_,
            "the pool did not see the allocations");
    const auto report = [&state](const char* name, double ns) {
      state.counters[name] = benchmark::Counter(ns, benchmark::Counter::kAvgThreads);
    };
    report("pool", Quantile(&times[0], 0.5));
    report("raw", Quantile(&times[1], 0.5));
    std::vector<double>& raw = times[1];
    raw.insert(raw.end(), times[2].begin(), times[2].end());
    report("raw_spread", Quantile(&raw, 0.95) - Quantile(&raw, 0.05));
  }

 private:
  [[gnu::noinline]] double Turn(size_t turn, size_t stack_offset) {
    // Where the stack lies against the heap, modulo a page, moves some allocators by 10 ns: each turn has it elsewhere.
    benchmark::DoNotOptimize(__builtin_alloca(stack_offset));
    line_.Wait();
    const Clock::time_point start = Clock::now();
    if (turn == 0) {
      PoolTurn(pool_, count_, size_);
    } else {
      RawTurn<Raw>(count_, size_);
    }
    return NanosecondsSince(start);
  }

  MemoryPool* const pool_;
  const int64_t size_;
  StartingLine line_;
  int64_t count_;
};

template <typename Raw>
void RegisterBackend(int threads) {
  const std::string backend = Raw::kName;
  MemoryPool* const pool = PoolOver(backend);
  for (const int64_t size : kSizes) {
    auto measured = std::make_shared<PoolBesideRaw<Raw>>(pool, size, threads);
    Register({.name = "allocate_free/" + backend + "/" + std::to_string(size),
              .question = "pool allocate+free, " + backend,
              .variant = SizeName(size),
              .run = [measured](benchmark::State& state) { measured->Run(state); },
              .counters = {"pool", "raw", "raw_spread"},
              .bars = {size <= kLargestSmall ? Bar::Above(6) : Bar::Spread()},
              .threads = threads});
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
