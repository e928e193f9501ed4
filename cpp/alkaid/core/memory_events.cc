#include "alkaid/core/memory_events.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "alkaid/base/fork_guard.h"
#include "alkaid/core/label.h"

namespace alkaid {
namespace internal {

namespace {

bool Wants(MemoryEventKinds kinds, MemoryEventKinds kind) {
  return (static_cast<int>(kinds) & static_cast<int>(kind)) != 0;
}

struct Listener {
  MemoryObserver* observer;
  MemoryEventKinds kinds;
};

struct Observers {
  ForkGuarded<std::shared_mutex> lock;
  std::vector<Listener> list;

  // Under the lock.
  void SetSwitches() const {
    const auto anybody = [this](MemoryEventKinds kind) {
      return std::ranges::any_of(list, [kind](const Listener& l) { return Wants(l.kinds, kind); });
    };
    SetObserved(BlockEvents(), anybody(MemoryEventKinds::kBlocks));
    SetObserved(ViewEvents(), anybody(MemoryEventKinds::kViews));
  }
};

Observers& AllObservers() {
  static Observers* const observers =
      new Observers;  // never destroyed: static destructors free memory
  return *observers;
}

// Keeps what an observer itself allocates from being told to observers, which would not end.
constinit thread_local bool inside_observer __attribute__((tls_model("initial-exec"))) = false;

template <MemoryEventKinds kind, typename Tell>
void TellAll(Tell tell) {
  // A tracer alone opens the way here too.
  constexpr bool kBlock = kind == MemoryEventKinds::kBlocks;
  if (!IsObserved(kBlock ? BlockEvents() : ViewEvents())) return;
  if (inside_observer) return;
  inside_observer = true;
  {
    Observers& observers = AllObservers();
    const std::shared_lock guard(observers.lock);
    for (const Listener& listener : observers.list) {
      if (Wants(listener.kinds, kind)) tell(listener.observer);
    }
  }
  inside_observer = false;
}

}  // namespace

void EmitAllocate(MemoryPool* pool, const void* ptr, int64_t size, int64_t alignment) {
  ProbeAllocate(ptr, size, alignment, pool, Label::Current().name());
  TellAll<MemoryEventKinds::kBlocks>(
      [=](MemoryObserver* o) { o->OnAllocate(pool, ptr, size, alignment); });
}

void EmitReallocating(MemoryPool* pool, const void* old_ptr, int64_t old_size) {
  TellAll<MemoryEventKinds::kBlocks>(
      [=](MemoryObserver* o) { o->OnReallocating(pool, old_ptr, old_size); });
}

void EmitReallocate(MemoryPool* pool, const void* old_ptr, const void* new_ptr, int64_t old_size,
                    int64_t new_size, int64_t alignment) {
  ProbeReallocate(old_ptr, new_ptr, old_size, new_size, pool);
  TellAll<MemoryEventKinds::kBlocks>([=](MemoryObserver* o) {
    o->OnReallocate(pool, old_ptr, new_ptr, old_size, new_size, alignment);
  });
}

void EmitFree(MemoryPool* pool, const void* ptr, int64_t size) {
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

}  // namespace internal

void AddMemoryObserver(MemoryObserver* observer, MemoryEventKinds kinds) {
  internal::Observers& observers = internal::AllObservers();
  const std::lock_guard guard(observers.lock);
  const auto known = std::ranges::find(observers.list, observer, &internal::Listener::observer);
  if (known == observers.list.end()) observers.list.push_back({observer, kinds});
  observers.SetSwitches();
}

void RemoveMemoryObserver(MemoryObserver* observer) {
  internal::Observers& observers = internal::AllObservers();
  const std::lock_guard guard(observers.lock);
  std::erase_if(observers.list,
                [observer](const internal::Listener& l) { return l.observer == observer; });
  observers.SetSwitches();
}

}  // namespace alkaid
