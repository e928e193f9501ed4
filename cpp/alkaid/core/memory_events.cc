#include "alkaid/core/memory_events.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
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
using Listeners = std::vector<Listener>;

// What a thread is doing here: how deep it is inside observers, and in which.
struct Telling {
  MemoryObserver* observer;
  const Telling* outer;
};
struct TellingThread {
  const Telling* innermost;
  uint32_t depth;
  uint32_t slot;  // 1 + the index of its Slot; 0: none yet
};
constinit thread_local TellingThread telling_thread
    __attribute__((tls_model("initial-exec"))) = {nullptr, 0, 0};

bool IsTelling(const MemoryObserver* observer) {
  for (const Telling* telling = telling_thread.innermost; telling; telling = telling->outer) {
    if (telling->observer == observer) return true;
  }
  return false;
}

// Who listens. The list is replaced, never changed, and a thread that reads it counts itself in on a
// cache line that few others share, so telling takes no lock and observers' own locks meet none of
// ours: a thread may fork, and another wait for whatever the forking one holds, while it is inside
// an observer. Whoever removes an observer waits until all that may have seen the old list are out.
class ListenerList {
 public:
  ListenerList() {
    GuardFork([] {}, [] {}, [this] { ForgetOtherThreads(); });
  }

  static ListenerList& Get() {
    static ListenerList* const all = new ListenerList;  // never destroyed: statics free memory
    return *all;
  }

  template <MemoryEventKinds kind, typename Tell>
  void TellAll(Tell tell) {
    TellingThread& thread = telling_thread;
    std::atomic<uint32_t>& readers = OwnSlot(&thread).readers;
    readers.fetch_add(1, std::memory_order_seq_cst);
    ++thread.depth;
    for (const Listener& listener : *current_.load(std::memory_order_seq_cst)) {
      // An observer is not told what it causes itself, which would not end.
      if (!Wants(listener.kinds, kind) || IsTelling(listener.observer)) continue;
      const Telling telling = {listener.observer, thread.innermost};
      thread.innermost = &telling;
      tell(listener.observer);
      thread.innermost = telling.outer;
    }
    --thread.depth;
    readers.fetch_sub(1, std::memory_order_release);
  }

  template <typename Change>
  void Replace(Change change) {
    std::unique_ptr<const Listeners> old;
    {
      const std::lock_guard guard(lock_);
      auto fresh = std::make_unique<Listeners>(*current_.load(std::memory_order_relaxed));
      change(fresh.get());
      SetSwitches(*fresh);
      old.reset(current_.exchange(fresh.release(), std::memory_order_seq_cst));
    }
    WaitForReaders();
  }

 private:
  struct alignas(64) Slot {
    std::atomic<uint32_t> readers{0};
  };
  static constexpr uint32_t kSlots = 64;

  Slot& OwnSlot(TellingThread* thread) {
    if (thread->slot == 0) [[unlikely]] {
      thread->slot = 1 + next_slot_.fetch_add(1, std::memory_order_relaxed) % kSlots;
    }
    return slots_[thread->slot - 1];
  }

  static void SetSwitches(const Listeners& listeners) {
    const auto anybody = [&listeners](MemoryEventKinds kind) {
      return std::ranges::any_of(listeners,
                                 [kind](const Listener& l) { return Wants(l.kinds, kind); });
    };
    SetObserved(BlockEvents(), anybody(MemoryEventKinds::kBlocks));
    SetObserved(ViewEvents(), anybody(MemoryEventKinds::kViews));
  }

  // Each slot is empty at some moment: its threads are outside most of the time.
  void WaitForReaders() {
    for (Slot& slot : slots_) {
      while (slot.readers.load(std::memory_order_seq_cst) != 0) sched_yield();
    }
  }

  // In a forked child, where this is the only thread.
  void ForgetOtherThreads() {
    for (Slot& slot : slots_) slot.readers.store(0, std::memory_order_relaxed);
    OwnSlot(&telling_thread).readers.store(telling_thread.depth, std::memory_order_relaxed);
  }

  ForkGuarded<std::mutex> lock_;  // of whoever changes the list; never held while one is told
  std::atomic<const Listeners*> current_{new Listeners};
  std::atomic<uint32_t> next_slot_{0};
  std::array<Slot, kSlots> slots_;
};

template <MemoryEventKinds kind, typename Tell>
void TellAll(Tell tell) {
  // A tracer alone opens the way here too.
  constexpr bool kBlock = kind == MemoryEventKinds::kBlocks;
  if (!IsObserved(kBlock ? BlockEvents() : ViewEvents())) return;
  ListenerList::Get().TellAll<kind>(tell);
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
  internal::ListenerList::Get().Replace([observer, kinds](auto* listeners) {
    const auto known = std::ranges::find(*listeners, observer, &internal::Listener::observer);
    if (known == listeners->end()) listeners->push_back({observer, kinds});
  });
}

void RemoveMemoryObserver(MemoryObserver* observer) {
  internal::ListenerList::Get().Replace([observer](auto* listeners) {
    std::erase_if(*listeners,
                  [observer](const internal::Listener& l) { return l.observer == observer; });
  });
}

}  // namespace alkaid
