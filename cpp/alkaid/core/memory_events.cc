#include "alkaid/core/memory_events.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "alkaid/base/fork_guard.h"

namespace alkaid {
namespace internal {

constinit std::atomic<bool> memory_events_on{false};

namespace {

struct Observers {
  ForkGuarded<std::shared_mutex> lock;
  std::vector<MemoryObserver*> list;
};

Observers& AllObservers() {
  static Observers* const observers =
      new Observers;  // never destroyed: static destructors free memory
  return *observers;
}

// Keeps what an observer itself allocates from being told to observers, which would not end.
constinit thread_local bool inside_observer __attribute__((tls_model("initial-exec"))) = false;

template <typename Tell>
void TellAll(Tell tell) {
  if (inside_observer) return;
  inside_observer = true;
  {
    Observers& observers = AllObservers();
    const std::shared_lock guard(observers.lock);
    for (MemoryObserver* observer : observers.list) tell(observer);
  }
  inside_observer = false;
}

}  // namespace

void EmitAllocate(MemoryPool* pool, const void* ptr, int64_t size, int64_t alignment) {
  TellAll([=](MemoryObserver* o) { o->OnAllocate(pool, ptr, size, alignment); });
}

void EmitReallocating(MemoryPool* pool, const void* old_ptr, int64_t old_size) {
  TellAll([=](MemoryObserver* o) { o->OnReallocating(pool, old_ptr, old_size); });
}

void EmitReallocate(MemoryPool* pool, const void* old_ptr, const void* new_ptr, int64_t old_size,
                    int64_t new_size, int64_t alignment) {
  TellAll([=](MemoryObserver* o) {
    o->OnReallocate(pool, old_ptr, new_ptr, old_size, new_size, alignment);
  });
}

void EmitFree(MemoryPool* pool, const void* ptr, int64_t size) {
  TellAll([=](MemoryObserver* o) { o->OnFree(pool, ptr, size); });
}

void EmitSlice(const Buffer* slice, const Buffer* root, int64_t offset, int64_t size) {
  TellAll([=](MemoryObserver* o) { o->OnSlice(slice, root, offset, size); });
}

void EmitSliceRelease(const Buffer* slice, const Buffer* root) {
  TellAll([=](MemoryObserver* o) { o->OnSliceRelease(slice, root); });
}

void EmitRootRelease(const Buffer* root, const void* data, int64_t size) {
  TellAll([=](MemoryObserver* o) { o->OnRootRelease(root, data, size); });
}

}  // namespace internal

void AddMemoryObserver(MemoryObserver* observer) {
  internal::Observers& observers = internal::AllObservers();
  const std::lock_guard guard(observers.lock);
  if (std::ranges::find(observers.list, observer) == observers.list.end()) {
    observers.list.push_back(observer);
  }
  internal::memory_events_on.store(true, std::memory_order_relaxed);
}

void RemoveMemoryObserver(MemoryObserver* observer) {
  internal::Observers& observers = internal::AllObservers();
  const std::lock_guard guard(observers.lock);
  std::erase(observers.list, observer);
  internal::memory_events_on.store(!observers.list.empty(), std::memory_order_relaxed);
}

}  // namespace alkaid
