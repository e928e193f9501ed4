// StackTable: back-traces, each kept once, by a number.
//
// Append-only: an id stays what it is for the life of the process, also over a new start of
// tracking, since whoever was stopped between interning and recording still holds one. The records
// lie in chunks of 1 MiB as heap_layout.h describes; an index by hash of its own lies beside them.
//
// Bounded: a program can have more back-traces than memory, and blocks that are gone keep theirs.
// Once the chunks are full no other is added: those that are there go on being found, and the rest
// is counted as dropped.
//
// A back-trace that leads through libraries that can be unloaded is another one once they were: it
// is known by its addresses and by what was loaded there (module_table_internal.h).
//
// Ownership: copies; nothing is ever given back. Threads: all functions, from any thread; a
// back-trace that is known is found without a lock, and none is taken once the table is full.
// Full and out of memory: id 0, "no back-trace"; `dropped` counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/module_table_internal.h"
#include "alkaid/heap/tracking/table_mutex_internal.h"

namespace alkaid::heap {

class ALKAID_EXPORT StackTable {
 public:
  static constexpr uint32_t kMaxChunks = 128;  // ids could name 65536
  static constexpr uint64_t kChunkBytes = uint64_t{1} << 20;

  // The directory has `most_chunks` entries. It and the counts belong to the caller and are zero.
  // Where `modules` is null, addresses alone make a back-trace.
  constexpr StackTable(std::atomic<char*>* chunks, std::atomic<uint32_t>* chunk_count,
                       std::atomic<uint64_t>* dropped, uint32_t most_chunks = kMaxChunks,
                       ModuleTable* modules = nullptr)
      : chunks_(chunks),
        chunk_count_(chunk_count),
        dropped_(dropped),
        most_chunks_(most_chunks),
        modules_(modules) {}
  StackTable(const StackTable&) = delete;
  StackTable& operator=(const StackTable&) = delete;

  // The id of these return addresses; 0 where there are none.
  uint32_t Intern(std::span<const uint64_t> frames);
  // The addresses of an id that Intern gave; empty for 0.
  std::span<const uint64_t> Frames(uint32_t id) const;
  // How many there are.
  uint64_t size() const { return size_.load(std::memory_order_relaxed); }

  // Around a fork.
  void Lock() { lock_.lock(); }
  void Unlock() { lock_.unlock(); }
  void RenewLock() { lock_.Renew(); }

 private:
  struct Index;
  using Numbers = std::span<const uint16_t>;

  const StackRecord* RecordOf(uint32_t id) const;
  bool LeadsThroughWhatIsLoaded(const StackRecord& record) const;
  uint32_t Find(const Index* index, uint32_t hash, std::span<const uint64_t> frames) const;
  uint32_t Append(uint32_t hash, std::span<const uint64_t> frames, Numbers modules);
  bool MakeRoomInIndex();
  uint32_t Add(uint32_t hash, std::span<const uint64_t> frames, Numbers modules);

  std::atomic<char*>* const chunks_;
  std::atomic<uint32_t>* const chunk_count_;
  std::atomic<uint64_t>* const dropped_;  // how often Intern had no place
  const uint32_t most_chunks_;
  ModuleTable* const modules_;
  std::atomic<bool> full_{false};
  std::atomic<Index*> index_{nullptr};
  std::atomic<uint64_t> size_{0};
  TableMutex lock_;     // for what follows, and for adding
  uint64_t next_ = 16;  // where the next record goes, in bytes over all chunks; 0 names none
};

}  // namespace alkaid::heap
