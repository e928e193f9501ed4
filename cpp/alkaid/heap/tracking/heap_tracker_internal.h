// HeapTracker: turns each memory event into changes of the tables while tracking is on.
//
// A block of the `system` pool is a block of malloc's too. When malloc is watched as well, malloc's
// record is made first and the pool's record replaces it; on free, the pool's record is removed
// before malloc looks for one. So a block is listed once, as the outermost allocator's. The pool
// replaces only a record of about its own size: a pool that carves an arena gives out its first
// part at the address of the arena's block, and that block stays malloc's until it is freed.
//
// Ownership: one object, never destroyed. Threads: all functions, from any thread. An event that is
// under way while tracking stops finds the tables closed. It adds nothing to the tables of a later
// start, except blocks that are live then. Out of memory: counted in `lost` of the root.
#pragma once

#include <atomic>
#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/core/observers/memory_events.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/heap_tables_internal.h"
#include "alkaid/heap/tracking/tracking.h"

namespace alkaid::heap {

// A block of malloc's while realloc runs.
struct MallocMove {
  const void* ptr;
  bool watched;  // the end must be reported too
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
  // A number of the current start. What a caller read from the tables after this call belongs to
  // one start if IsStillOn(epoch) holds afterwards.
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

  // malloc's events. `caller` is the return address of the interposer's call into tracking; the
  // stack trace begins with the frame after it.
  void OnMalloc(const void* ptr, uint64_t size, const void* caller);
  void OnMallocFree(const void* ptr);
  void OnMallocMoving(MallocMove* move, const void* ptr);
  // `ptr` is null if malloc failed.
  void OnMallocMoved(MallocMove* move, const void* ptr, uint64_t size, const void* caller);
  // realloc freed the block instead.
  void OnMallocGone(MallocMove* move);

 private:
  // What the tables add to the event of a block that is new or was reallocated.
  struct Arrival {
    const LiveBlock* earlier = nullptr;  // its record before a reallocation
    uint64_t grown = 0;                  // bytes added: all of a new block
    uint32_t label = 0;
    bool untracked = false;
  };

  bool Wants(const MemoryPool* pool) const {
    const MemoryPool* const only = pool_.load(std::memory_order_relaxed);
    return on() && (only == nullptr || only == pool);
  }

  // Fill in what only the calling thread knows, and pass the event on. ArriveHere is for a block
  // that was allocated or moved: it also sets the label and draws the sample.
  // `caller`: the stack trace begins with the frame after this return address.
  void ArriveHere(HeapEvent* event, const void* caller);
  void HappenHere(HeapEvent* event, const void* caller);
  // HappenHere for at most `most` frames, with Python functions in place of the interpreter's.
  void HappenInPython(HeapEvent* event, const void* caller, int most);
  // Applies the event to the tables, or logs it while a fork holds them.
  void Happen(const HeapEvent& event);
  bool MayMatter(const HeapEvent& event) const;
  static bool WriteDown(const HeapEvent& event);

  // The functions below are for threads that passed the gate to the tables, or that fork.
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
  // Whether the block has a record that must move with it; copies it to `*block`.
  static bool CanMove(const HeapEvent& event, LiveBlock* block);
  // Moves the record from the table to the pending moves.
  void BeginMove(const HeapEvent& event);
  bool IsMallocs(uint64_t address, LiveBlock* block) const;
  bool IsPartOfMallocs(const HeapEvent& event) const;
  void DropMallocs(uint64_t address);
  void RecordUnknownRoot(const HeapEvent& slice);
  // The bytes may belong to another block from now on.
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
  // Of a stack trace. Negative: as many, with Python functions. One word, so that a process without
  // Python pays for no second check.
  std::atomic<int> max_frames_{0};
  std::atomic<Unwinder> unwinder_{Unwinder::kCallFrameInfo};
  std::atomic<uint64_t> sample_bytes_{0};
  std::atomic<uint32_t> epoch_{0};  // counts starts; never 0 while on
  std::atomic<uint32_t> malloc_label_{0};
  std::atomic<const MemoryPool*> pool_{nullptr};
  std::atomic<bool> ever_started_{false};  // after the first start, forks take the tables' locks
  bool forks_locked_ = false;              // the current fork took them
};

}  // namespace alkaid::heap
