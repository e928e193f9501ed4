#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "alkaid/heap/tracking/mapped_memory_internal.h"

namespace alkaid::heap {
namespace {

TEST(MappedMemory, IsZerosThatCanBeWrittenAndMadeZerosAgain) {
  constexpr size_t kBytes = 5 * kPageSize;
  auto* const bytes = static_cast<uint8_t*>(MapMemory(kBytes));
  ASSERT_NE(bytes, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes) % kPageSize, 0u);
  for (size_t i = 0; i < kBytes; ++i) ASSERT_EQ(bytes[i], 0);
  std::memset(bytes, 7, kBytes);
  ClearMemory(bytes, kBytes);
  for (size_t i = 0; i < kBytes; ++i) ASSERT_EQ(bytes[i], 0);
  UnmapMemory(bytes, kBytes);
}

TEST(MappedMemory, ARefusalIsNullAndLeavesErrno) {
  errno = 123;
  EXPECT_EQ(MapMemory(size_t{1} << 60), nullptr);
  EXPECT_EQ(errno, 123);
}

}  // namespace
}  // namespace alkaid::heap
