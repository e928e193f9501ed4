// The order of fork handlers.
//
// libalkaid.so takes the locks of its tables before a fork. A handler of the program that runs
// after that may wait for threads that allocate, and those would wait for the locks: a deadlock.
// The C library runs the last registered handlers first. So the library's handlers are registered
// before any of the program's: they run when all others have prepared, just before the C library
// takes its own locks.
//
// Only the allocator's handlers are registered earlier: its locks must be taken after the
// library's, since a thread may allocate while it holds one of the library's.
//
// Ownership: none. Threads: any. Out of memory: as the C library's.

#include <dlfcn.h>

#include <atomic>

#include "alkaid/heap/tracking/malloc_events_internal.h"
#include "preload/next_allocator_internal.h"

namespace {

using Handler = void();
using RegisterFunction = int(Handler*, Handler*, Handler*, void*);

bool IsTheLibrarys(const void* function) {
  Dl_info info = {};
  Dl_info own = {};
  return dladdr(function, &info) != 0 &&
         dladdr(reinterpret_cast<const void*>(&alkaid_track_malloc), &own) != 0 &&
         info.dli_fbase == own.dli_fbase;
}

// Whether it belongs to the allocator or to libalkaid.so.
bool ComesBefore(const void* handler) {
  return alkaid::heap::preload::IsNextAllocators(handler) || IsTheLibrarys(handler);
}

constinit std::atomic<bool> guarded{false};

}  // namespace

// The function that pthread_atfork calls; each library has its own copy of pthread_atfork.
// NOLINTNEXTLINE(bugprone-reserved-identifier): that is its name
extern "C" ALKAID_EXPORT int __register_atfork(Handler* prepare, Handler* parent, Handler* child,
                                               void* library) {
  static constinit std::atomic<RegisterFunction*> next_register{nullptr};
  RegisterFunction* next = next_register.load(std::memory_order_relaxed);
  if (next == nullptr) {
    next = reinterpret_cast<RegisterFunction*>(
        alkaid::heap::preload::NextDefinition("__register_atfork"));
    next_register.store(next, std::memory_order_relaxed);
  }
  Handler* const any = prepare != nullptr ? prepare : parent != nullptr ? parent : child;
  const void* const handler = reinterpret_cast<const void*>(any);
  if (!ComesBefore(handler) && !guarded.exchange(true)) alkaid_track_guard_forks();
  return next(prepare, parent, child, library);
}
