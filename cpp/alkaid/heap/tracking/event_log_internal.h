// EventLog: memory events that happened while a fork held the tables, to be applied to the tables
// afterwards.
//
// The fork copies the log to the child page by page, while other threads write to it. So each event
// lies within one page, and its thread commits it last; an event that is not committed does not
// count. The child misses only events from during the fork call itself.
//
//     page: | LoggedEvent | LoggedEvent | rest unused |    event n is in page n / kEventsOfPage
//
// Ownership: its own memory, mapped by Open and kept. Threads: Claim and Commit, any; all other
// functions, only the thread that forks. Out of memory: Open returns false; then every Claim
// returns null.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/pool_index_internal.h"
#include "alkaid/heap/tracking/tracking.h"

namespace alkaid::heap {

// An event, with all that only its own thread knows.
struct HeapEvent {
  enum Kind : uint8_t {
    kAllocated,
    kMoving,  // a reallocation begins
    kMoved,   // it has ended
    kGone,    // or the block was freed instead
    kFreed,
    kSliced,
    kSliceReleased,
    kRootReleased,
  };
  Kind kind;
  bool of_malloc = false;  // and of no pool
  bool wanted = true;      // its block is to be tracked
  bool not_sampled = false;
  uint32_t label = 0;
  uint32_t thread = 0;
  uint64_t address = 0;      // of the block (new, if moved; 0 if malloc failed) or the view
  uint64_t old_address = 0;  // of the block before it moved
  uint64_t size = 0;
  uint64_t old_size = 0;
  int64_t alignment = 1;  // of a pool's block; its malloc block may be rounded up to it
  uint64_t weight = 0;    // bytes that the block stands for
  uint64_t time_ns = 0;
  // For a view.
  uint64_t root = 0;
  uint64_t data = 0;
  uint64_t root_data = 0;
  uint64_t root_size = 0;
  PoolKey pool = {};
  std::span<const uint64_t> frames = {};

  // The reallocation failed or had nothing to do: the block is unchanged.
  bool IsAsBefore() const { return address == old_address && size == old_size; }
};

struct LoggedEvent {
  std::atomic<uint32_t> committed;
  bool has_earlier;       // `earlier` is set and not back in the table
  bool counts_as_moving;  // its reallocation began before the fork, so `moving` counts it
  HeapEvent event;
  LiveBlock earlier;  // the record of the block that moves
  uint64_t frames[kMaxFrames];

  // Whether this is the beginning of the reallocation that `moved` ends. The caller looks for the
  // last such event.
  bool Begins(const HeapEvent& moved) const {
    return event.kind == HeapEvent::kMoving && event.address == moved.old_address &&
           event.thread == moved.thread && event.of_malloc == moved.of_malloc;
  }
};

class ALKAID_EXPORT EventLog {
 public:
  static constexpr uint64_t kEvents = 1 << 15;
  // With more events than this, a thread sleeps a moment after each one, since the thread that
  // forks may be waiting for a processor. A thread does not sleep under a filter that forbids
  // waiting (confinement_internal.h).
  static constexpr uint64_t kFreeEvents = 1 << 12;

  constexpr EventLog() = default;
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  bool Open();
  // Room for one event; null if there is none.
  LoggedEvent* Claim();
  bool IsFilling() const { return claimed_.load(std::memory_order_relaxed) > kFreeEvents; }
  static void Commit(LoggedEvent* logged) { logged->committed.store(1, std::memory_order_release); }

  // How many events were claimed, and the event of a number below that; null if not committed.
  uint64_t size() const;
  LoggedEvent* At(uint64_t number) const;
  // Empties it.
  void Clear();

 private:
  static constexpr uint64_t kPage = 4096;
  static constexpr uint64_t kEventsOfPage = kPage / sizeof(LoggedEvent);
  static constexpr uint64_t kPages = (kEvents + kEventsOfPage - 1) / kEventsOfPage;
  static_assert(kEventsOfPage >= 2);
  // Pages whose memory is kept for the next fork.
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
