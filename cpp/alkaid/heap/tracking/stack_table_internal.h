// StackTable: back-traces, each kept once, by a number.
//
// Append-only: an id stays what it is for the life of the process, also over a new start of
// tracking, since whoever was stopped between interning and recording still holds one. The records
// lie in chunks of 1 MiB as heap_layout.h describes; an index by hash of its own lies beside them.
//
// Ownership: copies; nothing is ever given back. Threads: all functions, from any thread; a
// back-trace that is known is found without a lock. Out of memory: id 0, "no back-trace".
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {

class ALKAID_EXPORT StackTable {
 public:
  static constexpr uint32_t kMaxChunks = 65536;  // what the ids can name
  static constexpr uint64_t kChunkBytes = uint64_t{1} << 20;

  // The directory has kMaxChunks entries. It and the count belong to the caller and are zero.
  constexpr StackTable(std::atomic<char*>* chunks, std::atomic<uint32_t>* chunk_count)
      : chunks_(chunks), chunk_count_(chunk_count) {}
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

  const StackRecord* RecordOf(uint32_t id) const;
  uint32_t Find(const Index* index, uint32_t hash, std::span<const uint64_t> frames) const;
  uint32_t Append(uint32_t hash, std::span<const uint64_t> frames);
  bool MakeRoomInIndex();

  std::atomic<char*>* const chunks_;
  std::atomic<uint32_t>* const chunk_count_;
  std::atomic<Index*> index_{nullptr};
  std::atomic<uint64_t> size_{0};
  TableMutex lock_;     // for what follows, and for adding
  uint64_t next_ = 16;  // where the next record goes, in bytes over all chunks; 0 names none
};

}  // namespace alkaid::heap
