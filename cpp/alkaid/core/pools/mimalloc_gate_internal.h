// Calls of mimalloc, so that a fork never catches a thread in one.
//
// With mimalloc 2.0.9 and 3.0.1 no forked child hangs, however threads allocate, begin and end. With
// 3.4.3 and 3.6.0 some do (docs/pools.md), and of the versions between it is not known. Their calls
// are made inside the gate (allocator_gate_internal.h).
//
// Ownership, threads, out of memory: as mimalloc.
#pragma once

#include <mimalloc.h>

#include "alkaid/base/allocator_gate_internal.h"

namespace alkaid::internal {

// Three digits up to 3.0.1 (301), five or six from then on, also of version 2.
inline constexpr bool kMimallocNeedsGate = MI_MALLOC_VERSION > 301;

// `call` is a lambda that calls mimalloc, and nothing that does so again.
template <typename Call>
auto CallMimalloc(const Call& call) {
  if constexpr (kMimallocNeedsGate) {
    const AllocatorGate::Inside inside;
    return call();
  } else {
    return call();
  }
}

}  // namespace alkaid::internal
