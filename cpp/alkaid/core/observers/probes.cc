#include "alkaid/core/observers/probes.h"

#if ALKAID_HAVE_USDT
#define _SDT_HAS_SEMAPHORES 1  // sys/sdt.h asks for it
#include <sys/sdt.h>

// Each tracepoint's note names its semaphore by this form; several share one switch. A switch lies
// in a section that has bytes in the file, because a tracer passes the kernel the semaphore's
// offset in the file.
asm(".set alkaid_allocate_semaphore, alkaid_block_events\n"
    ".set alkaid_reallocate_semaphore, alkaid_block_events\n"
    ".set alkaid_free_semaphore, alkaid_block_events\n"
    ".set alkaid_slice_semaphore, alkaid_view_events\n"
    ".set alkaid_slice_release_semaphore, alkaid_view_events\n"
    ".set alkaid_root_release_semaphore, alkaid_view_events\n");
extern "C" {
#define ALKAID_SEMAPHORE(name) \
  extern __attribute__((visibility("hidden"))) uint16_t alkaid_##name##_semaphore
ALKAID_SEMAPHORE(allocate);
ALKAID_SEMAPHORE(reallocate);
ALKAID_SEMAPHORE(free);
ALKAID_SEMAPHORE(slice);
ALKAID_SEMAPHORE(slice_release);
ALKAID_SEMAPHORE(root_release);
#undef ALKAID_SEMAPHORE
}
#else
#define STAP_PROBE2(provider, name, a, b) static_cast<void>(a), static_cast<void>(b)
#define STAP_PROBE3(provider, name, a, b, c) STAP_PROBE2(provider, name, a, b), static_cast<void>(c)
#define STAP_PROBE4(provider, name, a, b, c, d) \
  STAP_PROBE3(provider, name, a, b, c), static_cast<void>(d)
#define STAP_PROBE5(provider, name, a, b, c, d, e) \
  STAP_PROBE4(provider, name, a, b, c, d), static_cast<void>(e)
#endif

extern "C" {
extern ALKAID_EXPORT uint32_t alkaid_block_events;
extern ALKAID_EXPORT uint32_t alkaid_view_events;
__attribute__((section(".probes"), used)) uint32_t alkaid_block_events = 0;
__attribute__((section(".probes"), used)) uint32_t alkaid_view_events = 0;
}

namespace alkaid::internal {
namespace {

// The half that is not the semaphore. The kernel writes the semaphore as 16 bits at the word's
// address.
uint16_t* ObserversHalf(uint32_t* events) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return reinterpret_cast<uint16_t*>(events) + 1;
#else
#error "the semaphore is the lower half of the word on little-endian machines only"
#endif
}

}  // namespace

void SetObserved(uint32_t* events, bool observed) {
  __atomic_store_n(ObserversHalf(events), observed ? uint16_t{1} : uint16_t{0}, __ATOMIC_RELAXED);
}

bool IsObserved(const uint32_t* events) {
  return __atomic_load_n(ObserversHalf(const_cast<uint32_t*>(events)), __ATOMIC_RELAXED) != 0;
}

bool ProbesAreBuiltIn() { return ALKAID_HAVE_USDT != 0; }

void ProbeAllocate(const void* ptr, int64_t size, int64_t alignment, const void* pool,
                   const char* label) {
  STAP_PROBE5(alkaid, allocate, ptr, size, alignment, pool, label);
}
void ProbeReallocate(const void* old_ptr, const void* new_ptr, int64_t old_size, int64_t new_size,
                     const void* pool) {
  STAP_PROBE5(alkaid, reallocate, old_ptr, new_ptr, old_size, new_size, pool);
}
void ProbeFree(const void* ptr, int64_t size, const void* pool) {
  STAP_PROBE3(alkaid, free, ptr, size, pool);
}
void ProbeSlice(const void* slice, const void* root, int64_t offset, int64_t size) {
  STAP_PROBE4(alkaid, slice, slice, root, offset, size);
}
void ProbeSliceRelease(const void* slice, const void* root) {
  STAP_PROBE2(alkaid, slice_release, slice, root);
}
void ProbeRootRelease(const void* root, const void* data, int64_t size) {
  STAP_PROBE3(alkaid, root_release, root, data, size);
}

}  // namespace alkaid::internal
