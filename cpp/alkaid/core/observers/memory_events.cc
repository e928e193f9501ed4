#include "alkaid/core/observers/memory_events.h"

#include "alkaid/core/observers/label.h"
#include "alkaid/core/observers/observer_list_internal.h"
#include "alkaid/core/observers/unseen_events.h"

namespace alkaid {
namespace internal {

constinit thread_local uint32_t unseen_event_scopes __attribute__((tls_model("initial-exec"))) = 0;

namespace {

constexpr auto kBlocks = static_cast<uint8_t>(MemoryEventKinds::kBlocks);
constexpr auto kViews = static_cast<uint8_t>(MemoryEventKinds::kViews);

constinit thread_local NotifyingThread notifying_thread
    __attribute__((tls_model("initial-exec"))) = {nullptr, {0, 0}, 0};

NotifyingThread& ThisThread() { return notifying_thread; }

using MemoryObservers = ObserverList<MemoryObserver, ThisThread>;

MemoryObservers& AllObservers() {
  // Never destroyed: destructors of static objects free memory.
  static MemoryObservers* const all = new MemoryObservers;
  return *all;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { AllObservers(); }

void SetSwitches(const MemoryObservers::Entries& entries) {
  SetObserved(BlockEvents(), MemoryObservers::AnybodyWants(entries, kBlocks));
  SetObserved(ViewEvents(), MemoryObservers::AnybodyWants(entries, kViews));
}

template <MemoryEventKinds kind, typename Notify>
void NotifyAll(Notify notify) {
  // A tracer alone leads here too.
  constexpr bool kBlock = kind == MemoryEventKinds::kBlocks;
  if (!IsObserved(kBlock ? BlockEvents() : ViewEvents())) return;
  AllObservers().NotifyAll(static_cast<uint8_t>(kind), notify);
}

}  // namespace

void NotifyAllocate(MemoryPool* pool, const void* ptr, int64_t size, int64_t alignment) {
  if (unseen_event_scopes != 0) return;
  ProbeAllocate(ptr, size, alignment, pool, Label::Current().name());
  NotifyAll<MemoryEventKinds::kBlocks>(
      [=](MemoryObserver* o) { o->OnAllocate(pool, ptr, size, alignment); });
}

void NotifyReallocating(MemoryPool* pool, const void* old_ptr, int64_t old_size) {
  if (unseen_event_scopes != 0) return;
  NotifyAll<MemoryEventKinds::kBlocks>(
      [=](MemoryObserver* o) { o->OnReallocating(pool, old_ptr, old_size); });
}

void NotifyReallocate(MemoryPool* pool, const void* old_ptr, const void* new_ptr, int64_t old_size,
                      int64_t new_size, int64_t alignment) {
  if (unseen_event_scopes != 0) return;
  ProbeReallocate(old_ptr, new_ptr, old_size, new_size, pool);
  NotifyAll<MemoryEventKinds::kBlocks>([=](MemoryObserver* o) {
    o->OnReallocate(pool, old_ptr, new_ptr, old_size, new_size, alignment);
  });
}

void NotifyFree(MemoryPool* pool, const void* ptr, int64_t size) {
  if (unseen_event_scopes != 0) return;
  ProbeFree(ptr, size, pool);
  NotifyAll<MemoryEventKinds::kBlocks>([=](MemoryObserver* o) { o->OnFree(pool, ptr, size); });
}

void NotifySlice(const Buffer* slice, const Buffer* root, int64_t offset, int64_t size) {
  ProbeSlice(slice, root, offset, size);
  NotifyAll<MemoryEventKinds::kViews>(
      [=](MemoryObserver* o) { o->OnSlice(slice, root, offset, size); });
}

void NotifySliceRelease(const Buffer* slice, const Buffer* root) {
  ProbeSliceRelease(slice, root);
  NotifyAll<MemoryEventKinds::kViews>([=](MemoryObserver* o) { o->OnSliceRelease(slice, root); });
}

void NotifyRootRelease(const Buffer* root, const void* data, int64_t size) {
  ProbeRootRelease(root, data, size);
  NotifyAll<MemoryEventKinds::kViews>(
      [=](MemoryObserver* o) { o->OnRootRelease(root, data, size); });
}

void NotifySourceNote(const SourceNote& note) {
  NotifyAll<MemoryEventKinds::kViews>([&note](MemoryObserver* o) { o->OnSourceNote(note); });
}

}  // namespace internal

void AddMemoryObserver(MemoryObserver* observer, MemoryEventKinds kinds) {
  internal::AllObservers().Add(observer, static_cast<uint8_t>(kinds), internal::SetSwitches);
}

void RemoveMemoryObserver(MemoryObserver* observer) noexcept {
  internal::AllObservers().Remove(observer, internal::SetSwitches);
}

}  // namespace alkaid
