#include "alkaid/core/pools/checked_allocation.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace alkaid::internal {

Status NotABlock(const MemoryPool& pool, const char* what, const uint8_t* block, int64_t size,
                 int64_t alignment) try {
  const std::string given = block == nullptr
                                ? "no block"
                                : absl::StrCat("the misaligned block at 0x",
                                               absl::Hex(reinterpret_cast<uintptr_t>(block)));
  return status::OutOfMemory(what, " ", size, " bytes at alignment ", alignment, ": the pool '",
                             pool.backend_name(), "' answered OK and gave ", given);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status RefuseBlock(MemoryPool* pool, uint8_t* block, int64_t size, int64_t alignment) {
  struct GiveBack {
    ~GiveBack() {
      if (block != nullptr) pool->Free(block, size, alignment);
    }
    MemoryPool* const pool;
    uint8_t* const block;
    const int64_t size, alignment;
  } const give_back{pool, block, size, alignment};
  return NotABlock(*pool, "allocate", block, size, alignment);
}

}  // namespace alkaid::internal
