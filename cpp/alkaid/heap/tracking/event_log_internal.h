// EventLog: what happened to live memory while a fork had the tables, to be told to them
// afterwards.
//
// A child sees the log as the fork copied it, page by page, while other threads were writing: an
// event lies in one page and counts only once it is committed, which its thread does last. What a
// child misses is what happened during the fork itself.
//
// Ownership: memory of its own, mapped by Open and kept. Threads: Claim and Commit, any; what else
// there is, only the one that forks. Out of memory: Open says so; then Claim finds no room, ever.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/pool_index_internal.h"
#include "alkaid/heap/tracking/tracking.h"

namespace alkaid::heap {

// An event, with what only the thread knows that it happens to.
struct HeapEvent {
  enum Kind : uint8_t {
    kAllocated,
    kMoving,  // a reallocation begins
    kMoved,   // and has ended
    kGone,    // and the block was given back instead
    kFreed,
    kSliced,
    kSliceReleased,
    kRootReleased,
  };
  Kind kind;
  bool of_malloc = false;  // and of no pool
  bool wanted = true;      // its block is among those that are tracked
  bool not_sampled = false;
  uint32_t label = 0;
  uint32_t thread = 0;
  uint64_t address = 0;  // of the block, after a reallocation; 0 where malloc refused. Of a view
  uint64_t old_address = 0;  // of the block before
  uint64_t size = 0;
  uint64_t old_size = 0;
  int64_t alignment = 1;  // of a pool's block; what malloc gave for it may be rounded up to it
  uint64_t weight = 0;    // bytes that the block stands for
  uint64_t time_ns = 0;
  // Of a view.
  uint64_t root = 0;
  uint64_t data = 0;
  uint64_t root_data = 0;
  uint64_t root_size = 0;
  PoolKey pool = {};
  std::span<const uint64_t> frames = {};

  // Refused, or nothing to do: the block is as it was.
  bool IsAsBefore() const { return address == old_address && size == old_size; }
};

struct LoggedEvent {
  std::atomic<uint32_t> committed;
  bool has_earlier;       // and it is not back in the table
  bool counts_as_moving;  // among those whose reallocation began before
  HeapEvent event;
  LiveBlock earlier;  // the record of the block that moves
  uint64_t frames[kMaxFrames];

  // Whether it is the beginning of the reallocation that `moved` is the end of, if it is of that
  // time.
  bool Begins(const HeapEvent& moved) const {
    return event.kind == HeapEvent::kMoving && event.address == moved.old_address &&
           event.thread == moved.thread && event.of_malloc == moved.of_malloc;
  }
};

class ALKAID_EXPORT EventLog {
 public:
  static constexpr uint64_t kEvents = 1 << 15;
  // Beyond so many a thread that tells of more has to give way first: the one that forks may be
  // waiting for a processor.
  static constexpr uint64_t kFreeEvents = 1 << 12;

  constexpr EventLog() = default;
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  bool Open();
  // Room for one event; null where there is none.
  LoggedEvent* Claim();
  bool IsFilling() const { return claimed_.load(std::memory_order_relaxed) > kFreeEvents; }
  static void Commit(LoggedEvent* logged) { logged->committed.store(1, std::memory_order_release); }

  // How many were claimed, and the one with a number below that; null where it was not committed.
  uint64_t size() const;
  LoggedEvent* At(uint64_t number) const;
  // Empties it.
  void Clear();

 private:
  static constexpr uint64_t kPage = 4096;
  static constexpr uint64_t kEventsOfPage = kPage / sizeof(LoggedEvent);
  static constexpr uint64_t kPages = (kEvents + kEventsOfPage - 1) / kEventsOfPage;
  static_assert(kEventsOfPage >= 2);
  // The memory of so many stays for the next fork.
  static constexpr uint64_t kKeptPages = 512;
  static constexpr uint64_t kKeptEvents = kKeptPages * kEventsOfPage;

  LoggedEvent* PlaceOf(uint64_t number) const {
    return reinterpret_cast<LoggedEvent*>(pages_ + number / kEventsOfPage * kPage) +
           number % kEventsOfPage;
  }

  char* pages_ = nullptr;
  std::atomic<uint64_t> claimed_{0};
};

}  // namespace alkaid::heap
