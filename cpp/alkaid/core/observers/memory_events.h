// The one point through which every change of memory passes.
//
// Each allocation, reallocation and free that reaches an allocator, each slice made or dropped, and
// the release of each root buffer calls one function here. While nothing observes, that costs one
// load of a global and a branch not taken. Adaptors (logging, capped, proxy, labelled and
// everything else that derives from ForwardingMemoryPool) forward to the pool below and do not emit
// again, so each block is reported exactly once.
//
// Listeners are observers in this process, and tracers outside it through the static tracepoints of
// core/observers/probes.h.
//
// Ownership: the library borrows an observer from Add to Remove. RemoveMemoryObserver returns once
// no call into that observer is running, so the observer may then be destroyed.
// Threads: events arrive on the thread that causes them, on several at once; Add and Remove from
// any thread, except from inside an observer. The library holds no lock while it calls an observer,
// so an observer may ask pools for their figures. An observer must guard its own locks against
// fork. The events that an observer itself causes go to the other observers only.
// Observers must not throw: an exception that leaves one ends the program by std::terminate at the
// place of the throw. So does cancelling a thread inside one (pthread_cancel).
// Out of memory: AddMemoryObserver throws std::bad_alloc and adds nothing; events and
// RemoveMemoryObserver allocate nothing.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/core/observers/probes.h"

namespace alkaid {

class Buffer;
class MemoryPool;
struct SourceNote;

// The events. Pointers are identities: OnFree and OnReallocating come before the allocator gets the
// block back, all other events after the fact. Sizes are in bytes, as requested from the pool.
// While OnAllocate and OnReallocate run, Label::Current() is the block's label
// (core/observers/label.h).
class ALKAID_EXPORT MemoryObserver {
 public:
  virtual ~MemoryObserver() = default;

  virtual void OnAllocate(MemoryPool* /*pool*/, const void* /*ptr*/, int64_t /*size*/,
                          int64_t /*alignment*/) {}
  // Before the allocator is called: from here on `old_ptr` may be handed to another thread.
  // OnReallocate follows. An observer that is removed in between does not get it; one that is added
  // in between gets OnReallocate alone.
  virtual void OnReallocating(MemoryPool* /*pool*/, const void* /*old_ptr*/, int64_t /*old_size*/) {
  }
  // If the allocator refused, the new pointer and size are the old ones.
  virtual void OnReallocate(MemoryPool* /*pool*/, const void* /*old_ptr*/, const void* /*new_ptr*/,
                            int64_t /*old_size*/, int64_t /*new_size*/, int64_t /*alignment*/) {}
  virtual void OnFree(MemoryPool* /*pool*/, const void* /*ptr*/, int64_t /*size*/) {}
  // `root` is the buffer that the slice keeps alive; `offset` counts from the root's start.
  virtual void OnSlice(const Buffer* /*slice*/, const Buffer* /*root*/, int64_t /*offset*/,
                       int64_t /*size*/) {}
  virtual void OnSliceRelease(const Buffer* /*slice*/, const Buffer* /*root*/) {}
  // The end of a root, which is any Buffer that is not a slice, no matter who owns its bytes.
  virtual void OnRootRelease(const Buffer* /*root*/, const void* /*data*/, int64_t /*size*/) {}
  // Where the bytes of a live root came from (core/observers/source_note.h). Holds until that root
  // is released or reallocated.
  virtual void OnSourceNote(const SourceNote& /*note*/) {}
};

// Which events an observer wants. An event that no observer wants costs nothing.
enum class MemoryEventKinds : uint8_t {
  kBlocks = 1,  // OnAllocate, OnReallocating, OnReallocate, OnFree
  kViews = 2,   // OnSlice, OnSliceRelease, OnRootRelease, OnSourceNote
  kAll = 3,
};

// Adding an observer twice adds it once; removing one that was never added does nothing.
ALKAID_EXPORT void AddMemoryObserver(MemoryObserver* observer,
                                     MemoryEventKinds kinds = MemoryEventKinds::kAll);
ALKAID_EXPORT void RemoveMemoryObserver(MemoryObserver* observer) noexcept;

namespace internal {

// Call these only under `if (BlockEventsOn()) [[unlikely]]`.
ALKAID_EXPORT void NotifyAllocate(MemoryPool* pool, const void* ptr, int64_t size,
                                  int64_t alignment);
ALKAID_EXPORT void NotifyReallocating(MemoryPool* pool, const void* old_ptr, int64_t old_size);
ALKAID_EXPORT void NotifyReallocate(MemoryPool* pool, const void* old_ptr, const void* new_ptr,
                                    int64_t old_size, int64_t new_size, int64_t alignment);
ALKAID_EXPORT void NotifyFree(MemoryPool* pool, const void* ptr, int64_t size);
// And these under `if (ViewEventsOn()) [[unlikely]]`.
ALKAID_EXPORT void NotifySlice(const Buffer* slice, const Buffer* root, int64_t offset,
                               int64_t size);
ALKAID_EXPORT void NotifySliceRelease(const Buffer* slice, const Buffer* root);
ALKAID_EXPORT void NotifyRootRelease(const Buffer* root, const void* data, int64_t size);
ALKAID_EXPORT void NotifySourceNote(const SourceNote& note);

}  // namespace internal
}  // namespace alkaid
