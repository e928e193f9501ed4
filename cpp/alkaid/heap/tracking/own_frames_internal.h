// Where a back-trace that the tracker takes leaves the tracker.
//
// Ownership, threads: pure. Allocates nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace alkaid::heap {

// Frames of the tracker and of the emission point that may lie above the one that is looked for.
inline constexpr int kOwnFrames = 8;

// A back-trace from the frame after `caller` on, outwards; all of it where that is not among the
// first.
inline std::span<const uint64_t> WithoutOwnFrames(std::span<const uint64_t> all, uint64_t caller) {
  const auto own = all.first(std::min<size_t>(all.size(), kOwnFrames));
  const auto border = std::ranges::find(own, caller);
  return border == own.end() ? all : all.subspan(static_cast<size_t>(border - own.begin()) + 1);
}

}  // namespace alkaid::heap
