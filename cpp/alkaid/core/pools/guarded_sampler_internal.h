// Decides which allocation is guarded next.
//
//   |       whole       |       whole       |       whole       |
//               x         x                              x         x: one random place in each
//
// Each allocation takes a share of a whole: 1/N of it for a rate of one in N, and size/B of it for
// a rate of one in B bytes. So pools of several rates share one countdown. Each whole has one
// place, drawn at random; the allocation that reaches it is guarded. A rate of one in N is
// therefore exact, and does not always hit the same allocation of a loop.
//
// Ownership: a sampler is a value; the countdown is the thread's. Threads: any. Allocates nothing.
#pragma once

#include <algorithm>
#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/guarded_memory_pool.h"

namespace alkaid::internal {

// What is left until the next guarded allocation. 24 bytes of static TLS.
struct GuardedCountdown {
  int64_t left = 0;
  int64_t after = 0;    // from there to the end of its whole
  uint64_t random = 0;  // 0: the thread has not started
};
ALKAID_EXPORT extern constinit thread_local GuardedCountdown guarded_countdown
    __attribute__((tls_model("initial-exec")));

inline constexpr int64_t kGuardedWhole = GuardedSampling::kMax;

// The share of one allocation of `of`. Below 1: none. A rate that guards every allocation takes two
// wholes, so that it certainly passes a place wherever other rates have left the countdown.
constexpr int64_t GuardedShare(int64_t of) {
  if (of < 1) return 0;
  return of == 1 ? 2 * kGuardedWhole : kGuardedWhole / std::min(of, kGuardedWhole);
}

// The slow path: the thread's first allocation, or one that reaches the place. Returns whether it
// is guarded.
ALKAID_EXPORT bool ReachGuardedPlace();

// Whether the calling thread's current allocation is to be guarded. In assembly, because compilers
// make a load, a subtraction, a store and a comparison of it.
inline bool TakeGuardedShare(int64_t share) {
  bool reached;
#if defined(__x86_64__)
  asm("sub{q %2, %0| %0, %2}" : "+m"(guarded_countdown.left), "=@ccle"(reached) : "r"(share));
#else
  reached = (guarded_countdown.left -= share) <= 0;
#endif
  if (!reached) [[likely]]
    return false;
  return ReachGuardedPlace();
}

// The interface of both samplers is Takes, for `size` > 0 bytes.

// One allocation in a given number. Four instructions.
class BlockSampler {
 public:
  explicit BlockSampler(const GuardedSampling& sampling) : share_(GuardedShare(sampling.blocks)) {}

  bool Takes(int64_t /*size*/) const { return TakeGuardedShare(share_); }

 private:
  const int64_t share_;
};

// Also one for each given number of bytes.
class ByteSampler {
 public:
  explicit ByteSampler(const GuardedSampling& sampling)
      : block_share_(GuardedShare(sampling.blocks)),
        byte_share_(GuardedShare(sampling.bytes)),
        bytes_(sampling.bytes < 1 ? INT64_MAX : sampling.bytes) {}

  bool Takes(int64_t size) const {
    return TakeGuardedShare(block_share_ + (size < bytes_ ? size * byte_share_ : GuardedShare(1)));
  }

 private:
  const int64_t block_share_;
  const int64_t byte_share_;
  const int64_t bytes_;
};

// The value of ALKAID_GUARDED_SAMPLING, read once. A value that is not understood is reported on
// stderr, once; so is a value that has no effect because the debug mode of pools is on.
const GuardedSampling& GuardedSamplingOfEnvironment();

}  // namespace alkaid::internal
