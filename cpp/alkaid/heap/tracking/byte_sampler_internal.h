// Which blocks are recorded when only a sample is: every allocated byte is chosen with the same
// small chance, and a block is recorded when one of its bytes is.
//
// Between two chosen bytes lies an exponentially distributed number of bytes, `mean` on average. A
// block of `size` bytes is so recorded with the chance 1 - exp(-size / mean), and stands for size
// divided by that: sums over weights are unbiased, whatever the sizes.
//
// Ownership: the state is the thread's. Threads: each its own. Out of memory: allocates nothing.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {

// The bytes that a recorded block of `size` > 0 stands for, before they are rounded.
ALKAID_EXPORT double SampledWeight(uint64_t size, uint64_t mean);

// Where the next chosen byte has been reached, or `epoch` is new to the thread.
ALKAID_EXPORT uint64_t DrawSample(TrackingThread* thread, uint64_t size, uint64_t mean,
                                  uint32_t epoch);

// The weight of a new block; 0: it is not recorded. `mean` belongs to `epoch`, which is not 0.
inline uint64_t SampleBlock(TrackingThread* thread, uint64_t size, uint64_t mean, uint32_t epoch) {
  if (thread->sampling_epoch == epoch) [[likely]] {
    thread->until_sample -= static_cast<int64_t>(size);
    if (thread->until_sample > 0) [[likely]]
      return 0;
  }
  return DrawSample(thread, size, mean, epoch);
}

}  // namespace alkaid::heap
