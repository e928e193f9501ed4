// PoolIndex: the number of each pool, and its name for readers of the tables.
//
// A pool is identified by its address and its class, since no event reports the end of a pool. A
// new pool of the same class at the address of an old one gets the old pool's number and name.
//
// Ownership: names are copies; the entries belong to the caller. Threads: Find from any thread,
// without a lock for a known pool; Clear only while no thread calls Find. Out of memory: a pool
// whose backend_name() throws is kUnknown until it succeeds. Full: all further pools are kFurther.
#pragma once

#include <atomic>
#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/table_mutex_internal.h"

namespace alkaid {
class MemoryPool;
}

namespace alkaid::heap {

// What identifies a pool.
struct PoolKey {
  uint16_t known;  // its number; 0: none yet, and `name` is set
  char name[sizeof(TrackedPool::name)];
  uint64_t pool;
  uint64_t its_class;
};

class ALKAID_EXPORT PoolIndex {
 public:
  static constexpr uint32_t kMaxPools = 4096;
  static constexpr uint16_t kMalloc = 0;
  // For blocks whose pool is not known, and roots over memory that no pool allocated.
  static constexpr uint16_t kUnknown = 1;
  static constexpr uint16_t kFurther = 2;  // for pools that found all entries used

  // `pools` has kMaxPools entries.
  constexpr PoolIndex(TrackedPool* pools, std::atomic<uint32_t>* count)
      : pools_(pools), count_(count) {}
  PoolIndex(const PoolIndex&) = delete;
  PoolIndex& operator=(const PoolIndex&) = delete;

  // Takes no lock. Asks an unknown pool for its backend_name().
  PoolKey KeyOf(const MemoryPool* pool) const;
  uint16_t Find(const PoolKey& key);
  uint16_t Find(const MemoryPool* pool) { return Find(KeyOf(pool)); }
  // Forgets all but the fixed entries.
  void Clear();

  // Around a fork.
  void Lock() { lock_.lock(); }
  void Unlock() { lock_.unlock(); }
  void RenewLock() { lock_.Renew(); }

 private:
  static constexpr uint32_t kSlots = 2 * kMaxPools;

  uint16_t FindKnown(uint64_t pool, uint64_t its_class, uint32_t* free) const;
  void Name(uint32_t index, uint64_t pool, uint64_t its_class, const char* name);

  TrackedPool* const pools_;
  std::atomic<uint32_t>* const count_;
  TableMutex lock_;                           // for adding
  std::atomic<uint16_t> slots_[kSlots] = {};  // numbers by hash of the address
  uint64_t classes_[kMaxPools] = {};          // of the entries
};

}  // namespace alkaid::heap
