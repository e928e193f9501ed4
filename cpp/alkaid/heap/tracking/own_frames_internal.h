// WithoutOwnFrames: a stack trace without the tracker's own frames.
//
// Ownership, threads: pure. Allocates nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace alkaid::heap {

// The most frames of the tracker and of the emission point, up to and including `caller`.
inline constexpr int kOwnFrames = 8;

// The frames after `caller`, outwards. All frames if `caller` is not among the first kOwnFrames.
inline std::span<const uint64_t> WithoutOwnFrames(std::span<const uint64_t> all, uint64_t caller) {
  const auto own = all.first(std::min<size_t>(all.size(), kOwnFrames));
  const auto border = std::ranges::find(own, caller);
  return border == own.end() ? all : all.subspan(static_cast<size_t>(border - own.begin()) + 1);
}

}  // namespace alkaid::heap
