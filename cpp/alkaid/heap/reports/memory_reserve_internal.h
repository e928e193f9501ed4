// Address space that is set aside for a moment when the process has none left.
//
// What has to work then lets go of it first: the allocator can have it from the kernel. It is
// mapped and never touched, so it takes no memory; under a limit of address space (RLIMIT_AS), and
// where the kernel does not promise more memory than it has, it counts.
//
// Ownership: holds the mapping; static, and never destroyed. Threads: all functions, from any
// thread.
// Out of memory: less is set aside, or nothing.
#pragma once

#include <atomic>
#include <cstddef>

#include "alkaid/base/export.h"

namespace alkaid::heap {

class ALKAID_EXPORT MemoryReserve {
 public:
  // A snapshot of 100,000 blocks with 10,000 stack traces takes about as much.
  static constexpr size_t kBytes = size_t{32} << 20;

  constexpr MemoryReserve() = default;
  MemoryReserve(const MemoryReserve&) = delete;
  MemoryReserve& operator=(const MemoryReserve&) = delete;

  // Where nothing is set aside: kBytes, or as large a part of it as leaves as much to others.
  void SetAside();
  void LetGo();
  size_t bytes() const;  // that are set aside

 private:
  static constexpr size_t kLeast = size_t{1} << 20;

  // The start of the mapping, which is whole pages, and how often kBytes was halved.
  std::atomic<size_t> mapping_{0};
};

}  // namespace alkaid::heap
