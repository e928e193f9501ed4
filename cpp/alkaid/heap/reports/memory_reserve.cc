#include <sys/mman.h>

#include "alkaid/heap/reports/memory_reserve_internal.h"

namespace alkaid::heap {
namespace {

constexpr size_t kHalvings = 0xfff;  // below the size of a page

size_t BytesOf(size_t mapping) {
  return mapping == 0 ? 0 : MemoryReserve::kBytes >> (mapping & kHalvings);
}

void Unmap(size_t mapping) {
  if (mapping != 0) ::munmap(reinterpret_cast<void*>(mapping & ~kHalvings), BytesOf(mapping));
}

}  // namespace

void MemoryReserve::SetAside() {
  if (mapping_.load(std::memory_order_relaxed) != 0) return;
  for (size_t halvings = 0; kBytes >> halvings >= kMin; ++halvings) {
    const size_t bytes = kBytes >> halvings;
    // Maps twice as much, to check that as much is left for others.
    void* const start = ::mmap(nullptr, 2 * bytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) continue;
    ::munmap(static_cast<char*>(start) + bytes, bytes);
    Unmap(mapping_.exchange(reinterpret_cast<size_t>(start) | halvings));
    return;
  }
}

void MemoryReserve::LetGo() { Unmap(mapping_.exchange(0)); }

size_t MemoryReserve::bytes() const { return BytesOf(mapping_.load()); }

}  // namespace alkaid::heap
