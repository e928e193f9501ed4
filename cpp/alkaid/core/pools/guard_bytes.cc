#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "alkaid/core/pools/guard_bytes_internal.h"

namespace alkaid::internal {
namespace {

constexpr size_t kPeriod = 64;
// How many bytes are written or compared at once.
constexpr size_t kRun = 4096;

constexpr std::array<uint8_t, kPeriod + kRun> MakePattern() {
  std::array<uint8_t, kPeriod + kRun> pattern{};
  // 7 is odd, so all 64 values occur.
  for (size_t i = 0; i < pattern.size(); ++i) {
    pattern[i] = static_cast<uint8_t>(0x80 | ((i * 7 + 0x15) & 0x3f));
  }
  return pattern;
}

constexpr std::array<uint8_t, kPeriod + kRun> kPattern = MakePattern();

// Calls visit(byte, pattern, length) for one run after another.
template <typename Byte, typename Visit>
void ForEachRun(Byte* begin, const uint8_t* end, const Visit& visit) {
  for (Byte* at = begin; at < end;) {
    const size_t offset = reinterpret_cast<uintptr_t>(at) % kPeriod;
    const size_t length = std::min(kRun, static_cast<size_t>(end - at));
    visit(at, kPattern.data() + offset, length);
    at += length;
  }
}

}  // namespace

void PlantGuard(uint8_t* begin, const uint8_t* end) {
  ForEachRun(begin, end, [](uint8_t* at, const uint8_t* pattern, size_t length) {
    std::memcpy(at, pattern, length);
  });
}

BrokenGuard CheckGuard(const uint8_t* begin, const uint8_t* end) {
  BrokenGuard broken;
  ForEachRun(begin, end, [&](const uint8_t* at, const uint8_t* pattern, size_t length) {
    if (std::memcmp(at, pattern, length) == 0) return;
    for (size_t i = 0; i < length; ++i) {
      if (at[i] == pattern[i]) continue;
      if (broken.first == nullptr) broken.first = at + i;
      broken.last = at + i;
    }
  });
  return broken;
}

}  // namespace alkaid::internal
