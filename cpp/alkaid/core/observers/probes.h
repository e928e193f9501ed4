// The switches that guard the memory events, and the static tracepoints (USDT) that they guard.
//
// A switch is one word, which the unobserved path loads and finds zero. Its lower half belongs to
// the kernel: it is the semaphore of the tracepoints, which perf, bpftrace and the like increment
// while they listen. Its upper half belongs to this process's own observers. So a tracer and an
// observer open the same branch, and neither costs anything while nothing observes.
//
// The kernel counts in the library's own copy of the word. Code that was compiled into a program
// must read that copy too, not one that the linker made in the program's data, so the address comes
// from the global offset table.
//
// Provider `alkaid`; all arguments are 64-bit integers or addresses, sizes in bytes:
//
//   allocate(ptr, size, alignment, pool, label)     after the allocator or guarded slot gave it
//   reallocate(old_ptr, new_ptr, old_size, new_size, pool)   after; new is old if it was refused
//   free(ptr, size, pool)                           before the block is given back
//   slice(slice, root, offset, size)                a new slice; offset from the root's start
//   slice_release(slice, root)                      a slice is destroyed
//   root_release(root, data, size)                  a root buffer is destroyed
//
// `label` is the address of a zero-terminated text that lives as long as the library; "" is no
// label. `pool` is the MemoryPool's address.
//
// Threads: a switch is read without order. Out of memory: nothing here allocates.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// The switch of allocations, reallocations and frees, and the switch of slices and releases.
inline uint32_t* BlockEvents();
inline uint32_t* ViewEvents();

// ALKAID_WITHOUT_MEMORY_EVENTS leaves the branches out: for a library to compare with, which cannot
// be observed. Otherwise a test is two instructions and the branch. It is written in assembly
// because compilers make three of an atomic load and a comparison.
#if defined(ALKAID_WITHOUT_MEMORY_EVENTS)
inline constexpr bool BlockEventsOn() { return false; }
inline constexpr bool ViewEventsOn() { return false; }
#elif defined(__x86_64__)
inline bool BlockEventsOn() {
  bool on;
  asm volatile("cmp{l $0, (%1)| DWORD PTR [%1], 0}" : "=@ccnz"(on) : "r"(BlockEvents()));
  return on;
}
inline bool ViewEventsOn() {
  bool on;
  asm volatile("cmp{l $0, (%1)| DWORD PTR [%1], 0}" : "=@ccnz"(on) : "r"(ViewEvents()));
  return on;
}
#else
inline bool BlockEventsOn() { return __atomic_load_n(BlockEvents(), __ATOMIC_RELAXED) != 0; }
inline bool ViewEventsOn() { return __atomic_load_n(ViewEvents(), __ATOMIC_RELAXED) != 0; }
#endif

// Sets the upper half of a switch: whether an observer of this process listens.
ALKAID_EXPORT void SetObserved(uint32_t* events, bool observed);
ALKAID_EXPORT bool IsObserved(const uint32_t* events);

// Whether this build contains the tracepoints. Without them the switches work for observers.
ALKAID_EXPORT bool ProbesAreBuiltIn();

// The tracepoints themselves; nothing happens while nothing observes.
void ProbeAllocate(const void* ptr, int64_t size, int64_t alignment, const void* pool,
                   const char* label);
void ProbeReallocate(const void* old_ptr, const void* new_ptr, int64_t old_size, int64_t new_size,
                     const void* pool);
void ProbeFree(const void* ptr, int64_t size, const void* pool);
void ProbeSlice(const void* slice, const void* root, int64_t offset, int64_t size);
void ProbeSliceRelease(const void* slice, const void* root);
void ProbeRootRelease(const void* root, const void* data, int64_t size);

#if defined(__x86_64__)
inline uint32_t* BlockEvents() {
  uint32_t* events;
  asm("mov{q alkaid_block_events@GOTPCREL(%%rip), %0| %0, alkaid_block_events@GOTPCREL[rip]}"
      : "=r"(events));
  return events;
}
inline uint32_t* ViewEvents() {
  uint32_t* events;
  asm("mov{q alkaid_view_events@GOTPCREL(%%rip), %0| %0, alkaid_view_events@GOTPCREL[rip]}"
      : "=r"(events));
  return events;
}
#else
extern "C" ALKAID_EXPORT uint32_t alkaid_block_events;
extern "C" ALKAID_EXPORT uint32_t alkaid_view_events;
inline uint32_t* BlockEvents() { return &alkaid_block_events; }
inline uint32_t* ViewEvents() { return &alkaid_view_events; }
#endif

}  // namespace alkaid::internal
