#include <cstring>
#include <exception>
#include <mutex>
#include <string>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/tracking/pool_index_internal.h"
#include "alkaid/heap/tracking/record_table_internal.h"

namespace alkaid::heap {
namespace {

// The address of the pool's virtual table. On the supported platforms every object of a class with
// virtual functions begins with it.
uint64_t ClassOf(const MemoryPool* pool) {
  uint64_t its_class = 0;
  std::memcpy(&its_class, static_cast<const void*>(pool), sizeof(its_class));
  return its_class;
}

}  // namespace

uint16_t PoolIndex::FindKnown(uint64_t pool, uint64_t its_class, uint32_t* free) const {
  // At most half of the slots are ever used.
  for (uint32_t at = HashAddress(pool) % kSlots;; at = (at + 1) % kSlots) {
    const uint16_t index = slots_[at].load(std::memory_order_acquire);
    if (index == 0) {
      *free = at;
      return 0;
    }
    if (pools_[index].pool == pool && classes_[index] == its_class) return index;
  }
}

PoolKey PoolIndex::KeyOf(const MemoryPool* pool) const {
  PoolKey key;
  key.pool = reinterpret_cast<uint64_t>(pool);
  key.its_class = ClassOf(pool);
  uint32_t free = 0;
  key.known = FindKnown(key.pool, key.its_class, &free);
  if (key.known != 0) return key;
  std::memset(key.name, 0, sizeof(key.name));
  try {
    pool->backend_name().copy(key.name, sizeof(key.name) - 1);
  } catch (const std::exception&) {
    key.known = kUnknown;  // its next event asks it again
  }
  return key;
}

uint16_t PoolIndex::Find(const PoolKey& key) {
  if (key.known != 0) return key.known;
  const std::lock_guard guard(lock_);
  uint32_t slot = 0;
  if (const uint16_t known = FindKnown(key.pool, key.its_class, &slot)) return known;
  const uint32_t count = count_->load(std::memory_order_relaxed);
  if (count == kMaxPools) return kFurther;
  Name(count, key.pool, key.its_class, key.name);
  count_->store(count + 1, std::memory_order_release);
  slots_[slot].store(static_cast<uint16_t>(count), std::memory_order_release);
  return static_cast<uint16_t>(count);
}

void PoolIndex::Name(uint32_t index, uint64_t pool, uint64_t its_class, const char* name) {
  classes_[index] = its_class;
  pools_[index].pool = pool;
  std::memset(pools_[index].name, 0, sizeof(pools_[index].name));
  std::strncpy(pools_[index].name, name, sizeof(pools_[index].name) - 1);
}

void PoolIndex::Clear() {
  const std::lock_guard guard(lock_);
  for (auto& slot : slots_) slot.store(0, std::memory_order_relaxed);
  Name(kMalloc, 0, 0, "malloc");
  Name(kUnknown, 0, 0, "unknown");
  Name(kFurther, 0, 0, "further pools");
  count_->store(kFurther + 1, std::memory_order_release);
}

}  // namespace alkaid::heap
