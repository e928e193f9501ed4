// The allocator that a program would have without libalkaid_malloc.so: for each function the next
// definition in the dynamic linker's search order.
//
// That is the C library's, or an allocator's that the program links or preloads, such as jemalloc.
// All functions come from one allocator. One that it lacks is made from others that it has, so a
// block never gets to an allocator that did not make it.
//
// The first call looks all of them up. The dynamic linker may allocate meanwhile: the thread that
// looks them up then gets blocks from a small store, which takes none back.
//
// A thread that ends the program in the middle of the allocator, as by exit in a signal handler,
// also gets blocks from the store: it may hold the allocator's locks itself. Blocks that it frees
// are kept. If the store is empty it gets blocks from the allocator, as without this library.
//
// Ownership: the functions are the allocator's. Threads: any. Out of memory: the store returns
// null.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace alkaid::heap::preload {

struct NextAllocator {
  void* (*malloc)(size_t);
  void* (*calloc)(size_t, size_t);
  void* (*realloc)(void*, size_t);
  void (*free)(void*);
  void* (*memalign)(size_t, size_t);
  void* (*aligned_alloc)(size_t, size_t);
  int (*posix_memalign)(void**, size_t, size_t);
  void* (*valloc)(size_t);
  size_t (*malloc_usable_size)(void*);
  // Null if the allocator has none.
  void* (*pvalloc)(size_t);
  void (*free_sized)(void*, size_t);
  void (*free_aligned_sized)(void*, size_t, size_t);
  void* (*mallocx)(size_t, int);
  void* (*rallocx)(void*, size_t, int);
  size_t (*xallocx)(void*, size_t, size_t, int);
  void (*dallocx)(void*, int);
  void (*sdallocx)(void*, size_t, int);
};

extern constinit NextAllocator next_allocator;
extern constinit std::atomic<bool> next_allocator_is_known;

// Null for the thread that is looking the functions up, and for one that must leave them alone.
const NextAllocator* LookUpNextAllocator();
// From now on the calling thread must not use them. Allocates nothing.
void LeaveNextAllocatorAlone();

inline const NextAllocator* Next() {
  if (next_allocator_is_known.load(std::memory_order_acquire)) [[likely]]
    return &next_allocator;
  return LookUpNextAllocator();
}

// Whether `function` is in the library that has the next malloc.
bool IsNextAllocators(const void* function);
// The next definition of a function; null if there is none.
void* NextDefinition(const char* name);

// The store takes no memory before it is used.
inline constexpr size_t kStoreBytes = size_t{1} << 20;
extern constinit char store[kStoreBytes];
void* AllocateFromStore(size_t size, size_t alignment);
inline bool IsFromStore(const void* block) {
  return reinterpret_cast<uintptr_t>(block) - reinterpret_cast<uintptr_t>(store) < kStoreBytes;
}
size_t SizeInStore(const void* block);

// Marks the thread as being inside the next allocator, for a scope. An allocator may implement one
// function by another: its calls that come back here are not the program's, and their blocks are
// listed once.
class InNextAllocator {
 public:
  InNextAllocator() : outermost_(!inside_) { inside_ = true; }
  ~InNextAllocator() {
    if (outermost_) inside_ = false;
  }
  InNextAllocator(const InNextAllocator&) = delete;
  InNextAllocator& operator=(const InNextAllocator&) = delete;

  bool outermost() const { return outermost_; }
  // Whether the thread is inside, or has left it by siglongjmp.
  static bool inside() { return inside_; }

 private:
  static constinit thread_local bool inside_ __attribute__((tls_model("initial-exec")));
  const bool outermost_;
};

}  // namespace alkaid::heap::preload
