// The debug mode of pools: ALKAID_DEBUG_MEMORY_POOL = abort | trap | warn | none.
//
// A block gets 16 bytes more than were asked for, and right behind its last byte (not behind any
// padding) a canary that also encodes the block's size. Free and reallocate check it: a write past
// the end and a wrong size are both found there.
#pragma once

#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::internal {

// Whether the mode is on; read from the environment once. An unknown value is reported on stderr
// and means off.
ALKAID_EXPORT bool MemoryDebugOn();

// Reports a fault as the mode says: abort() and trap do not return, warn writes to stderr and does.
ALKAID_EXPORT void ReportMemoryFault(const char* what);

// The same in the words that `describe` makes. Faults are found in Free and in destructors, which
// must not throw: one for whose words there is no memory is reported without them.
template <typename Describe>
void ReportMemoryFaultAs(const Describe& describe) {
  try {
    const std::string what = describe();
    ReportMemoryFault(what.c_str());
  } catch (const std::bad_alloc&) {
    ReportMemoryFault("found at a free or a reallocation; there is no memory to describe it");
  }
}

// An Allocator (base_memory_pool.h) around another that plants and checks canaries.
template <typename Wrapped>
class DebugAllocator {
 public:
  Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    ALKAID_RETURN_NOT_OK(wrapped_.AllocateAligned(size + kCanarySize, alignment, out));
    Plant(*out, size);
    return absl::OkStatus();
  }
  Status ReallocateAligned(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
    Check(*ptr, old_size, "reallocate");
    ALKAID_RETURN_NOT_OK(
        wrapped_.ReallocateAligned(old_size + kCanarySize, new_size + kCanarySize, alignment, ptr));
    Plant(*ptr, new_size);
    return absl::OkStatus();
  }
  void DeallocateAligned(uint8_t* ptr, int64_t size, int64_t alignment) {
    Check(ptr, size, "free");
    wrapped_.DeallocateAligned(ptr, size + kCanarySize, alignment);
  }
  void ReleaseUnused() { wrapped_.ReleaseUnused(); }
  void PrintStats() { wrapped_.PrintStats(); }
  std::string name() const { return wrapped_.name(); }

 private:
  static constexpr int64_t kCanarySize = 16;
  struct Canary {
    uint64_t mark;
    uint64_t size;
  };
  static_assert(sizeof(Canary) == kCanarySize);

  static Canary CanaryOf(int64_t size) {
    constexpr uint64_t kMark = 0xa1ca1d5afe0ff5e7;
    return {kMark ^ static_cast<uint64_t>(size), ~static_cast<uint64_t>(size)};
  }
  static void Plant(uint8_t* ptr, int64_t size) {
    const Canary canary = CanaryOf(size);
    std::memcpy(ptr + size, &canary, sizeof(canary));
  }
  void Check(const uint8_t* ptr, int64_t size, const char* where) {
    const Canary canary = CanaryOf(size);
    if (std::memcmp(ptr + size, &canary, sizeof(canary)) == 0) return;
    ReportMemoryFaultAs([&] {
      return absl::StrCat(where, " of the ", size, "-byte block at 0x",
                          absl::Hex(reinterpret_cast<uintptr_t>(ptr)), " (", wrapped_.name(),
                          "): bytes behind its end were overwritten, or it has another size");
    });
  }

  [[no_unique_address]] Wrapped wrapped_;
};

}  // namespace alkaid::internal
