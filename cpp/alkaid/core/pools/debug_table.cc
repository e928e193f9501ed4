#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string_view>
#include <type_traits>

#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/core/pools/debug_table_internal.h"

namespace alkaid::internal {
namespace {

// Blocks are freed even after static objects are destroyed.
static_assert(std::is_trivially_destructible_v<DebugTable>);

// See first_made.h. A pool may be used while any other lock of the library is held.
[[gnu::constructor]] void MakeAtLoad() {
  GuardFork([] { debug_table.Prepare(); }, [] { debug_table.GoOnInParent(); },
            [] { debug_table.GoOnInChild(); }, ForkOrder::kInnermost);
}

}  // namespace

constinit DebugTable debug_table;

struct DebugTable::Chunk {
  Chunk* next;

  static constexpr size_t kRecords = kChunk / kRecordSize - 1;
  DebugRecord* Record(size_t i) {
    return reinterpret_cast<DebugRecord*>(reinterpret_cast<std::byte*>(this) +
                                          (i + 1) * kRecordSize);
  }
};

void DebugTable::lock() {
  if (mutex_.try_lock()) [[likely]]
    return;
  // A handler of the program that was registered before the library's runs first in the child.
  if (is_forking_ && getpid() != process_) GoOnInChild();
  mutex_.lock();
}

void DebugTable::Prepare() {
  process_ = getpid();
  is_forking_ = true;
}

void DebugTable::GoOnInChild() {
  if (!is_forking_.exchange(false)) return;
  if (mutex_.try_lock()) {
    mutex_.unlock();
    return;
  }
  new (&mutex_) std::mutex;
  Rebuild();
}

void DebugTable::Rebuild() {
  for (AddressTree* const tree : {&blocks_, &held_, &past_}) tree->Clear();
  waiting_.Clear();
  pools_.Clear();
  past_count_ = 0;
  free_ = nullptr;
  DebugPool* previous = nullptr;
  for (DebugPool* pool = first_pool_; pool != nullptr; pool = pool->next) {
    pool->previous = previous;
    previous = pool;
    pool->freed = 0;
    pool->freed_bytes = 0;
    pools_.Insert(pool);
  }
  for (Chunk* chunk = chunks_; chunk != nullptr; chunk = chunk->next) {
    for (size_t i = 0; i < Chunk::kRecords; ++i) {
      DebugRecord* const record = chunk->Record(i);
      const State state = record->state;
      if (state == State::kNone) {
        PutOnFreeList(record);
        continue;
      }
      if (state == State::kPast) {
        record->owner = nullptr;
        ++past_count_;
      }
      TreeOf(state).Insert(record);
      if (state == State::kPast || state == State::kFreed) waiting_.Insert(record);
      if (state != State::kFreed) continue;
      auto* const pool = static_cast<DebugPool*>(const_cast<void*>(record->owner));
      ++pool->freed;
      pool->freed_bytes += record->block.taken.bytes;
    }
  }
}

void DebugTable::AddPool(DebugPool* pool) {
  pool->previous = nullptr;
  pool->next = first_pool_;
  if (pool->next != nullptr) pool->next->previous = pool;
  std::atomic_ref(first_pool_).exchange(pool);
  pools_.Insert(pool);
}

void DebugTable::RemovePool(DebugPool* pool) {
  while (DebugRecord* const record = FirstBlock(*pool)) Forget(record);
  DebugPool*& place = pool->previous != nullptr ? pool->previous->next : first_pool_;
  std::atomic_ref(place).exchange(pool->next);
  if (pool->next != nullptr) pool->next->previous = pool->previous;
  pools_.Erase(pool);
}

const DebugPool* DebugTable::FindPool(const MemoryPool* pool) const {
  const DebugPool* const found = pools_.NotBefore(pool);
  return found != nullptr && found->pool == pool ? found : nullptr;
}

DebugRecord* DebugTable::Enter(State state, const void* owner, const DebugBlock& block) {
  ForgetPast(block.taken.start, block.end);
  AddressTree& tree = TreeOf(state);
  if (DebugRecord* const older = Find(tree, owner, block.data)) [[unlikely]]
    Forget(older);
  DebugRecord* const record = TakeRecord();
  if (record == nullptr) return nullptr;
  record->block = block;
  record->owner = owner;
  record->entered = ++entered_;
  record->order = 0;
  SetState(record, state);
  tree.Insert(record);
  return record;
}

void DebugTable::Forget(DebugRecord* record) {
  const State state = record->state;
  SetState(record, State::kNone);
  TreeOf(state).Erase(record);
  if (state == State::kFreed) {
    StopWaiting(static_cast<DebugPool*>(const_cast<void*>(record->owner)), record);
  } else if (state == State::kPast) {
    waiting_.Erase(record);
    --past_count_;
  }
  PutOnFreeList(record);
}

DebugRecord* DebugTable::FindBlock(const DebugPool& pool, const void* data) const {
  return Find(blocks_, &pool, data);
}

DebugRecord* DebugTable::FindHeld(const MemoryPool& pool, const void* data) const {
  return Find(held_, &pool, data);
}

DebugRecord* DebugTable::FindOf(const MemoryPool& pool, const void* data) const {
  const DebugPool* const known = FindPool(&pool);
  return known != nullptr ? FindBlock(*known, data) : FindHeld(pool, data);
}

DebugRecord* DebugTable::FindOverlap(State state, const void* owner,
                                     const DebugBlock& block) const {
  const AddressTree& tree = TreeOf(state);
  DebugRecord* const next = tree.NotBefore(Address{owner, block.data});
  if (next != nullptr && next->owner == owner && next->block.taken.start < block.end) return next;
  DebugRecord* const previous = tree.LastBefore(Address{owner, block.data});
  if (previous == nullptr || previous->owner != owner) return nullptr;
  return previous->block.end > block.taken.start ? previous : nullptr;
}

DebugRecord* DebugTable::FindAnywhere(const void* data) const {
  DebugRecord* latest = nullptr;
  const auto look_at = [&](DebugRecord* record) {
    if (record == nullptr) return;
    if (latest == nullptr || record->entered > latest->entered) latest = record;
  };
  for (const DebugPool* pool = first_pool_; pool != nullptr; pool = pool->next) {
    look_at(FindBlock(*pool, data));
  }
  // From one owner to the next.
  for (const DebugRecord* held = held_.NotBefore(Address{nullptr, nullptr}); held != nullptr;) {
    const void* const owner = held->owner;
    look_at(Find(held_, owner, data));
    held = held_.NotBefore(Address{static_cast<const std::byte*>(owner) + 1, nullptr});
  }
  return latest != nullptr ? latest : Find(past_, nullptr, data);
}

DebugRecord* DebugTable::FindAround(const void* data) const {
  const auto* const byte = static_cast<const uint8_t*>(data);
  for (const DebugPool* pool = first_pool_; pool != nullptr; pool = pool->next) {
    // A front guard lies before the address by which its block is found.
    DebugRecord* const next = blocks_.NotBefore(Address{pool, byte});
    if (next != nullptr && next->owner == pool && next->block.taken.start <= byte) return next;
    DebugRecord* const previous = blocks_.LastBefore(Address{pool, byte});
    if (previous != nullptr && previous->owner == pool && byte < previous->block.end) {
      return previous;
    }
  }
  return nullptr;
}

DebugRecord* DebugTable::FirstBlock(const DebugPool& pool) const {
  DebugRecord* const first = blocks_.NotBefore(Address{&pool, nullptr});
  return first != nullptr && first->owner == &pool ? first : nullptr;
}

DebugRecord* DebugTable::NextBlock(const DebugRecord& record) const {
  DebugRecord* const next = blocks_.NotBefore(Address{record.owner, record.block.data + 1});
  return next != nullptr && next->owner == record.owner ? next : nullptr;
}

void DebugTable::Wait(DebugPool* pool, DebugRecord* record) {
  record->order = record->block.is_filled ? ++last_order_ : 0;
  SetState(record, State::kFreed);
  waiting_.Insert(record);
  ++pool->freed;
  pool->freed_bytes += record->block.taken.bytes;
}

DebugRecord* DebugTable::FirstWaiting(const DebugPool& pool) const {
  DebugRecord* const first = waiting_.NotBefore(Order{&pool, 0});
  return first != nullptr && first->owner == &pool ? first : nullptr;
}

void DebugTable::Remember(DebugPool* pool, DebugRecord* record) {
  StopWaiting(pool, record);
  blocks_.Erase(record);
  record->past_pool[std::string_view(pool->name)
                        .copy(record->past_pool, sizeof(record->past_pool) - 1)] = '\0';
  record->order = ++last_order_;
  SetState(record, State::kPast);
  record->owner = nullptr;
  past_.Insert(record);
  waiting_.Insert(record);
  if (++past_count_ > kMaxPast) Forget(waiting_.NotBefore(Order{nullptr, 0}));
}

DebugRecord* DebugTable::Find(const AddressTree& tree, const void* owner, const void* data) {
  DebugRecord* const found = tree.NotBefore(Address{owner, static_cast<const uint8_t*>(data)});
  return found != nullptr && found->owner == owner && found->block.data == data ? found : nullptr;
}

DebugTable::AddressTree& DebugTable::TreeOf(State state) {
  return state == State::kHeld ? held_ : state == State::kPast ? past_ : blocks_;
}

void DebugTable::ForgetPast(const uint8_t* begin, const uint8_t* end) {
  for (;;) {
    DebugRecord* const record = past_.NotBefore(Address{nullptr, begin});
    if (record == nullptr || record->block.data >= end) return;
    Forget(record);
  }
}

void DebugTable::StopWaiting(DebugPool* pool, DebugRecord* record) {
  waiting_.Erase(record);
  --pool->freed;
  pool->freed_bytes -= record->block.taken.bytes;
}

DebugRecord* DebugTable::TakeRecord() {
  if (free_ == nullptr && !MakeChunk()) return nullptr;
  DebugRecord* const record = free_;
  free_ = record->by_address.left;
  return record;
}

bool DebugTable::MakeChunk() {
  static_assert(sizeof(DebugRecord) <= kRecordSize && sizeof(Chunk) <= kRecordSize);
#if defined(__SANITIZE_ADDRESS__)
  // LeakSanitizer looks for the allocator's blocks in here.
  void* const place = std::malloc(kChunk);
  if (place == nullptr) return false;
#else
  void* const place =
      ::mmap(nullptr, kChunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) return false;
#endif
  auto* const chunk = new (place) Chunk{chunks_};
  for (size_t i = Chunk::kRecords; i > 0; --i) {
    PutOnFreeList(new (chunk->Record(i - 1)) DebugRecord);
  }
  std::atomic_ref(chunks_).exchange(chunk);
  return true;
}

void DebugTable::PutOnFreeList(DebugRecord* record) {
  record->by_address.left = free_;
  free_ = record;
}

}  // namespace alkaid::internal
