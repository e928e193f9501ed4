// Fills a run of rows with one value, or with values that increase by a constant step.
//
// Threads: free of state. Out of memory: allocates nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace alkaid::columns::internal {

// Writes `count` values of `width` bytes each, all equal to `value`.
inline void FillSame(void* out, const void* value, size_t width, int64_t count) {
  if (count == 0 || width == 0) return;
  auto* const bytes = static_cast<uint8_t*>(out);
  const size_t all = width * static_cast<size_t>(count);
  std::memcpy(bytes, value, width);
  // Appends a copy of the filled part, which doubles it each time.
  for (size_t there = width; there < all; there *= 2) {
    std::memcpy(bytes + there, bytes, std::min(there, all - there));
  }
}

// Writes `count` values: first, first + step, first + 2 * step and so on. Each must fit in T.
template <typename T>
void FillSteps(T* out, T first, T step, int64_t count) {
  // Unsigned, so that it may wrap: the value that would follow the last one may not fit in T.
  using Word = std::make_unsigned_t<T>;
  const auto by = static_cast<Word>(step);
  auto value = static_cast<Word>(first);
  T* const end = out + count;
  if constexpr (sizeof(T) == sizeof(uint32_t)) {
    using Four = uint32_t __attribute__((vector_size(16)));
    Four four = {value, value + by, value + 2 * by, value + 3 * by};
    for (; end - out >= 4; out += 4, four += 4 * by) std::memcpy(out, &four, sizeof(four));
    value = four[0];
  }
  for (; out != end; ++out, value += by) *out = static_cast<T>(value);
}

}  // namespace alkaid::columns::internal
