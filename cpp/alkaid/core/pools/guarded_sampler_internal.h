// Which allocation is the next that is guarded.
//
// Each takes a share of a whole: 1/N of it for one in N, and size/B of it for one in B bytes, so that
// pools of several rates share one countdown. In each whole, at a place drawn at random, stands the
// allocation that is guarded: one in N is exactly that, and never the same one of a loop's.
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

class ALKAID_EXPORT GuardedSampler {
 public:
  static constexpr int64_t kWhole = GuardedSampling::kMost;

  // Numbers that are negative guard nothing; those above kMost count as kMost.
  explicit GuardedSampler(const GuardedSampling& sampling);

  // Whether the allocation of `size` > 0 bytes that the calling thread is at is to be guarded.
  bool Takes(int64_t size) const {
    const int64_t share = for_each_ + std::min(size, most_bytes_) * for_each_byte_;
    const int64_t left = guarded_countdown.left - share;
    guarded_countdown.left = left;
    if (left > 0) [[likely]]
      return false;
    return Begin(share);
  }

 private:
  // The next whole, or the thread's first.
  static bool Begin(int64_t share);

  int64_t for_each_ = 0;
  int64_t for_each_byte_ = 0;
  int64_t most_bytes_ = 0;  // no block takes more than a whole by its size
};

// What ALKAID_GUARDED_SAMPLING says, read once. What is not understood is reported on stderr, once,
// and so is that the debug mode of pools leaves nothing to guard.
const GuardedSampling& GuardedSamplingOfEnvironment();

}  // namespace alkaid::internal
