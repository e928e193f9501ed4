// Counters of a pool, in which no two threads write the same cache line.
//
//   pool   --> line of thread A --> line of thread B --> ...      readers sum the lines
//   thread --> its table: pool id -> its line
//
// Each thread that uses a pool owns one cache line of that pool's counters and writes it with plain
// stores. A line outlives its thread: the next new thread adopts it with its figures. A pool may
// end before the threads that used it. After fork, the lines of threads that do not exist in the
// child wait for adoption, with their figures. From the first handler of a fork to its last, a
// thread that needs a line counts on a shared one, and a thread that ends gives its lines up later:
// a handler of the program may wait for both.
//
// The peak. Each line also has a share that it has announced to the pool. The share is never less
// than what the line holds now, and at most its largest block (16 MiB at most) plus 512 KiB more.
// Only when the line leaves that range does its thread touch the pool's shared sum, so allocating
// and freeing in turn touches nothing shared, at any block size. The highest sum of shares, and the
// sum of the lines' own peaks, are both never below the true peak: max_memory() is the lesser of
// the two. For a pool that one thread uses it is exact; with T threads it is never below the truth
// and at most T * (largest block up to 16 MiB + 512 KiB) above.
//
// Ownership: a PoolCounters is inside its pool. Threads: all functions, from any thread, also from
// destructors at thread exit and at process exit. Out of memory: a thread that can get no line
// counts on a shared one, with locked instructions.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/pool_list.h"

namespace alkaid::internal {

class PoolCounters;

// One thread's share of one pool's figures. Only the owning thread writes it; any may read.
struct alignas(64) CounterLine {
  explicit CounterLine(PoolCounters* its_pool) : pool(its_pool) {}

  PoolCounters* const pool;
  // Bytes ever allocated and freed here. More may be freed than allocated: other threads' blocks.
  std::atomic<int64_t> total{0};
  std::atomic<int64_t> freed{0};
  std::atomic<int64_t> count{0};      // allocations ever made here
  std::atomic<int64_t> high{0};       // highest total - freed
  std::atomic<int64_t> announced{0};  // this line's share of PoolCounters::announced_
  std::atomic<int64_t> floor{0};      // announce less when total - freed is below this
  CounterLine* next = nullptr;        // of the same pool (pool_list.h)

  int64_t net() const {
    return total.load(std::memory_order_relaxed) - freed.load(std::memory_order_relaxed);
  }
};

static_assert(sizeof(CounterLine) == 64 && offsetof(CounterLine, next) == 56);

// The figures of the threads that have no line, written with locked instructions.
struct alignas(64) SharedCounters {
  std::atomic<int64_t> net{0};
  std::atomic<int64_t> high{0};
  std::atomic<int64_t> total{0};
  std::atomic<int64_t> count{0};
};

// A thread's view of its lines: a direct-mapped cache of the map in the .cc file.
struct CounterTable {
  static constexpr uint64_t kSlots = 8;
  struct Slot {
    uint64_t pool_id = 0;
    CounterLine* line = nullptr;
  };
  Slot slots[kSlots];
};

// 8 bytes of static TLS, so that a late dlopen finds room for it. Points to an empty table before a
// thread's first use.
ALKAID_EXPORT extern constinit thread_local CounterTable* thread_counter_table
    __attribute__((tls_model("initial-exec")));

class ALKAID_EXPORT PoolCounters {
 public:
  // The most by which an announced share exceeds the need; see the head of this file.
  static constexpr int64_t kStep = int64_t{256} << 10;
  static constexpr int64_t kMaxSlack = int64_t{16} << 20;

  PoolCounters();
  ~PoolCounters();
  PoolCounters(const PoolCounters&) = delete;
  PoolCounters& operator=(const PoolCounters&) = delete;

  // What debuggers see of the counters (pool_list.h): the pool, and what it is.
  void Describe(const void* pool, std::string_view name);

  // `size` >= 0 bytes were allocated, freed, or resized. About 2 ns.
  void DidAllocate(int64_t size) {
    CounterLine* line;
    if (!SeeOwnLine(&line)) [[unlikely]]
      return DidAllocateUnseen(size);
    DidAllocate(size, line);
  }
  void DidFree(int64_t size) {
    if (!TryDidFree(size)) [[unlikely]]
      DidFreeSlowly(size);
  }
  // Whether the calling thread's line is at hand, and not null; else it must be searched, and
  // `*line` is invalid. A bool rather than a null pointer, which would be one more branch.
  bool SeeOwnLine(CounterLine** line) const {
    const CounterTable::Slot& slot = thread_counter_table->slots[slot_];
    *line = slot.line;
    return slot.pool_id == id_;
  }
  // DidAllocate after a call of SeeOwnLine. Finding the line takes a chain of loads, which an
  // allocator's locked instructions would otherwise delay.
  static void DidAllocate(int64_t size, CounterLine* line) {
    const int64_t total = Add(&line->total, size);
    Add(&line->count, 1);
    const int64_t net = total - line->freed.load(std::memory_order_relaxed);
    if (net > line->high.load(std::memory_order_relaxed)) {
      line->high.store(net, std::memory_order_relaxed);
    }
    if (net > line->announced.load(std::memory_order_relaxed)) [[unlikely]]
      line->pool->Raise(line, size);
  }
  // DidFree if it needs no call; returns false, with nothing done, in the rare case that it does.
  bool TryDidFree(int64_t size) {
    CounterLine* line;
    if (!SeeOwnLine(&line)) [[unlikely]]
      return false;
    const int64_t freed = line->freed.load(std::memory_order_relaxed) + size;
    const int64_t net = line->total.load(std::memory_order_relaxed) - freed;
    if (net < line->floor.load(std::memory_order_relaxed)) [[unlikely]]
      return false;
    line->freed.store(freed, std::memory_order_relaxed);
    return true;
  }
  void DidReallocate(int64_t old_size, int64_t new_size) {
    if (new_size > old_size) {
      DidAllocate(new_size - old_size);
    } else {
      DidFree(old_size - new_size);
    }
  }

  int64_t bytes_allocated() const;
  int64_t max_memory() const;
  int64_t total_bytes_allocated() const;
  int64_t num_allocations() const;

 private:
  friend struct CounterRegistry;

  // Not a locked instruction: the caller is the line's only writer.
  static int64_t Add(std::atomic<int64_t>* value, int64_t by) {
    const int64_t sum = value->load(std::memory_order_relaxed) + by;
    value->store(sum, std::memory_order_relaxed);
    return sum;
  }

  // The calling thread's line, found, adopted or made; null if none can be had.
  CounterLine* FindLine();
  // If the thread's table does not have the line, or there is more to do than count.
  void DidAllocateUnseen(int64_t size);
  void DidFreeSlowly(int64_t size);
  void Raise(CounterLine* line, int64_t size);
  void Lower(CounterLine* line, int64_t size);
  void Announce(int64_t change);
  void DidAllocateShared(int64_t size);
  void DidFreeShared(int64_t size);
  template <typename Figure>
  int64_t SumOverLines(const Figure& figure) const;

  const uint64_t id_;    // never reused, so a stale entry in a thread's table matches no pool
  const uint64_t slot_;  // where threads' tables keep its line
  alignas(64) std::atomic<int64_t> announced_{0};
  std::atomic<int64_t> announced_peak_{0};
  SharedCounters shared_;
  PoolRecord record_;
};

}  // namespace alkaid::internal
