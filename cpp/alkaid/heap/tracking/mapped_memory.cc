#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "alkaid/heap/tracking/mapped_memory_internal.h"

namespace alkaid::heap {

void* MapMemory(size_t bytes) {
  const int kept = errno;
  void* const start = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  errno = kept;
  return start == MAP_FAILED ? nullptr : start;
}

void UnmapMemory(void* start, size_t bytes) {
  const int kept = errno;
  munmap(start, bytes);
  errno = kept;
}

void ClearMemory(void* start, size_t bytes) {
  const int kept = errno;
  // Locked memory (mlock) cannot be given back.
  if (madvise(start, bytes, MADV_DONTNEED) != 0) std::memset(start, 0, bytes);
  errno = kept;
}

}  // namespace alkaid::heap
