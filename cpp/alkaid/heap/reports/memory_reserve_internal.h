// MemoryReserve: address space that is set aside for the moment when the process has none left.
//
// Code that must work at that moment releases it first, so that the allocator can get it from the
// kernel. It is mapped and never touched, so it takes no memory. It does count against a limit on
// address space (RLIMIT_AS), and where the kernel does not overcommit memory.
//
// Ownership: holds the mapping; static, and never destroyed. Threads: all functions, from any
// thread. Out of memory: sets aside less, or nothing.
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

  // Sets aside kBytes, unless something is set aside already. If less is free: the largest kBytes /
  // 2^n that leaves at least as much to others.
  void SetAside();
  void LetGo();
  size_t bytes() const;  // that are set aside

 private:
  static constexpr size_t kMin = size_t{1} << 20;

  // The page-aligned start of the mapping; the low bits say how often kBytes was halved.
  std::atomic<size_t> mapping_{0};
};

}  // namespace alkaid::heap
