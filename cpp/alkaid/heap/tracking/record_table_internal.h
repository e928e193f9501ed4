// RecordTable: live records by address, in the form that heap_layout.h describes.
//
// 64 shards, each an open-addressing hash table with linear probing:
//
//     hash of the address:  | shard: top 6 bits | home slot | ... |
//
//     slots:  | A | B | x | C | 0 | ...     0: kNeverUsed, ends a probe
//               ^ home of A, B and C        x: kGivenBack, a tombstone that Put fills again
//
// A lookup that finds nothing takes no lock, since under sampling most frees are of blocks that
// were never recorded. A removed record becomes kNeverUsed if the next slot is kNeverUsed, and
// otherwise a tombstone. A full shard is rehashed into another array, of the same size or twice as
// large, which is then swapped in.
// Arrays out of use are emptied, kept mapped and used again. A thread that reads one without a lock
// reads zeros, sees `generation` changed, and looks again under the lock.
//
// Ownership: records are copies. Arrays are never unmapped; a shard has at most two of each size.
// Threads: all functions, from any thread. Functions that are passed in run under a shard's lock:
// they must neither call the table nor allocate. Out of memory: Put reports it, and the table is
// unchanged.
//
// Longer than most headers, since every free that is watched looks up inline.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/table_mutex_internal.h"

namespace alkaid::heap {

// Spreads addresses over 64 bits: the top bits give the shard, the bits below them the home slot.
inline uint64_t HashAddress(uint64_t address) {
  uint64_t hash = address * 0x9e3779b97f4a7c15u;
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93u;
  return hash ^ (hash >> 32);
}

// An array of `capacity` records of 64 bytes, all kNeverUsed; null out of memory.
ALKAID_EXPORT RecordArray* MapRecords(uint64_t capacity);
// Makes all its records kNeverUsed.
ALKAID_EXPORT void ClearRecords(RecordArray* array);

enum class PutResult { kPut, kClosed, kOutOfMemory };

template <typename Record, std::atomic<uint64_t> Record::*kKey>
class RecordTable {
 public:
  static constexpr uint32_t kShards = 64;
  static constexpr uint64_t kFirstCapacity = 64;
  static_assert(sizeof(Record) == sizeof(RecordArray));  // so each record has its own cache line

  struct alignas(128) Shard {
    TableShard head;  // what readers outside see; must be first
    TableMutex lock;
    bool open;
    uint64_t used;                     // records that are not kNeverUsed
    std::atomic<uint64_t> generation;  // how often `array` was swapped
    RecordArray* spare;                // out of use, linked by reserved[0]
  };

  constexpr RecordTable() = default;
  RecordTable(const RecordTable&) = delete;
  RecordTable& operator=(const RecordTable&) = delete;

  constexpr TableShard* shards() { return &shards_[0].head; }
  static constexpr uint32_t kShardSize = sizeof(Shard);

  // Empties the table and lets Put add records. False out of memory.
  bool Open() {
    Close();
    bool all = true;
    for (Shard& shard : shards_) {
      const std::lock_guard guard(shard.lock);
      shard.open = all = all && Swap(&shard, kFirstCapacity);
    }
    return all;
  }

  // Empties the table; until Open, Put adds nothing.
  void Close() {
    for (Shard& shard : shards_) {
      const std::lock_guard guard(shard.lock);
      shard.open = false;
      Swap(&shard, 0);
    }
  }

  // Adds a copy of `record`, or replaces the record with the same key. First calls prepare(shard,
  // replaced) so that the caller can complete `*record`; `replaced` is null if the key is new.
  template <typename Prepare>
  PutResult Put(Record* record, Prepare prepare) {
    const uint64_t key = (record->*kKey).load(std::memory_order_relaxed);
    const uint64_t hash = HashAddress(key);
    Shard& shard = shards_[hash >> kShardShift];
    const std::lock_guard guard(shard.lock);
    if (!shard.open) return PutResult::kClosed;
    Place place = Probe(ArrayOf(shard), key, hash);
    if (place.found == nullptr && IsFull(shard)) {
      if (MakeRoom(&shard)) {
        place = Probe(ArrayOf(shard), key, hash);
      } else if (shard.used + 1 >= ArrayOf(shard)->capacity) {
        return PutResult::kOutOfMemory;  // before that, longer chains are the lesser evil
      }
    }
    prepare(static_cast<uint32_t>(&shard - shards_), static_cast<const Record*>(place.found));
    Record* const slot = place.found != nullptr ? place.found : place.free;
    const Update update(&shard);
    // Probe returns one of the two.
    std::atomic<uint64_t>& word = slot->*kKey;  // NOLINT(clang-analyzer-core.NullDereference)
    if (place.found != nullptr) {
      word.store(kGivenBack, std::memory_order_release);
    } else {
      if (word.load(std::memory_order_relaxed) == kNeverUsed) ++shard.used;
      AddLive(&shard, 1);
    }
    CopyFields(*record, slot);
    word.store(key, std::memory_order_release);
    return PutResult::kPut;
  }

  // Removes the record and copies it to `*taken`. First calls then(shard, record). False if there
  // is none, usually without a lock.
  template <typename Then>
  bool Take(uint64_t key, Record* taken, Then then) {
    const uint64_t hash = HashAddress(key);
    Shard& shard = shards_[hash >> kShardShift];
    if (!MayHold(shard, key, hash)) return false;
    const std::lock_guard guard(shard.lock);
    RecordArray* const array = ArrayOf(shard);
    if (array == nullptr) return false;
    Record* const found = Probe(array, key, hash).found;
    if (found == nullptr) return false;
    then(static_cast<uint32_t>(&shard - shards_), static_cast<const Record&>(*found));
    Copy(*found, taken);
    const Update update(&shard);
    AddLive(&shard, -1);
    GiveBack(&shard, array, found);
    return true;
  }

  // Whether there is such a record. Only the thread that may remove it gets a reliable answer.
  bool Holds(uint64_t key) const {
    const uint64_t hash = HashAddress(key);
    return MayHold(shards_[hash >> kShardShift], key, hash);
  }

  // Copies the record; false if there is none.
  bool Get(uint64_t key, Record* copy) {
    const uint64_t hash = HashAddress(key);
    Shard& shard = shards_[hash >> kShardShift];
    if (!MayHold(shard, key, hash)) return false;
    const std::lock_guard guard(shard.lock);
    const RecordArray* const array = ArrayOf(shard);
    const Record* const found = array == nullptr ? nullptr : Probe(array, key, hash).found;
    if (found != nullptr) Copy(*found, copy);
    return found != nullptr;
  }

  // Calls visit(const Record&) for each record. Each shard is seen as it is at one moment.
  template <typename Visit>
  void ForEach(Visit visit) {
    for (Shard& shard : shards_) {
      const std::lock_guard guard(shard.lock);
      const RecordArray* const array = ArrayOf(shard);
      if (array == nullptr) continue;
      const Record* const records = Records(array);
      for (uint64_t i = 0; i < array->capacity; ++i) {
        if ((records[i].*kKey).load(std::memory_order_relaxed) > kGivenBack) visit(records[i]);
      }
    }
  }

  // Calls visit() with the shard's lock held.
  template <typename Visit>
  void WithShard(uint32_t shard, Visit visit) {
    const std::lock_guard guard(shards_[shard].lock);
    visit();
  }

  uint64_t live() const {
    uint64_t sum = 0;
    for (const Shard& shard : shards_) sum += shard.head.live.load(std::memory_order_relaxed);
    return sum;
  }

  // Around a fork.
  void LockAll() {
    for (Shard& shard : shards_) shard.lock.lock();
  }
  void UnlockAll() {
    for (Shard& shard : shards_) shard.lock.unlock();
  }

  // In a child whose parent did not lock them: no thread holds them there.
  void RenewLocks() {
    for (Shard& shard : shards_) shard.lock.Renew();
  }

  static void Copy(const Record& from, Record* to) {
    (to->*kKey).store((from.*kKey).load(std::memory_order_relaxed), std::memory_order_relaxed);
    CopyFields(from, to);
  }

 private:
  static constexpr int kShardShift = 58;
  static_assert(uint64_t{1} << (64 - kShardShift) == kShards);

  struct Place {
    Record* found;
    Record* free;  // a slot for a new record with this key
  };

  // Makes the sequence odd for a scope.
  class Update {
   public:
    explicit Update(Shard* shard) : sequence_(&shard->head.sequence) { Step(); }
    ~Update() { Step(); }
    Update(const Update&) = delete;
    Update& operator=(const Update&) = delete;

   private:
    void Step() {
      sequence_->store(sequence_->load(std::memory_order_relaxed) + 1, std::memory_order_release);
      // A stopped process shows the order of instructions, not what other processors see.
      std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    std::atomic<uint32_t>* const sequence_;
  };

  static RecordArray* ArrayOf(const Shard& shard) {
    return shard.head.array.load(std::memory_order_relaxed);
  }
  static Record* Records(const RecordArray* array) {
    return reinterpret_cast<Record*>(const_cast<RecordArray*>(array) + 1);
  }
  static uint64_t HomeOf(uint64_t hash, uint64_t capacity) {
    return (hash >> (kShardShift - __builtin_ctzll(capacity))) & (capacity - 1);
  }

  static Place Probe(const RecordArray* array, uint64_t key, uint64_t hash) {
    Record* const records = Records(array);
    const uint64_t mask = array->capacity - 1;
    Place place = {nullptr, nullptr};
    uint64_t at = HomeOf(hash, array->capacity);
    for (uint64_t seen = 0; seen <= mask; ++seen, at = (at + 1) & mask) {
      const uint64_t word = (records[at].*kKey).load(std::memory_order_acquire);
      if (word == key) {
        place.found = &records[at];
        return place;
      }
      if (word <= kGivenBack && place.free == nullptr) place.free = &records[at];
      if (word == kNeverUsed) return place;
    }
    return place;
  }

  // False if there is certainly no record, provided that no other thread may add or remove it.
  static bool MayHold(const Shard& shard, uint64_t key, uint64_t hash) {
    const uint64_t generation = shard.generation.load(std::memory_order_acquire);
    const RecordArray* const array = shard.head.array.load(std::memory_order_acquire);
    if (array == nullptr) return false;
    if (Probe(array, key, hash).found != nullptr) return true;
    return shard.generation.load(std::memory_order_relaxed) != generation;
  }

  static void AddLive(Shard* shard, int64_t by) {
    const uint64_t live = shard->head.live.load(std::memory_order_relaxed);
    shard->head.live.store(live + static_cast<uint64_t>(by), std::memory_order_relaxed);
  }

  static void CopyFields(const Record& from, Record* to) {
    constexpr size_t kKeySize = sizeof(from.*kKey);
    std::memcpy(reinterpret_cast<char*>(to) + kKeySize,
                reinterpret_cast<const char*>(&from) + kKeySize, sizeof(Record) - kKeySize);
  }

  // A probe for another record passes this slot only if the next slot is not kNeverUsed. If the
  // next is kNeverUsed, neither this slot nor the tombstones before it need to stay.
  static void GiveBack(Shard* shard, RecordArray* array, Record* record) {
    Record* const records = Records(array);
    const uint64_t mask = array->capacity - 1;
    (record->*kKey).store(kGivenBack, std::memory_order_release);
    auto at = static_cast<uint64_t>(record - records);
    if ((records[(at + 1) & mask].*kKey).load(std::memory_order_relaxed) != kNeverUsed) return;
    while ((records[at].*kKey).load(std::memory_order_relaxed) == kGivenBack) {
      (records[at].*kKey).store(kNeverUsed, std::memory_order_release);
      --shard->used;
      at = (at - 1) & mask;
    }
  }

  // At most 5/8 of the slots are used, which keeps chains at about four records.
  static bool IsFull(const Shard& shard) {
    return 8 * (shard.used + 1) > 5 * ArrayOf(shard)->capacity;
  }

  static bool MakeRoom(Shard* shard) {
    const uint64_t capacity = ArrayOf(*shard)->capacity;
    const uint64_t live = shard->head.live.load(std::memory_order_relaxed);
    return Swap(shard, 16 * live > 5 * capacity ? 2 * capacity : capacity);
  }

  // Moves the live records to an array of `capacity`; 0 drops all records.
  static bool Swap(Shard* shard, uint64_t capacity) {
    RecordArray* const old = ArrayOf(*shard);
    RecordArray* fresh = nullptr;
    if (capacity != 0) {
      fresh = TakeSpare(shard, capacity);
      if (fresh == nullptr) fresh = MapRecords(capacity);
      if (fresh == nullptr) return false;
    }
    uint64_t moved = 0;
    for (uint64_t i = 0; fresh != nullptr && old != nullptr && i < old->capacity; ++i) {
      const Record& record = Records(old)[i];
      const uint64_t key = (record.*kKey).load(std::memory_order_relaxed);
      if (key <= kGivenBack) continue;
      Record* const to = Probe(fresh, key, HashAddress(key)).free;
      CopyFields(record, to);
      (to->*kKey).store(key, std::memory_order_relaxed);
      ++moved;
    }
    const Update update(shard);
    shard->head.array.store(fresh, std::memory_order_release);
    shard->head.live.store(moved, std::memory_order_relaxed);
    shard->used = moved;
    // After the swap and before the old array is emptied: see MayHold.
    shard->generation.fetch_add(1, std::memory_order_seq_cst);
    if (old != nullptr) {
      ClearRecords(old);
      old->reserved[0] = reinterpret_cast<uint64_t>(shard->spare);
      shard->spare = old;
    }
    return true;
  }

  static RecordArray* TakeSpare(Shard* shard, uint64_t capacity) {
    RecordArray* before = nullptr;
    RecordArray* spare = shard->spare;
    while (spare != nullptr && spare->capacity != capacity) {
      before = spare;
      spare = reinterpret_cast<RecordArray*>(spare->reserved[0]);
    }
    if (spare == nullptr) return nullptr;
    if (before == nullptr) {
      shard->spare = reinterpret_cast<RecordArray*>(spare->reserved[0]);
    } else {
      before->reserved[0] = spare->reserved[0];
    }
    return spare;
  }

  Shard shards_[kShards] = {};
};

using BlockTable = RecordTable<LiveBlock, &LiveBlock::address>;
using ViewTable = RecordTable<LiveView, &LiveView::view>;

}  // namespace alkaid::heap
