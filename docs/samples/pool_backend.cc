// A backend of the program's own, which users then choose by name.
#include <alkaid/core/memory.h>
#include <alkaid/core/pools/base_memory_pool.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>

using alkaid::Status;

class AlignedAllocAllocator {
 public:
  Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    // aligned_alloc wants a whole number of alignments.
    const int64_t granted = (size + alignment - 1) / alignment * alignment;
    void* block = std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(granted));
    if (block == nullptr) return alkaid::status::OutOfMemory("aligned_alloc of ", size, " bytes");
    *out = static_cast<uint8_t*>(block);
    return absl::OkStatus();
  }
  Status ReallocateAligned(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
    uint8_t* block = nullptr;
    ALKAID_RETURN_NOT_OK(AllocateAligned(new_size, alignment, &block));
    std::memcpy(block, *ptr, static_cast<size_t>(std::min(old_size, new_size)));
    std::free(*ptr);
    *ptr = block;
    return absl::OkStatus();
  }
  void DeallocateAligned(uint8_t* ptr, int64_t /*size*/, int64_t /*alignment*/) { std::free(ptr); }
  void ReleaseUnused() {}
  void PrintStats() {}
  std::string name() const { return "aligned_alloc"; }
};

using AlignedAllocPool = alkaid::BaseMemoryPoolImpl<AlignedAllocAllocator>;

int main() {
  // Before the first use of the default pool.
  const Status registered = alkaid::RegisterMemoryBackend(
      "aligned_alloc", [] { return std::make_unique<AlignedAllocPool>(); }, "C11");
  if (!registered.ok()) return 1;

  auto pool = alkaid::CreateMemoryPool("aligned_alloc");
  if (!pool.ok()) return 1;
  auto buffer = alkaid::AllocateBuffer(100, pool->get());
  if (!buffer.ok()) return 1;
  std::cout << (*pool)->backend_name() << ": " << (*pool)->bytes_allocated() << " bytes live\n";

  std::cout << alkaid::ChosenDefaultMemoryBackend().name
            << " serves the default pool: " << alkaid::ChosenDefaultMemoryBackend().reason << "\n";
}
