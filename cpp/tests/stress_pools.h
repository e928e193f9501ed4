// The pools of the stress test: each backend, under up to five adaptors.
//
// Ownership: a StressedPool holds all its pools; logging pools borrow the stream. Threads: of
// pools, any.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <ostream>
#include <streambuf>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/memory.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"

namespace alkaid::stress {

// splitmix64: the same numbers everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  int64_t Below(int64_t bound) {
    return static_cast<int64_t>(Next() % static_cast<uint64_t>(bound));
  }
  bool OneIn(int64_t n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

// A stream that discards everything, for logging pools.
class Nowhere : public std::streambuf {
 protected:
  int_type overflow(int_type c) override { return traits_type::not_eof(c); }
  std::streamsize xsputn(const char* /*s*/, std::streamsize n) override { return n; }
};

// The program's own pool, which sometimes throws instead of allocating.
class ThrowingPool final : public ForwardingMemoryPool {
 public:
  explicit ThrowingPool(std::shared_ptr<MemoryPool> pool) : ForwardingMemoryPool(std::move(pool)) {}
  using MemoryPool::Allocate;
  using MemoryPool::Reallocate;
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    if (calls_.fetch_add(1) % 97 == 96) throw std::bad_alloc();
    return ForwardingMemoryPool::Allocate(size, alignment, out);
  }
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    if (calls_.fetch_add(1) % 97 == 96) throw std::bad_alloc();
    return ForwardingMemoryPool::Reallocate(old_size, new_size, alignment, ptr);
  }

 private:
  std::atomic<int64_t> calls_{0};
};

// Hands out blocks that begin one byte late: the fault `misaligned`.
class LatePool final : public ForwardingMemoryPool {
 public:
  explicit LatePool(std::shared_ptr<MemoryPool> pool) : ForwardingMemoryPool(std::move(pool)) {}
  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    ALKAID_RETURN_NOT_OK(wrapped()->Allocate(size + 1, alignment, out));
    ++*out;
    return absl::OkStatus();
  }
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    uint8_t* block = *ptr - 1;
    ALKAID_RETURN_NOT_OK(wrapped()->Reallocate(old_size + 1, new_size + 1, alignment, &block));
    *ptr = block + 1;
    return absl::OkStatus();
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    wrapped()->Free(buffer - 1, size + 1, alignment);
  }
};

struct StressedPool {
  std::string name;  // "proxy over quota over mimalloc"
  std::shared_ptr<MemoryPool> bottom;
  std::shared_ptr<MemoryPool> top;
  std::vector<std::shared_ptr<MemoryPool>> counting;  // those with figures of their own
  std::vector<std::shared_ptr<FaultInjectingMemoryPool>> failing;
  std::shared_ptr<QuotaMemoryPool> quota;  // the lowest one
};

// `late`: with the fault `misaligned`. Ends the program where there is no such backend.
inline StressedPool MakePool(const std::string& backend, bool late, std::ostream* log,
                             Random* random) {
  StressedPool made;
  Result<std::unique_ptr<MemoryPool>> bottom = CreateMemoryPool(backend);
  if (!bottom.ok()) {
    std::printf("%s\n", bottom.status().ToString().c_str());
    std::exit(1);
  }
  made.bottom = *std::move(bottom);
  made.top = made.bottom;
  made.name = backend;
  made.counting.push_back(made.bottom);
  const auto stack = [&](std::shared_ptr<MemoryPool> pool, const char* name) {
    made.top = std::move(pool);
    made.name = std::string(name) + " over " + made.name;
  };
  for (int64_t adaptors = random->Below(6); adaptors > 0; --adaptors) {
    switch (random->Below(7)) {
      case 0:
        stack(std::make_shared<ProxyMemoryPool>(made.top), "proxy");
        made.counting.push_back(made.top);
        break;
      case 1:
        stack(std::make_shared<LoggingMemoryPool>(made.top, *log), "logging");
        break;
      case 2: {
        const int64_t limit = int64_t{1} << (16 + random->Below(14));
        auto quota = std::make_shared<QuotaMemoryPool>(made.top, limit);
        if (made.quota == nullptr) made.quota = quota;
        stack(std::move(quota), "quota");
        made.counting.push_back(made.top);
        break;
      }
      case 6:
        stack(std::make_shared<CappedMemoryPool>(made.top, int64_t{1} << (18 + random->Below(12))),
              "capped");
        break;
      case 3: {
        auto failing = std::make_shared<FaultInjectingMemoryPool>(made.top);
        made.failing.push_back(failing);
        stack(std::move(failing), "failing");
        break;
      }
      case 4:
        stack(std::make_shared<LabelledMemoryPool>(made.top, Label::Intern("stress.pool")),
              "labelled");
        break;
      default:
        stack(std::make_shared<ThrowingPool>(made.top), "throwing");
    }
  }
  if (late) stack(std::make_shared<LatePool>(made.top), "late");
  return made;
}

}  // namespace alkaid::stress
