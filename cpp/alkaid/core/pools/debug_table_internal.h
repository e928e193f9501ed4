// The table of the debug mode: a record of each block of the pools of this mode, of each block of
// another pool that a buffer holds, and of each block freed recently.
//
//   records, in chunks that are never given back         found through
//   | state, what is known of the block, links |  ...    blocks   pool, address
//                                                        held     pool, address
//                                                        past     address
//                                                        waiting  pool, order: what was freed first
//
// A fork may come while another thread is changing the table. The lock is not held across the fork:
// if it were, a later fork handler of the program could wait for ever for a thread that allocates.
// Instead a child whose parent was changing the table rebuilds the trees from the records. Each
// record is added, changed or removed by one store to its state, after everything that the new
// state needs. So the child has each block as it was before or after the change. A block that
// another thread was allocating or freeing belongs to nobody in the child.
//
// Linux copies a parent's memory page by page while its other threads continue. Each record lies
// within one page, in which the child sees each thread's writes in their order. A limit: a child of
// `_Fork` or `clone`, which call no fork handlers, waits for ever if another thread was changing
// the table.
//
// Ownership: the table has its records, and borrows pools until they are removed.
// Threads: between lock and unlock, from any thread. Meanwhile nothing is allocated from the
// program's heap or reported, and no allocator is called.
// Out of memory: only Enter needs memory, and reports its lack.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>

#include "alkaid/base/export.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/fault_report_internal.h"
#include "alkaid/core/pools/intrusive_tree_internal.h"

namespace alkaid {

class MemoryPool;

namespace internal {

// What an allocator gave: `bytes` at `start`, requested at `alignment`.
struct TakenBlock {
  uint8_t* start = nullptr;
  int64_t bytes = 0;
  int64_t alignment = 0;
};

// What is known of a block.
struct DebugBlock {
  uint8_t* data = nullptr;  // as the caller has it
  int64_t size = 0;
  int64_t alignment = 0;
  TakenBlock taken;
  uint8_t* guarded = nullptr;  // where the written part of the front guard begins
  uint8_t* end = nullptr;      // end of the back guard
  bool is_filled = false;      // with guard bytes, after it was freed
  Label label;
  StackTrace allocated;
  StackTrace freed;
};

// A pool of the debug mode, as the table knows it.
struct DebugPool {
  MemoryPool* pool = nullptr;
  char name[64] = "";       // the backend's
  int64_t freed = 0;        // blocks that wait
  int64_t freed_bytes = 0;  // their bytes, as taken from the allocator

  DebugPool* next = nullptr;
  DebugPool* previous = nullptr;
  TreeLinks<DebugPool> links = {};
};

struct DebugRecord {
  enum class State : uint8_t {
    kNone,     // the record is free
    kLive,     // of a pool of the debug mode
    kLeaving,  // a thread is freeing it
    kFreed,    // freed, but its pool has not given it back yet
    kPast,     // freed, and has left its pool
    kHeld,     // a buffer holds it, of another pool
  };

  std::atomic<State> state{State::kNone};
  DebugBlock block;
  const void* owner = nullptr;  // the DebugPool; for held ones the MemoryPool; for past ones null
  uint64_t entered = 0;         // number of the block, in the order of arrival
  uint64_t order = 0;           // position in the order in which blocks leave
  TreeLinks<DebugRecord> by_address = {};
  TreeLinks<DebugRecord> by_order = {};
  char past_pool[24] = "";  // for a past one, its pool's name, cut
};

class ALKAID_EXPORT DebugTable {
 public:
  using State = DebugRecord::State;

  // The most blocks that are remembered after they left their pools, over all pools.
  static constexpr int kMaxPast = 1024;
  // Records are allocated from the system in chunks of this many bytes.
  static constexpr size_t kChunk = size_t{256} << 10;
  static constexpr size_t kRecordSize = 512;

  constexpr DebugTable() = default;
  DebugTable(const DebugTable&) = delete;
  DebugTable& operator=(const DebugTable&) = delete;

  void lock();
  void unlock() { mutex_.unlock(); }

  // Around a fork.
  void Prepare();
  void GoOnInParent() { is_forking_ = false; }
  void GoOnInChild();
  // Rebuilds everything else from the records and the list of pools.
  void Rebuild();

  void AddPool(DebugPool* pool);
  // Also forgets the pool's blocks.
  void RemovePool(DebugPool* pool);
  // The pool, if it is one of the debug mode; else null.
  const DebugPool* FindPool(const MemoryPool* pool) const;

  // Adds a block that has just come, live or held. It replaces a record of the same owner and
  // address; past blocks in its place are forgotten. Null: no memory for the record, and the block
  // is not in the table.
  DebugRecord* Enter(State state, const void* owner, const DebugBlock& block);
  void Forget(DebugRecord* record);

  DebugRecord* FindBlock(const DebugPool& pool, const void* data) const;
  DebugRecord* FindHeld(const MemoryPool& pool, const void* data) const;
  // FindBlock or FindHeld, depending on whether the pool is of the debug mode.
  DebugRecord* FindOf(const MemoryPool& pool, const void* data) const;
  // A block of the owner that overlaps this one, which is not in the table yet.
  DebugRecord* FindOverlap(State state, const void* owner, const DebugBlock& block) const;
  // The block of any owner that begins at this address. If there are several, the latest; a past
  // one only if there is no other.
  DebugRecord* FindAnywhere(const void* data) const;
  // A pool's block that contains the address, in itself or in its guards.
  DebugRecord* FindAround(const void* data) const;
  // The first block of a pool, and the next one.
  DebugRecord* FirstBlock(const DebugPool& pool) const;
  DebugRecord* NextBlock(const DebugRecord& record) const;

  // A thread is freeing the block.
  static void Leave(DebugRecord* record) { SetState(record, State::kLeaving); }
  // The block, which was leaving, waits for its pool to give it back: after the others, or before
  // them if it was not filled.
  void Wait(DebugPool* pool, DebugRecord* record);
  DebugRecord* FirstWaiting(const DebugPool& pool) const;
  // The block, which waited, has left its pool.
  void Remember(DebugPool* pool, DebugRecord* record);

 private:
  struct Address {
    const void* owner;
    const uint8_t* data;
  };
  struct Order {
    const void* owner;
    uint64_t order;
  };
  struct BeforeByAddress {
    bool operator()(const DebugRecord& a, const DebugRecord& b) const {
      if (a.owner != b.owner) return IsBefore(a.owner, b.owner);
      if (a.block.data != b.block.data) return IsBefore(a.block.data, b.block.data);
      return IsBefore(&a, &b);
    }
    bool operator()(const DebugRecord& a, const Address& b) const {
      return a.owner != b.owner ? IsBefore(a.owner, b.owner) : IsBefore(a.block.data, b.data);
    }
  };
  struct BeforeByOrder {
    bool operator()(const DebugRecord& a, const DebugRecord& b) const {
      if (a.owner != b.owner) return IsBefore(a.owner, b.owner);
      return a.order != b.order ? a.order < b.order : IsBefore(&a, &b);
    }
    bool operator()(const DebugRecord& a, const Order& b) const {
      return a.owner != b.owner ? IsBefore(a.owner, b.owner) : a.order < b.order;
    }
  };
  struct BeforeByPool {
    bool operator()(const DebugPool& a, const DebugPool& b) const {
      return a.pool != b.pool ? IsBefore(a.pool, b.pool) : IsBefore(&a, &b);
    }
    bool operator()(const DebugPool& a, const MemoryPool* b) const { return IsBefore(a.pool, b); }
  };
  using AddressTree = IntrusiveTree<DebugRecord, &DebugRecord::by_address, BeforeByAddress>;
  struct Chunk;

  static bool IsBefore(const void* a, const void* b) { return std::less<const void*>()(a, b); }

  // Stores before this are visible before it, and those after it later.
  static void SetState(DebugRecord* record, State state) { record->state.exchange(state); }
  static DebugRecord* Find(const AddressTree& tree, const void* owner, const void* data);

  AddressTree& TreeOf(State state);
  const AddressTree& TreeOf(State state) const {
    return const_cast<DebugTable*>(this)->TreeOf(state);
  }
  void ForgetPast(const uint8_t* begin, const uint8_t* end);
  void StopWaiting(DebugPool* pool, DebugRecord* record);
  DebugRecord* TakeRecord();
  bool MakeChunk();
  void PutOnFreeList(DebugRecord* record);

  std::mutex mutex_;
  std::atomic<bool> is_forking_{false};
  std::atomic<pid_t> process_{0};  // the one that forks

  AddressTree blocks_;
  AddressTree held_;
  AddressTree past_;
  IntrusiveTree<DebugRecord, &DebugRecord::by_order, BeforeByOrder> waiting_;
  IntrusiveTree<DebugPool, &DebugPool::links, BeforeByPool> pools_;
  int past_count_ = 0;
  DebugRecord* free_ = nullptr;

  DebugPool* first_pool_ = nullptr;
  Chunk* chunks_ = nullptr;
  uint64_t entered_ = 0;
  uint64_t last_order_ = 0;
};

// The table of the process.
ALKAID_EXPORT extern constinit DebugTable debug_table;

}  // namespace internal
}  // namespace alkaid
