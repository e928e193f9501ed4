// HeapTracker: what becomes of each memory event while tracking is on.
//
// A block of the `system` pool passes malloc as well. Where malloc is watched too, its record comes
// first and the pool's takes its place; on the way back the pool's is taken out before malloc looks
// for one. So a block is listed once, as the outermost maker's. Only a record of about the same
// size gives way: a pool whose memory is an arena begins with a part at the very address of the
// arena's block, and that block stays malloc's until malloc has it back.
//
// Ownership: one object, never destroyed. Threads: all functions, from any thread. An event that is
// under way while tracking ends finds the tables closed, and leaves nothing in those of a later
// start but blocks that are live then. Out of memory: `lost` in the root counts.
#pragma once

#include <atomic>
#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/core/observers/memory_events.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/heap_tables_internal.h"
#include "alkaid/heap/tracking/tracking.h"

namespace alkaid::heap {

// A block of malloc's between the moment when realloc is asked for and its answer.
struct MallocMove {
  const void* ptr;
  bool watched;  // the end is to be told
};

class HeapTracker final : public MemoryObserver {
 public:
  static HeapTracker& Get();

  Status Start(const TrackingOptions& options);
  void Stop() noexcept;
  // Called once.
  void GuardTablesAroundForks();
  bool on() const { return on_.load(std::memory_order_relaxed); }
  bool watches_views() const { return on() && views_.load(std::memory_order_relaxed); }
  // Differs from start to start. What was read of the tables since it was asked for is of one start
  // if that is still on.
  uint32_t epoch() const { return epoch_.load(std::memory_order_relaxed); }
  bool IsStillOn(uint32_t epoch) const {
    return on_.load(std::memory_order_acquire) && this->epoch() == epoch;
  }

  void OnAllocate(MemoryPool* pool, const void* ptr, int64_t size, int64_t alignment) override;
  void OnReallocating(MemoryPool* pool, const void* old_ptr, int64_t old_size) override;
  void OnReallocate(MemoryPool* pool, const void* old_ptr, const void* new_ptr, int64_t old_size,
                    int64_t new_size, int64_t alignment) override;
  void OnFree(MemoryPool* pool, const void* ptr, int64_t size) override;
  void OnSlice(const Buffer* slice, const Buffer* root, int64_t offset, int64_t size) override;
  void OnSliceRelease(const Buffer* slice, const Buffer* root) override;
  void OnRootRelease(const Buffer* root, const void* data, int64_t size) override;
  void OnSourceNote(const SourceNote& note) override;

  // malloc's events. `caller` is the return address in the function that malloc's caller called:
  // the back-trace begins behind it.
  void OnMalloc(const void* ptr, uint64_t size, const void* caller);
  void OnMallocFree(const void* ptr);
  void OnMallocMoving(MallocMove* move, const void* ptr);
  // `ptr` is null where malloc refused.
  void OnMallocMoved(MallocMove* move, const void* ptr, uint64_t size, const void* caller);
  // The block was given back instead.
  void OnMallocGone(MallocMove* move);

 private:
  // What becomes of a block that comes about, once the tables were asked.
  struct Arrival {
    const LiveBlock* earlier = nullptr;  // its record before a reallocation
    uint64_t grown = 0;                  // bytes that were allocated
    uint32_t label = 0;
    bool untracked = false;
  };

  bool Wants(const MemoryPool* pool) const {
    const MemoryPool* const only = pool_.load(std::memory_order_relaxed);
    return on() && (only == nullptr || only == pool);
  }

  // Fill in what the calling thread knows: of a block that comes about; of a block or view.
  // `caller`: the return address that the back-trace begins after.
  void ArriveHere(HeapEvent* event, const void* caller);
  void HappenHere(HeapEvent* event, const void* caller);
  // The same, where Python's functions are put among the frames.
  void HappenInPython(HeapEvent* event, const void* caller, int most);
  // Tells the tables, or writes the event down where a fork has them.
  void Happen(const HeapEvent& event);
  bool MayMatter(const HeapEvent& event) const;
  static bool WriteDown(const HeapEvent& event);

  // What follows is for threads that passed the gate to the tables, or that fork.
  void Tell(const HeapEvent& event);
  void TellAllLogged(bool in_child);
  void TellLogged(uint64_t number);
  void DidAllocate(const HeapEvent& event);
  void DidMove(const HeapEvent& event, const LiveBlock* earlier);
  void DidFree(const HeapEvent& event);
  void DidSlice(const HeapEvent& event);
  void DidReleaseSlice(const HeapEvent& event);
  void DidReleaseRoot(const HeapEvent& event);
  void Record(const HeapEvent& event, const Arrival& arrival);
  uint32_t LabelOf(const HeapEvent& event, const LiveBlock* earlier) const;
  void Put(LiveBlock* block, bool fresh, uint64_t grown);
  void PutBack(const LiveBlock& block);
  bool Take(uint64_t address, LiveBlock* block);
  // Whether the block has a record that moves along with it.
  static bool CanMove(const HeapEvent& event, LiveBlock* block);
  // Moves the record from the table to those whose reallocation is under way.
  void BeginMove(const HeapEvent& event);
  bool IsMallocs(uint64_t address, LiveBlock* block) const;
  bool IsPartOfMallocs(const HeapEvent& event) const;
  void DropMallocs(uint64_t address);
  void RecordUnknownRoot(const HeapEvent& slice);
  // The bytes may be another's from now on.
  void ForgetSources(uint64_t address, uint64_t size);

  bool OpenTables();
  bool Listen(bool views);
  void PrepareFork();
  void GoOnInParent();
  void GoOnInChild();

  enum State : int { kOff, kChanging, kOn };
  std::atomic<int> state_{kOff};
  std::atomic<bool> on_{false};
  std::atomic<bool> views_{false};
  std::atomic<bool> malloc_seen_{false};
  // Of a back-trace; negative: so many, with functions of Python. One word, so that a process without
  // Python does not pay for asking.
  std::atomic<int> max_frames_{0};
  std::atomic<Unwinder> unwinder_{Unwinder::kCallFrameInfo};
  std::atomic<uint64_t> sample_bytes_{0};
  std::atomic<uint32_t> epoch_{0};  // of starts; never 0 while on
  std::atomic<uint32_t> malloc_label_{0};
  std::atomic<const MemoryPool*> pool_{nullptr};
  std::atomic<bool> ever_started_{false};  // from the first start on, forks take the tables' locks
  bool forks_locked_ = false;              // the fork that is under way took them
};

}  // namespace alkaid::heap
