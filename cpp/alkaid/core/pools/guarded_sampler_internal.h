// Which allocation is the next that is guarded.
//
// Each takes a share of a whole: 1/N of it for one in N, and size/B of it for one in B bytes, so
// that pools of several rates share one countdown. In each whole, at a place drawn at random,
// stands the allocation that is guarded: one in N is exactly that, and never the same one of a
// loop's.
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
  uint64_t random = 0;  // 0: the thread has not begun
};
ALKAID_EXPORT extern constinit thread_local GuardedCountdown guarded_countdown
    __attribute__((tls_model("initial-exec")));

inline constexpr int64_t kGuardedWhole = GuardedSampling::kMost;

// The share of each of `of`. Numbers below 1: none. One that fills a whole by itself takes two, so
// that it is sure to pass a place wherever those of other rates have left the countdown.
constexpr int64_t GuardedShare(int64_t of) {
  if (of < 1) return 0;
  return of == 1 ? 2 * kGuardedWhole : kGuardedWhole / std::min(of, kGuardedWhole);
}

// The thread's first allocation, or one at which it comes to the place: whether that is to be
// guarded.
ALKAID_EXPORT bool ReachGuardedPlace();

// Whether the allocation that the calling thread is at is to be guarded. Written out, because a
// compiler makes a load, a subtraction, a store and a comparison of it.
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

// Both kinds have this of `size` > 0 bytes.

// One in so many. Four instructions.
class BlockSampler {
 public:
  explicit BlockSampler(const GuardedSampling& sampling) : share_(GuardedShare(sampling.blocks)) {}

  bool Takes(int64_t /*size*/) const { return TakeGuardedShare(share_); }

 private:
  const int64_t share_;
};

// One for so many bytes too.
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

// What ALKAID_GUARDED_SAMPLING says, read once. What is not understood is reported on stderr, once,
// and so is that the debug mode of pools leaves nothing to guard.
const GuardedSampling& GuardedSamplingOfEnvironment();

}  // namespace alkaid::internal
