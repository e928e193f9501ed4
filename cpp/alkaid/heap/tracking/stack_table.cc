#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>

#include "alkaid/heap/tracking/mapped_memory_internal.h"
#include "alkaid/heap/tracking/stack_table_internal.h"

namespace alkaid::heap {
namespace {

constexpr uint64_t kUnit = 16;  // bytes per id

// Two chains, so that a frame costs half a multiplication's latency.
uint32_t HashFrames(std::span<const uint64_t> frames) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15u;
  uint64_t even = frames.size();
  uint64_t odd = ~even;
  size_t i = 0;
  for (; i + 2 <= frames.size(); i += 2) {
    even = (std::rotl(even, 23) ^ frames[i]) * kFactor;
    odd = (std::rotl(odd, 23) ^ frames[i + 1]) * kFactor;
  }
  if (i < frames.size()) even = (std::rotl(even, 23) ^ frames[i]) * kFactor;
  uint64_t hash = (even ^ std::rotl(odd, 32)) * kFactor;
  hash ^= hash >> 32;
  return static_cast<uint32_t>(hash) & ~kHasModules;
}

const uint16_t* NumbersAfter(const StackRecord& record) {
  return reinterpret_cast<const uint16_t*>(record.frames + record.depth);
}

}  // namespace

struct StackTable::Index {
  static constexpr uint64_t kFirstCapacity = 4096;

  uint64_t capacity;  // a power of two
  std::atomic<uint32_t> ids[1];

  static size_t BytesFor(uint64_t capacity) {
    return sizeof(uint64_t) + capacity * sizeof(std::atomic<uint32_t>);
  }
  void Add(uint32_t hash, uint32_t id) {
    uint64_t at = hash & (capacity - 1);
    while (ids[at].load(std::memory_order_relaxed) != 0) at = (at + 1) & (capacity - 1);
    ids[at].store(id, std::memory_order_release);
  }
};

const StackRecord* StackTable::RecordOf(uint32_t id) const {
  const char* const chunk = chunks_[id >> 16].load(std::memory_order_acquire);
  return reinterpret_cast<const StackRecord*>(chunk + (id & 0xffff) * kUnit);
}

std::span<const uint64_t> StackTable::Frames(uint32_t id) const {
  if (id == 0) return {};
  const StackRecord* const record = RecordOf(id);
  return {record->frames, record->depth};
}

uint32_t StackTable::Find(const Index* index, uint32_t hash,
                          std::span<const uint64_t> frames) const {
  if (index == nullptr) return 0;
  for (uint64_t at = hash & (index->capacity - 1);; at = (at + 1) & (index->capacity - 1)) {
    const uint32_t id = index->ids[at].load(std::memory_order_acquire);
    if (id == 0) return 0;
    const StackRecord* const record = RecordOf(id);
    if ((record->hash & ~kHasModules) == hash && record->depth == frames.size() &&
        std::memcmp(record->frames, frames.data(), frames.size_bytes()) == 0 &&
        LeadsThroughWhatIsLoaded(*record)) {
      return id;
    }
  }
}

bool StackTable::LeadsThroughWhatIsLoaded(const StackRecord& record) const {
  if ((record.hash & kHasModules) == 0) [[likely]]
    return true;
  for (const uint16_t* number = NumbersAfter(record); *number != 0; ++number) {
    if (!modules_->IsLoaded(*number)) return false;
  }
  return true;
}

uint32_t StackTable::Intern(std::span<const uint64_t> frames) {
  if (frames.empty()) return 0;
  const uint32_t hash = HashFrames(frames);
  if (const uint32_t id = Find(index_.load(std::memory_order_acquire), hash, frames)) return id;
  uint32_t id = 0;
  if (!full_.load(std::memory_order_relaxed)) {
    uint16_t numbers[kMaxModulesOfStack];
    const size_t count = modules_ == nullptr ? 0 : modules_->NumbersOf(frames, numbers);
    id = Add(hash, frames, {numbers, count});
  }
  if (id == 0) dropped_->fetch_add(1, std::memory_order_relaxed);
  return id;
}

uint32_t StackTable::Add(uint32_t hash, std::span<const uint64_t> frames, Numbers modules) {
  const std::lock_guard guard(lock_);
  // Another thread may have added it first.
  if (const uint32_t id = Find(index_.load(std::memory_order_relaxed), hash, frames)) return id;
  if (!MakeRoomInIndex()) return 0;
  const uint32_t id = Append(hash, frames, modules);
  if (id == 0) return 0;
  index_.load(std::memory_order_relaxed)->Add(hash, id);
  size_.store(size() + 1, std::memory_order_relaxed);
  return id;
}

uint32_t StackTable::Append(uint32_t hash, std::span<const uint64_t> frames, Numbers modules) {
  const uint64_t numbers = modules.empty() ? 0 : modules.size_bytes() + sizeof(uint16_t);
  const uint64_t bytes =
      (offsetof(StackRecord, frames) + frames.size_bytes() + numbers + kUnit - 1) / kUnit * kUnit;
  if (bytes > kChunkBytes) return 0;
  uint64_t start = next_;
  if (start % kChunkBytes + bytes > kChunkBytes) {
    start = (start / kChunkBytes + 1) * kChunkBytes;  // the rest of this chunk stays empty
  }
  const uint64_t chunk = start / kChunkBytes;
  if (chunk >= most_chunks_) {
    full_.store(true, std::memory_order_relaxed);
    return 0;
  }
  char* memory = chunks_[chunk].load(std::memory_order_relaxed);
  if (memory == nullptr) {
    memory = static_cast<char*>(MapMemory(kChunkBytes));
    if (memory == nullptr) return 0;
    chunks_[chunk].store(memory, std::memory_order_release);
    chunk_count_->store(static_cast<uint32_t>(chunk + 1), std::memory_order_release);
  }
  auto* const record = reinterpret_cast<StackRecord*>(memory + start % kChunkBytes);
  record->depth = static_cast<uint32_t>(frames.size());
  record->hash = hash | (modules.empty() ? 0 : kHasModules);
  // The chunk is zeroed, so a 0 ends the numbers.
  std::ranges::copy(modules,
                    reinterpret_cast<uint16_t*>(std::ranges::copy(frames, record->frames).out));
  next_ = start + bytes;
  return static_cast<uint32_t>(start / kUnit);
}

bool StackTable::MakeRoomInIndex() {
  Index* const old = index_.load(std::memory_order_relaxed);
  if (old != nullptr && 2 * (size() + 1) <= old->capacity) return true;
  const uint64_t capacity = old == nullptr ? Index::kFirstCapacity : 2 * old->capacity;
  auto* const fresh = static_cast<Index*>(MapMemory(Index::BytesFor(capacity)));
  // A search in a full index would never end.
  if (fresh == nullptr) return old != nullptr && 8 * (size() + 1) <= 7 * old->capacity;
  fresh->capacity = capacity;
  for (uint64_t i = 0; old != nullptr && i < old->capacity; ++i) {
    const uint32_t id = old->ids[i].load(std::memory_order_relaxed);
    if (id != 0) fresh->Add(RecordOf(id)->hash & ~kHasModules, id);
  }
  // The old index stays mapped: a thread may be reading it. All old ones together are smaller than
  // the new one.
  index_.store(fresh, std::memory_order_release);
  return true;
}

}  // namespace alkaid::heap
