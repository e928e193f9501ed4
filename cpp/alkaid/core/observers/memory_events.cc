#include "alkaid/core/observers/memory_events.h"

#include "alkaid/core/observers/label.h"
#include "alkaid/core/observers/listener_list_internal.h"
#include "alkaid/core/observers/unseen_events.h"

namespace alkaid {
namespace internal {

constinit thread_local uint32_t unseen_event_scopes __attribute__((tls_model("initial-exec"))) = 0;

namespace {

constexpr auto kBlocks = static_cast<uint8_t>(MemoryEventKinds::kBlocks);
constexpr auto kViews = static_cast<uint8_t>(MemoryEventKinds::kViews);

constinit thread_local TellingThread telling_thread
    __attribute__((tls_model("initial-exec"))) = {nullptr, {0, 0}, 0};

TellingThread& ThisThread() { return telling_thread; }

using MemoryListeners = ListenerList<MemoryObserver, ThisThread>;

MemoryListeners& AllListeners() {
  // Never destroyed: destructors of static objects free memory.
  static MemoryListeners* const all = new MemoryListeners;
  return *all;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { AllListeners(); }

void SetSwitches(const MemoryListeners::Listeners& listeners) {
  SetObserved(BlockEvents(), MemoryListeners::AnybodyWants(listeners, kBlocks));
  SetObserved(ViewEvents(), MemoryListeners::AnybodyWants(listeners, kViews));
}

template <MemoryEventKinds kind, typename Tell>
void TellAll(Tell tell) {
  // A tracer alone leads here too.
  constexpr bool kBlock = kind == MemoryEventKinds::kBlocks;
  if (!IsObserved(kBlock ? BlockEvents() : ViewEvents())) return;
  AllListeners().TellAll(static_cast<uint8_t>(kind), tell);
}

}  // namespace

void EmitAllocate(MemoryPool* pool, const void* ptr, int64_t size, int64_t alignment) {
  if (unseen_event_scopes != 0) return;
  ProbeAllocate(ptr, size, alignment, pool, Label::Current().name());
  TellAll<MemoryEventKinds::kBlocks>(
      [=](MemoryObserver* o) { o->OnAllocate(pool, ptr, size, alignment); });
}

void EmitReallocating(MemoryPool* pool, const void* old_ptr, int64_t old_size) {
  if (unseen_event_scopes != 0) return;
  TellAll<MemoryEventKinds::kBlocks>(
      [=](MemoryObserver* o) { o->OnReallocating(pool, old_ptr, old_size); });
}

void EmitReallocate(MemoryPool* pool, const void* old_ptr, const void* new_ptr, int64_t old_size,
                    int64_t new_size, int64_t alignment) {
  if (unseen_event_scopes != 0) return;
  ProbeReallocate(old_ptr, new_ptr, old_size, new_size, pool);
  TellAll<MemoryEventKinds::kBlocks>([=](MemoryObserver* o) {
    o->OnReallocate(pool, old_ptr, new_ptr, old_size, new_size, alignment);
  });
}

void EmitFree(MemoryPool* pool, const void* ptr, int64_t size) {
  if (unseen_event_scopes != 0) return;
  ProbeFree(ptr, size, pool);
  TellAll<MemoryEventKinds::kBlocks>([=](MemoryObserver* o) { o->OnFree(pool, ptr, size); });
}

void EmitSlice(const Buffer* slice, const Buffer* root, int64_t offset, int64_t size) {
  ProbeSlice(slice, root, offset, size);
  TellAll<MemoryEventKinds::kViews>(
      [=](MemoryObserver* o) { o->OnSlice(slice, root, offset, size); });
}

void EmitSliceRelease(const Buffer* slice, const Buffer* root) {
  ProbeSliceRelease(slice, root);
  TellAll<MemoryEventKinds::kViews>([=](MemoryObserver* o) { o->OnSliceRelease(slice, root); });
}

void EmitRootRelease(const Buffer* root, const void* data, int64_t size) {
  ProbeRootRelease(root, data, size);
  TellAll<MemoryEventKinds::kViews>([=](MemoryObserver* o) { o->OnRootRelease(root, data, size); });
}

void EmitSourceNote(const SourceNote& note) {
  TellAll<MemoryEventKinds::kViews>([&note](MemoryObserver* o) { o->OnSourceNote(note); });
}

}  // namespace internal

void AddMemoryObserver(MemoryObserver* observer, MemoryEventKinds kinds) {
  internal::AllListeners().Add(observer, static_cast<uint8_t>(kinds), internal::SetSwitches);
}

void RemoveMemoryObserver(MemoryObserver* observer) noexcept {
  internal::AllListeners().Remove(observer, internal::SetSwitches);
}

}  // namespace alkaid
