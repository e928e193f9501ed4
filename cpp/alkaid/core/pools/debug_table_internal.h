// The table of the debug mode: a record of each block that pools of this mode have, that buffers
// hold of other pools, and that was freed of late.
//
//   records, in chunks that are never given back         found through
//   | state, what is known of the block, links |  ...    blocks   pool, address
//                                                        held     pool, address
//                                                        past     address
//                                                        waiting  pool, order: what was freed first
//
// A fork may find another thread in the midst of a change. Nobody is kept from the table because of
// that: were the lock held from a fork's first handler on, a later handler of the program that
// waits for threads which allocate would wait for ever. Instead a child whose parent was in the
// midst of a change makes the trees anew from the records. Each record comes, changes and goes by
// one store to its state, after all that the new state needs; so the child has each block as it was
// before the change or after it. A block that another thread was allocating or freeing belongs to
// nobody in the child.
//
// Linux copies a parent's memory page by page while its other threads go on. A record lies in one
// page, of which a child sees what each thread wrote in the order in which it did. Where it ends: a
// child of `_Fork` or `clone`, which call no fork handlers, waits for ever if another thread was in
// the midst of a change.
//
// Ownership: the table has its records, and borrows pools until they are removed. Threads: between
// lock and unlock, from any thread. Nothing is allocated from the program's heap, reported or asked
// of an allocator between them. Out of memory: only Enter needs any, and says so.
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

// What an allocator gave: `bytes` at `start`, asked for at `alignment`.
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
  uint8_t* guarded = nullptr;  // where the front guard begins, as far as it is planted
  uint8_t* end = nullptr;      // of the back guard
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
  int64_t freed_bytes = 0;  // and what they took of the allocator

  DebugPool* next = nullptr;
  DebugPool* previous = nullptr;
  TreeLinks<DebugPool> links = {};
};

struct DebugRecord {
  enum class State : uint8_t {
    kNone,     // the record is of no block
    kLive,     // of a pool of the debug mode
    kLeaving,  // a thread is freeing it
    kFreed,    // it was freed, and its pool has not given it back yet
    kPast,     // it was freed, and has left its pool
    kHeld,     // a buffer has it of another pool
  };

  std::atomic<State> state{State::kNone};
  DebugBlock block;
  const void* owner = nullptr;  // a DebugPool; of held ones the MemoryPool; of past ones null
  uint64_t entered = 0;         // which of all blocks it was
  uint64_t order = 0;           // in which blocks leave
  TreeLinks<DebugRecord> by_address = {};
  TreeLinks<DebugRecord> by_order = {};
  char past_pool[24] = "";  // the name, cut, of the pool that a past one was of
};

class ALKAID_EXPORT DebugTable {
 public:
  using State = DebugRecord::State;

  // Blocks that are remembered after they left their pools, in all pools together.
  static constexpr int kMostPast = 1024;
  // Of records, so many bytes are taken of the system at a time.
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
  // All but the records and the list of pools is made anew from these.
  void Rebuild();

  void AddPool(DebugPool* pool);
  // Forgets its blocks too.
  void RemovePool(DebugPool* pool);
  // The pool, where it is of the debug mode; else null.
  const DebugPool* FindPool(const MemoryPool* pool) const;

  // A block that has just come, live or held: it takes the place of one of the same owner and
  // address, and the past ones in its place are forgotten. Null: there is no memory for the record,
  // and the block is not in the table.
  DebugRecord* Enter(State state, const void* owner, const DebugBlock& block);
  void Forget(DebugRecord* record);

  DebugRecord* FindBlock(const DebugPool& pool, const void* data) const;
  DebugRecord* FindHeld(const MemoryPool& pool, const void* data) const;
  // One or the other, as the pool is of the debug mode or not.
  DebugRecord* FindOf(const MemoryPool& pool, const void* data) const;
  // A block of the owner that shares a byte with this one, which is not in the table yet.
  DebugRecord* FindOverlap(State state, const void* owner, const DebugBlock& block) const;
  // The block of any owner that begins there; of several the latest, of past ones only where there
  // is no other.
  DebugRecord* FindAnywhere(const void* data) const;
  // A block of a pool in which, or in whose guards, the address lies.
  DebugRecord* FindAround(const void* data) const;
  // Of a pool's blocks the first, and the one after it.
  DebugRecord* FirstBlock(const DebugPool& pool) const;
  DebugRecord* NextBlock(const DebugRecord& record) const;

  // A thread is freeing the block.
  static void Leave(DebugRecord* record) { SetState(record, State::kLeaving); }
  // The block, which was leaving, waits for its pool to give it back: after the others, or before
  // them where it was not filled.
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

  // Stores before it are seen before it, and those after it after.
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
  std::atomic<pid_t> process_{0};  // that forks

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
