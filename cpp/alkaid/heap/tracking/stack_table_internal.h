// StackTable: stack traces, each kept once and named by an id.
//
// Append-only: an id keeps its meaning for the life of the process, even when tracking starts anew,
// since a thread between interning and recording still holds one. The records lie in chunks of
// 1 MiB (heap_layout.h); an index finds their ids by hash.
//
//     id = place in units of 16 bytes:  | chunk: id >> 16 | offset / 16: id & 0xffff |
//     chunk: | record | record | ... | rest unused |      a record never crosses chunks
//
// Bounded: a program can have more stack traces than memory, and those of freed blocks are kept.
// When the chunks are full, no more are added: known ones are still found, others are counted as
// dropped.
//
// A stack trace is identified by its addresses and by the unloadable libraries that were loaded
// there (module_table_internal.h). With another library there, the same addresses are another stack
// trace.
//
// Ownership: copies, never freed. Threads: all functions, from any thread. A known stack trace is
// found without a lock; a full table takes no lock at all. Full or out of memory: id 0, "no stack
// trace", and `dropped` counts.
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

  // `chunks` has `most_chunks` entries. It and the counts belong to the caller and are zero.
  // If `modules` is null, the addresses alone identify a stack trace.
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

  // The id of these return addresses; 0 if there are none or no room for them.
  uint32_t Intern(std::span<const uint64_t> frames);
  // The addresses of an id from Intern; empty for 0.
  std::span<const uint64_t> Frames(uint32_t id) const;
  // How many stack traces there are.
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
  std::atomic<uint64_t>* const dropped_;  // how often Intern had no room
  const uint32_t most_chunks_;
  ModuleTable* const modules_;
  std::atomic<bool> full_{false};
  std::atomic<Index*> index_{nullptr};
  std::atomic<uint64_t> size_{0};
  TableMutex lock_;     // for adding, and for `next_`
  uint64_t next_ = 16;  // offset of the next record, in bytes over all chunks; id 0 means none
};

}  // namespace alkaid::heap
