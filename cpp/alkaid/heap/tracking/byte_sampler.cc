#include <algorithm>
#include <cmath>

#include "alkaid/heap/tracking/byte_sampler_internal.h"
#include "alkaid/heap/tracking/clock_internal.h"

namespace alkaid::heap {
namespace {

// Uniform in (0, 1], by splitmix64.
double NextUniform(uint64_t* state) {
  *state += 0x9e3779b97f4a7c15u;
  uint64_t bits = *state;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  bits ^= bits >> 31;
  return (static_cast<double>(bits >> 11) + 1) * 0x1p-53;
}

int64_t DrawGap(TrackingThread* thread, uint64_t mean) {
  if (thread->random == 0) {
    thread->random = (uint64_t{ThreadId()} << 32) ^ MonotonicNanoseconds() ^
                     reinterpret_cast<uint64_t>(thread) ^ 1;
  }
  // Rounding up is exact: for a whole number n, the rounded gap is <= n if and only if the gap is.
  const double gap = std::ceil(-std::log(NextUniform(&thread->random)) * static_cast<double>(mean));
  return static_cast<int64_t>(std::max(gap, 1.0));
}

}  // namespace

double SampledWeight(uint64_t size, uint64_t mean) {
  const double bytes = static_cast<double>(size);
  const double chance = -std::expm1(-bytes / static_cast<double>(mean));
  return bytes / chance;
}

uint64_t DrawSample(TrackingThread* thread, uint64_t size, uint64_t mean, uint32_t epoch) {
  if (thread->sampling_epoch != epoch) {
    thread->sampling_epoch = epoch;
    thread->until_sample = DrawGap(thread, mean) - static_cast<int64_t>(size);
    if (thread->until_sample > 0) return 0;
  }
  // The next gap begins at the end of the block, however far that is past the chosen byte.
  thread->until_sample = DrawGap(thread, mean);
  if (size == 0) return 0;
  // Rounds up with the probability of the fraction: otherwise all blocks of one size would be off
  // in the same direction.
  const double weight = SampledWeight(size, mean);
  const double whole = std::floor(weight);
  const bool up = NextUniform(&thread->random) <= weight - whole;
  return static_cast<uint64_t>(whole) + (up ? 1 : 0);
}

}  // namespace alkaid::heap
