#include <dlfcn.h>
#include <gnu/libc-version.h>

#include <cstddef>
#include <cstring>

#include "alkaid/heap/tracking/malloc_events_internal.h"
#include "preload/next_allocator_internal.h"

namespace alkaid::heap::preload {

constinit NextAllocator next_allocator = {};
constinit std::atomic<bool> next_allocator_is_known{false};
alignas(16) constinit char store[kStoreBytes] = {};
constinit thread_local bool InNextAllocator::inside_ = false;

namespace {

constinit thread_local bool looking_up __attribute__((tls_model("initial-exec"))) = false;
constinit thread_local bool leaves_alone __attribute__((tls_model("initial-exec"))) = false;
constinit std::atomic<bool> all_are_found{false};
constinit std::atomic<size_t> store_used{0};

const void* LibraryOf(const void* function) {
  Dl_info info = {};
  return function != nullptr && dladdr(function, &info) != 0 ? info.dli_fbase : nullptr;
}

// Functions that an allocator lacks, made from the ones that it has.
void* MemalignByPosix(size_t alignment, size_t size) {
  void* block = nullptr;
  const size_t least = alignment < sizeof(void*) ? sizeof(void*) : alignment;
  return next_allocator.posix_memalign(&block, least, size) == 0 ? block : nullptr;
}
void* VallocByPosix(size_t size) { return MemalignByPosix(4096, size); }

// Looks up a function in the library that has malloc; null if it has none.
template <typename Function>
void Find(const char* name, const void* library, Function** function) {
  void* const found = NextDefinition(name);
  const bool same = found != nullptr && LibraryOf(found) == library;
  *function = same ? reinterpret_cast<Function*>(found) : nullptr;
}

// Looks it up there or elsewhere: without this library, a program would also get the other one.
template <typename Function>
void FindAnywhere(const char* name, const void* library, Function** function) {
  Find(name, library, function);
  if (*function == nullptr) *function = reinterpret_cast<Function*>(NextDefinition(name));
}

void FindAll() {
  NextAllocator& next = next_allocator;
  next.malloc = reinterpret_cast<void* (*)(size_t)>(NextDefinition("malloc"));
  const void* const library = LibraryOf(reinterpret_cast<const void*>(next.malloc));
  FindAnywhere("calloc", library, &next.calloc);
  FindAnywhere("realloc", library, &next.realloc);
  FindAnywhere("free", library, &next.free);
  FindAnywhere("malloc_usable_size", library, &next.malloc_usable_size);
  FindAnywhere("posix_memalign", library, &next.posix_memalign);
  const bool has_posix = LibraryOf(reinterpret_cast<const void*>(next.posix_memalign)) == library;
  Find("memalign", library, &next.memalign);
  Find("aligned_alloc", library, &next.aligned_alloc);
  Find("valloc", library, &next.valloc);
  if (has_posix && next.memalign == nullptr) next.memalign = MemalignByPosix;
  if (has_posix && next.valloc == nullptr) next.valloc = VallocByPosix;
  if (next.memalign == nullptr) FindAnywhere("memalign", library, &next.memalign);
  if (next.aligned_alloc == nullptr) next.aligned_alloc = next.memalign;
  if (next.valloc == nullptr) FindAnywhere("valloc", library, &next.valloc);
  Find("pvalloc", library, &next.pvalloc);
  Find("free_sized", library, &next.free_sized);
  Find("free_aligned_sized", library, &next.free_aligned_sized);
  Find("mallocx", library, &next.mallocx);
  Find("rallocx", library, &next.rallocx);
  Find("xallocx", library, &next.xallocx);
  Find("dallocx", library, &next.dallocx);
  Find("sdallocx", library, &next.sdallocx);
  if (library != LibraryOf(reinterpret_cast<const void*>(&gnu_get_libc_version))) {
    alkaid_track_no_libc_malloc(reinterpret_cast<const void*>(next.malloc));
  }
}

// calloc's memory is zero, as the store's is.
void* AllocateBeyondStore(size_t size, size_t alignment) {
  if (!leaves_alone) return nullptr;
  if (alignment <= alignof(std::max_align_t)) return next_allocator.calloc(1, size);
  return next_allocator.memalign(alignment, size);
}

}  // namespace

void* NextDefinition(const char* name) { return dlsym(RTLD_NEXT, name); }

bool IsNextAllocators(const void* function) {
  const void* const library = LibraryOf(function);
  return library != nullptr &&
         library == LibraryOf(reinterpret_cast<const void*>(next_allocator.malloc));
}

// Threads that come here at the same time find the same functions.
const NextAllocator* LookUpNextAllocator() {
  if (looking_up || leaves_alone) return nullptr;
  // Another thread leaves the functions alone; this one may use them.
  if (all_are_found.load(std::memory_order_acquire)) return &next_allocator;
  looking_up = true;
  FindAll();
  dlerror();  // cleared: a missing function is not the program's error
  all_are_found.store(true, std::memory_order_release);
  next_allocator_is_known.store(true, std::memory_order_release);
  looking_up = false;
  return &next_allocator;
}

// From now on every call goes through LookUpNextAllocator: the fast path does not check the thread.
void LeaveNextAllocatorAlone() {
  if (!all_are_found.load(std::memory_order_acquire)) return;
  leaves_alone = true;
  next_allocator_is_known.store(false, std::memory_order_release);
}

void* AllocateFromStore(size_t size, size_t alignment) {
  // The size is stored in the 16 bytes before the block.
  constexpr size_t kHead = 16;
  if (alignment < kHead) alignment = kHead;
  if (size > kStoreBytes || alignment > kStoreBytes) return AllocateBeyondStore(size, alignment);
  const size_t bytes = kHead + alignment + (size + kHead - 1) / kHead * kHead;
  const size_t start = store_used.fetch_add(bytes, std::memory_order_relaxed);
  if (start > kStoreBytes || bytes > kStoreBytes - start) {
    return AllocateBeyondStore(size, alignment);
  }
  const auto place = reinterpret_cast<uintptr_t>(store + start) + kHead;
  char* const block = reinterpret_cast<char*>((place + alignment - 1) / alignment * alignment);
  std::memcpy(block - sizeof(size), &size, sizeof(size));
  return block;
}

size_t SizeInStore(const void* block) {
  size_t size;
  std::memcpy(&size, static_cast<const char*>(block) - sizeof(size), sizeof(size));
  return size;
}

// Before any other thread: later the lookup could wait for a lock of the dynamic linker.
[[gnu::constructor]] static void LookUpAtLoad() { Next(); }

}  // namespace alkaid::heap::preload
