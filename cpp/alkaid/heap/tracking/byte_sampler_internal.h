// Byte sampling: each allocated byte is chosen with the same small probability, and a block is
// recorded when at least one of its bytes is chosen.
//
// The gap between two chosen bytes is exponentially distributed, `mean` bytes on average. So a
// block of `size` bytes is recorded with probability p = 1 - exp(-size / mean) and stands for
// size / p bytes: sums over weights are unbiased, whatever the sizes.
//
//     allocated bytes:  ..aaaa bbbbbbbbbb ccc dddddd..     blocks a to d
//     chosen bytes:              ^    ^          ^         b and d are recorded
//
// Ownership: the state belongs to the thread. Threads: each its own. Out of memory: allocates
// nothing.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {

// The bytes that a recorded block of `size` > 0 stands for, before rounding.
ALKAID_EXPORT double SampledWeight(uint64_t size, uint64_t mean);

// The slow path of SampleBlock: the next chosen byte is reached, or `epoch` is new to the thread.
ALKAID_EXPORT uint64_t DrawSample(TrackingThread* thread, uint64_t size, uint64_t mean,
                                  uint32_t epoch);

// The weight of a new block; 0: do not record it. `mean` belongs to `epoch`, which is not 0.
inline uint64_t SampleBlock(TrackingThread* thread, uint64_t size, uint64_t mean, uint32_t epoch) {
  if (thread->sampling_epoch == epoch) [[likely]] {
    thread->until_sample -= static_cast<int64_t>(size);
    if (thread->until_sample > 0) [[likely]]
      return 0;
  }
  return DrawSample(thread, size, mean, epoch);
}

}  // namespace alkaid::heap
