#include <sys/mman.h>

#include <algorithm>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#include "alkaid/base/checked_math.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/debug_blocks_internal.h"
#include "alkaid/core/pools/guard_bytes_internal.h"

namespace alkaid::internal {

struct DebugBlock {
  enum class State : uint8_t { kLive, kLeaving, kFreed };

  uint8_t* data = nullptr;
  int64_t size = 0;
  int64_t alignment = 0;
  TakenBlock taken;
  uint8_t* guarded = nullptr;  // where the front guard begins, as far as it is planted
  uint8_t* end = nullptr;      // of the back guard
  State state = State::kLive;
  bool is_filled = false;  // with guard bytes, after it was freed
  Label label;
  StackTrace allocated;
  StackTrace freed;
  DebugBlock* older = nullptr;  // among those that were freed
  DebugBlock* younger = nullptr;
};

namespace {

constexpr int64_t kLeastGuard = 64;

// Under this lock stand all maps, the lists in them, and what is remembered.
constinit std::mutex table_lock;

// Memory for the nodes of the maps, under the lock. Not from operator new, which may be over a pool.
class RecordMemory {
 public:
  static constexpr size_t kMostSize = 512;
  static_assert(sizeof(DebugBlock) + 64 <= kMostSize);

  void* Take() {
    if (free_ == nullptr) MakeMore();
    return std::exchange(free_, free_->next);
  }
  void GiveBack(void* record) { free_ = new (record) Free{free_}; }

 private:
  struct Free {
    Free* next;
  };
  static constexpr size_t kChunk = size_t{256} << 10;

  void MakeMore() {
#if defined(__SANITIZE_ADDRESS__)
    // LeakSanitizer looks for the allocator's blocks in here.
    void* const chunk = std::malloc(kChunk);
    if (chunk == nullptr) throw std::bad_alloc();
#else
    void* const chunk =
        ::mmap(nullptr, kChunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk == MAP_FAILED) throw std::bad_alloc();
#endif
    for (size_t at = kChunk; at >= kMostSize; at -= kMostSize) {
      GiveBack(static_cast<std::byte*>(chunk) + at - kMostSize);
    }
  }

  Free* free_ = nullptr;
};

constinit RecordMemory record_memory;

template <typename T>
struct RecordAllocator {
  using value_type = T;
  static_assert(sizeof(T) <= RecordMemory::kMostSize);

  RecordAllocator() = default;
  template <typename U>
  RecordAllocator(const RecordAllocator<U>& /*other*/) {}  // NOLINT(google-explicit-constructor)

  T* allocate(size_t count) {
    if (count != 1) throw std::bad_alloc();
    return static_cast<T*>(record_memory.Take());
  }
  void deallocate(T* record, size_t /*count*/) { record_memory.GiveBack(record); }
  friend bool operator==(const RecordAllocator&, const RecordAllocator&) { return true; }
};

const void* AsPointer(const void* pointer) { return pointer; }
long long AsNumber(int64_t number) { return number; }

}  // namespace

// By the address that the caller has.
struct DebugMap : std::map<const uint8_t*, DebugBlock, std::less<>,
                           RecordAllocator<std::pair<const uint8_t* const, DebugBlock>>> {};

namespace {

// A block that was freed and has left its pool.
struct RememberedBlock {
  DebugBlock block;
  char pool[64] = "";
};

// A copy of a record, to be reported without the lock.
struct Found {
  DebugBlock block;
  MemoryPool* pool = nullptr;
  char name[64] = "";
  bool is_exact = false;  // else the address lies in the block or its guards

  explicit operator bool() const { return block.data != nullptr; }
};

void TraceBlock(const DebugBlock& block, FaultReport* report) {
  if (block.label) report->Line("the block is labelled '%s'", block.label.name());
  report->Trace("allocated", block.allocated);
  if (block.state == DebugBlock::State::kFreed) report->Trace("freed", block.freed);
}

// "bytes 3 to 5", counted from `from` upwards, or downwards from -1.
struct ByteRange {
  ByteRange(const BrokenGuard& broken, const uint8_t* from) {
    const int64_t first = broken.first - from;
    const int64_t last = broken.last - from;
    if (first == last) {
      std::snprintf(text, sizeof(text), "byte %lld", AsNumber(first));
    } else {
      std::snprintf(text, sizeof(text), "bytes %lld to %lld", AsNumber(first), AsNumber(last));
    }
  }
  char text[64];
};

void ReportOverlap(const DebugBlock& block, const char* pool, const DebugBlock& other) {
  FaultReport report(
      "overlap: the pool gave the %lld-byte block at %p (%s), which overlaps the %lld-byte block "
      "at "
      "%p that it gave before and that %s",
      AsNumber(block.size), AsPointer(block.data), pool, AsNumber(other.size),
      AsPointer(other.data),
      other.state == DebugBlock::State::kFreed ? "was not given back yet" : "is live");
  TraceBlock(other, &report);
  report.Finish();
}

// What buffers have of the program's own pools. Never destroyed: buffers in static objects go later.
using HeldKey = std::pair<const MemoryPool*, const uint8_t*>;
using HeldMap = std::map<HeldKey, DebugBlock, std::less<>,
                         RecordAllocator<std::pair<const HeldKey, DebugBlock>>>;
constinit HeldMap* held_blocks = nullptr;

// See first_made.h. A pool may be used while any other lock of the library is held.
[[gnu::constructor]] void MakeAtLoad() {
  alignas(HeldMap) static std::byte place[sizeof(HeldMap)];
  held_blocks = new (place) HeldMap;
  GuardFork([] { table_lock.lock(); }, [] { table_lock.unlock(); }, [] { table_lock.unlock(); },
            ForkOrder::kInnermost);
}

}  // namespace

// Everything that is not one pool's. All of it under the lock.
struct DebugTables {
  static constinit DebugBlocks* pools;
  static constinit RememberedBlock remembered[DebugBlocks::kMostRemembered];
  static constinit uint32_t remembered_count;

  static void Append(DebugBlocks* pool, DebugBlock* block) {
    block->older = pool->youngest_;
    block->younger = nullptr;
    (pool->youngest_ != nullptr ? pool->youngest_->younger : pool->oldest_) = block;
    pool->youngest_ = block;
    Count(pool, block, 1);
  }
  // As if it had been freed first.
  static void Prepend(DebugBlocks* pool, DebugBlock* block) {
    block->older = nullptr;
    block->younger = pool->oldest_;
    (pool->oldest_ != nullptr ? pool->oldest_->older : pool->youngest_) = block;
    pool->oldest_ = block;
    Count(pool, block, 1);
  }
  static void Unlink(DebugBlocks* pool, DebugBlock* block) {
    (block->older != nullptr ? block->older->younger : pool->oldest_) = block->younger;
    (block->younger != nullptr ? block->younger->older : pool->youngest_) = block->older;
    Count(pool, block, -1);
  }

  static void Remember(const DebugBlock& block, const char* name) {
    RememberedBlock& place = remembered[remembered_count++ % DebugBlocks::kMostRemembered];
    place.block = block;
    std::snprintf(place.pool, sizeof(place.pool), "%s", name);
  }

  static void Copy(const DebugBlock& block, const DebugBlocks& pool, bool is_exact, Found* found) {
    found->block = block;
    found->pool = pool.pool_;
    std::snprintf(found->name, sizeof(found->name), "%s", pool.name_);
    found->is_exact = is_exact;
  }

  static bool IsOne(const MemoryPool* pool) {
    const DebugBlocks* blocks = pools;
    while (blocks != nullptr && blocks->pool_ != pool) blocks = blocks->next_;
    return blocks != nullptr;
  }

  static bool FindExact(const DebugBlocks& pool, const void* data, Found* found) {
    const auto it = pool.map_->find(static_cast<const uint8_t*>(data));
    if (it == pool.map_->end()) return false;
    Copy(it->second, pool, true, found);
    return true;
  }

  static bool FindAround(const DebugBlocks& pool, const void* data, Found* found) {
    const auto* const byte = static_cast<const uint8_t*>(data);
    auto it = pool.map_->upper_bound(byte);
    // A front guard lies before the address by which its block is found.
    if (it != pool.map_->end() && it->second.taken.start <= byte) {
      Copy(it->second, pool, false, found);
      return true;
    }
    if (it == pool.map_->begin() || byte >= (--it)->second.end) return false;
    Copy(it->second, pool, false, found);
    return true;
  }

  // The block that begins at an address, or lies around it. `first` is looked at before the other
  // pools, and what is there now before what was.
  static Found Find(const DebugBlocks* first, const void* data) {
    Found found;
    if (first != nullptr && FindExact(*first, data, &found)) return found;
    for (const DebugBlocks* pool = pools; pool != nullptr; pool = pool->next_) {
      if (FindExact(*pool, data, &found)) return found;
    }
    for (uint32_t i = 0; i < remembered_count && i < DebugBlocks::kMostRemembered; ++i) {
      // The latest first.
      const RememberedBlock& past =
          remembered[(remembered_count - 1 - i) % DebugBlocks::kMostRemembered];
      if (past.block.data != data) continue;
      found.block = past.block;
      std::snprintf(found.name, sizeof(found.name), "%s", past.pool);
      found.is_exact = true;
      return found;
    }
    for (const DebugBlocks* pool = pools; pool != nullptr; pool = pool->next_) {
      if (FindAround(*pool, data, &found)) return found;
    }
    return found;
  }

  // A block of the pool that shares a byte with [start, end).
  static bool FindOverlap(const DebugBlocks& pool, const uint8_t* data, const uint8_t* start,
                          const uint8_t* end, Found* found) {
    auto it = pool.map_->lower_bound(data);
    if (it != pool.map_->end() && it->second.taken.start < end) {
      Copy(it->second, pool, true, found);
      return true;
    }
    if (it == pool.map_->begin() || start >= (--it)->second.end) return false;
    Copy(it->second, pool, true, found);
    return true;
  }

 private:
  static void Count(DebugBlocks* pool, const DebugBlock* block, int by) {
    pool->freed_ += by;
    pool->freed_bytes_ += by * block->taken.bytes;
  }
};

constinit DebugBlocks* DebugTables::pools = nullptr;
constinit RememberedBlock DebugTables::remembered[DebugBlocks::kMostRemembered];
constinit uint32_t DebugTables::remembered_count = 0;

DebugLayout::DebugLayout(int64_t size, int64_t alignment)
    : front(std::max(alignment, kLeastGuard)),
      // No sum of these passes 64 bits: sizes and alignments have been checked.
      bytes(front + RoundUpToMultipleOf64(size) + kLeastGuard) {}

DebugBlocks::DebugBlocks(std::string_view name) : map_(new DebugMap) {
  std::snprintf(name_, sizeof(name_), "%.*s", static_cast<int>(name.size()), name.data());
  const std::lock_guard guard(table_lock);
  next_ = DebugTables::pools;
  if (next_ != nullptr) next_->previous_ = this;
  DebugTables::pools = this;
}

DebugBlocks::~DebugBlocks() {
  {
    const std::lock_guard guard(table_lock);
    (previous_ != nullptr ? previous_->next_ : DebugTables::pools) = next_;
    if (next_ != nullptr) next_->previous_ = previous_;
    map_->clear();
  }
  delete map_;
}

void DebugBlocks::SetPool(MemoryPool* pool) {
  const std::lock_guard guard(table_lock);
  pool_ = pool;
}

uint8_t* DebugBlocks::Enter(const TakenBlock& taken, int64_t usable, int64_t size,
                            int64_t alignment) {
  DebugBlock block;
  block.data = taken.start + DebugLayout(size, alignment).front;
  block.size = size;
  block.alignment = alignment;
  block.taken = taken;
  block.guarded = block.data - std::min(block.data - taken.start, kMostFrontGuard);
  block.end = taken.start + std::clamp(usable, taken.bytes, taken.bytes + kMostSlack);
  block.label = Label::Current();
  block.allocated.Capture();
  Found other;
  try {
    const std::lock_guard guard(table_lock);
    DebugTables::FindOverlap(*this, block.data, taken.start, block.end, &other);
    const auto [it, is_new] = map_->try_emplace(block.data, block);
    if (!is_new) {
      if (it->second.state == DebugBlock::State::kFreed) DebugTables::Unlink(this, &it->second);
      it->second = block;
    }
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  if (other) {
    ReportOverlap(block, name_, other.block);
  }
  PlantGuard(block.guarded, block.data);
  PlantGuard(block.data + size, block.end);
  return block.data;
}

DebugBlocks::Claim DebugBlocks::ClaimForFree(const uint8_t* data, int64_t size, int64_t alignment) {
  return ClaimBlock("free", /*is_free=*/true, data, size, alignment);
}

DebugBlocks::Claim DebugBlocks::ClaimForReallocation(const uint8_t* data, int64_t size,
                                                     int64_t alignment) {
  return ClaimBlock("reallocate", /*is_free=*/false, data, size, alignment);
}

DebugBlocks::Claim DebugBlocks::ClaimBlock(const char* what, bool is_free, const uint8_t* data,
                                           int64_t size, int64_t alignment) {
  DebugBlock block;
  {
    const std::lock_guard guard(table_lock);
    const auto it = map_->find(data);
    if (it != map_->end() && it->second.state == DebugBlock::State::kLive) {
      if (is_free) it->second.state = DebugBlock::State::kLeaving;
      if (it->second.size == size && it->second.alignment == alignment) [[likely]]
        return {pool_, size, alignment};
      block = it->second;
    }
  }
  if (block.data == nullptr) return ReportStray(what, data, size);
  if (block.size != size) {
    FaultReport report("wrong size: %s of the %lld-byte block at %p (%s) as one of %lld bytes",
                       what, AsNumber(block.size), AsPointer(data), name_, AsNumber(size));
    TraceBlock(block, &report);
    report.Finish();
  }
  if (block.alignment != alignment) {
    FaultReport report(
        "wrong alignment: %s of the %lld-byte block at %p (%s), aligned to %lld, as one aligned to "
        "%lld",
        what, AsNumber(block.size), AsPointer(data), name_, AsNumber(block.alignment),
        AsNumber(alignment));
    TraceBlock(block, &report);
    report.Finish();
  }
  return {pool_, block.size, block.alignment};
}

DebugBlocks::Claim DebugBlocks::ReportStray(const char* what, const uint8_t* data, int64_t size) {
  Found found;
  {
    const std::lock_guard guard(table_lock);
    found = DebugTables::Find(this, data);
  }
  const DebugBlock& block = found.block;
  if (!found.is_exact) {
    const bool is_nothing = data == zero_size_area || data == ZeroSizePointer(kMaxBufferAlignment);
    FaultReport report("no block: %s of %lld bytes at %p (%s), which is %s", what, AsNumber(size),
                       AsPointer(data), name_,
                       is_nothing ? "what requests of 0 bytes are given"
                       : found    ? "no block's first byte"
                                  : "no block of a pool");
    if (found) {
      report.Line("it lies %lld bytes from the first byte of the %lld-byte block at %p (%s)",
                  AsNumber(data - block.data), AsNumber(block.size), AsPointer(block.data),
                  found.name);
      TraceBlock(block, &report);
    }
    report.Finish();
    return {};
  }
  if (block.state != DebugBlock::State::kLive) {
    const bool is_free = what[0] == 'f';
    FaultReport report("%s: %s of the %lld-byte block at %p (%s), which %s freed already",
                       is_free ? "double free" : "reallocation of a freed block", what,
                       AsNumber(block.size), AsPointer(data), name_,
                       block.state == DebugBlock::State::kLeaving ? "is being" : "was");
    if (found.pool != nullptr ? found.pool != pool_ : std::strcmp(found.name, name_) != 0) {
      report.Line("the block was of another pool (%s)", found.name);
    }
    TraceBlock(block, &report);
    report.Finish();
    return {};
  }
  FaultReport report(
      "wrong pool: %s of the %lld-byte block at %p (%s), which is of another pool (%s)", what,
      AsNumber(block.size), AsPointer(data), name_, found.name);
  TraceBlock(block, &report);
  report.Finish();
  return {found.pool, block.size, block.alignment};
}

void DebugBlocks::Retire(const char* what, uint8_t* data) {
  const bool is_free = what[0] == 'f';
  DebugBlock* block = nullptr;
  {
    const std::lock_guard guard(table_lock);
    const auto it = map_->find(data);
    const auto expected = is_free ? DebugBlock::State::kLeaving : DebugBlock::State::kLive;
    if (it != map_->end() && it->second.state == expected) {
      block = &it->second;
      block->state = DebugBlock::State::kLeaving;
    }
  }
  if (block == nullptr) {  // another thread frees it at this moment
    ReportStray(what, data, 0);
    return;
  }
  // The record is this thread's until it is entered among the freed ones.
  const uint8_t* const last = data + block->size;
  if (const BrokenGuard front = CheckGuard(block->guarded, data)) {
    FaultReport report(
        "underrun: %s of the %lld-byte block at %p (%s): %s before its start %s "
        "overwritten",
        what, AsNumber(block->size), AsPointer(data), name_, ByteRange(front, data).text,
        front.first == front.last ? "was" : "were");
    TraceBlock(*block, &report);
    report.Finish();
  }
  if (const BrokenGuard back = CheckGuard(last, block->end)) {
    FaultReport report(
        "overrun: %s of the %lld-byte block at %p (%s): %s past its end %s "
        "overwritten",
        what, AsNumber(block->size), AsPointer(data), name_, ByteRange(back, last).text,
        back.first == back.last ? "was" : "were");
    TraceBlock(*block, &report);
    report.Finish();
  }
  block->freed.Capture();
  block->is_filled = block->taken.bytes <= kMostFreedBytes;
  if (block->is_filled) PlantGuard(block->guarded, block->end);
  const std::lock_guard guard(table_lock);
  block->state = DebugBlock::State::kFreed;
  if (block->is_filled) {
    DebugTables::Append(this, block);
  } else {
    DebugTables::Prepend(this, block);  // which leaves at once
  }
}

bool DebugBlocks::TakeFreed(int64_t most, int64_t most_bytes, TakenBlock* taken) {
  DebugBlock block;
  {
    const std::lock_guard guard(table_lock);
    if (oldest_ == nullptr || (freed_ <= most && freed_bytes_ <= most_bytes)) return false;
    block = *oldest_;
    DebugTables::Unlink(this, oldest_);
    DebugTables::Remember(block, name_);
    map_->erase(block.data);
  }
  *taken = block.taken;
  if (!block.is_filled) return true;
  if (const BrokenGuard written = CheckGuard(block.guarded, block.end)) {
    FaultReport report(
        "write to a freed block: %s of the %lld-byte block at %p (%s), counted from "
        "its start, %s written after it was freed",
        ByteRange(written, block.data).text, AsNumber(block.size), AsPointer(block.data), name_,
        written.first == written.last ? "was" : "were");
    TraceBlock(block, &report);
    report.Finish();
  }
  return true;
}

bool DebugBlocks::AreOf(const MemoryPool* pool) {
  const std::lock_guard guard(table_lock);
  return DebugTables::IsOne(pool);
}

void DebugBlocks::CheckNoneLive() {
  constexpr int kMostShown = 4;
  DebugBlock shown[kMostShown];
  int64_t blocks = 0;
  int64_t bytes = 0;
  {
    const std::lock_guard guard(table_lock);
    for (const auto& [data, block] : *map_) {
      if (block.state != DebugBlock::State::kLive) continue;
      if (blocks < kMostShown) shown[blocks] = block;
      ++blocks;
      bytes += block.size;
    }
  }
  if (blocks == 0) return;
  FaultReport report(
      "live blocks: a pool (%s) is destroyed while %lld of its blocks, of %lld bytes, "
      "%s not freed",
      name_, AsNumber(blocks), AsNumber(bytes), blocks == 1 ? "is" : "are");
  for (int64_t i = 0; i < std::min<int64_t>(blocks, kMostShown); ++i) {
    report.Line("the %lld-byte block at %p", AsNumber(shown[i].size), AsPointer(shown[i].data));
    TraceBlock(shown[i], &report);
  }
  if (blocks > kMostShown) report.Line("and %lld more", AsNumber(blocks - kMostShown));
  report.Finish();
}

void NoteHeldBlock(const MemoryPool& pool, const uint8_t* data, int64_t size) {
  if (size == 0) return;
  DebugBlock block;
  block.data = const_cast<uint8_t*>(data);
  block.size = size;
  block.label = Label::Current();
  block.allocated.Capture();
  DebugBlock other;
  try {
    const std::lock_guard guard(table_lock);
    if (DebugTables::IsOne(&pool)) return;
    const auto [it, is_new] = held_blocks->try_emplace({&pool, data}, block);
    const auto next = std::next(it);
    if (!is_new) {
      other = std::exchange(it->second, block);
    } else if (next != held_blocks->end() && next->first.first == &pool &&
               next->second.data < data + size) {
      other = next->second;
    } else if (it != held_blocks->begin()) {
      const auto previous = std::prev(it);
      if (previous->first.first == &pool && previous->second.data + previous->second.size > data) {
        other = previous->second;
      }
    }
  } catch (const std::bad_alloc&) {
    return;
  }
  if (other.data != nullptr) ReportOverlap(block, PoolName(pool).text, other);
}

void ForgetHeldBlock(const MemoryPool& pool, const uint8_t* data) {
  const std::lock_guard guard(table_lock);
  held_blocks->erase({&pool, data});
}

PoolName::PoolName(const MemoryPool& pool) {
  try {
    std::snprintf(text, sizeof(text), "%s", pool.backend_name().c_str());
  } catch (const std::bad_alloc&) {
    std::snprintf(text, sizeof(text), "?");
  }
}

void ReportBlockFault(const void* data, const char* kind, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  Found found;
  {
    const std::lock_guard guard(table_lock);
    found = DebugTables::Find(nullptr, data);
    for (const auto& [key, block] : *held_blocks) {
      if (found.is_exact) break;
      if (key.second == data) found = {.block = block, .is_exact = true};
    }
  }
  FaultReport report("%s: %s", kind, text);
  if (found.is_exact) TraceBlock(found.block, &report);
  report.Finish();
}

}  // namespace alkaid::internal
