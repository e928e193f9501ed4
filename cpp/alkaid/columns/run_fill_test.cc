#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "alkaid/columns/run_fill_internal.h"

namespace alkaid::columns::internal {
namespace {

using ::testing::ElementsAreArray;

TEST(FillSame, WritesAsManyAsItIsToldAndNoByteMore) {
  for (const size_t width : {0, 1, 4, 12, 20}) {
    const std::string value = std::string("abcdefghijklmnopqrst").substr(0, width);
    for (int64_t count = 0; count < 20; ++count) {
      std::string wanted;
      for (int64_t i = 0; i < count; ++i) wanted += value;
      std::string out(wanted.size() + 1, '-');
      FillSame(out.data(), value.data(), width, count);
      EXPECT_EQ(out, wanted + "-");
    }
  }
}

template <typename T>
void ExpectSteps(T first, T step, int64_t count) {
  std::vector<T> wanted;
  for (int64_t i = 0; i < count; ++i) wanted.push_back(static_cast<T>(first + i * step));
  wanted.push_back(-7);
  std::vector<T> out(static_cast<size_t>(count) + 1, -7);
  FillSteps(out.data(), first, step, count);
  EXPECT_THAT(out, ElementsAreArray(wanted));
}

TEST(FillSteps, WritesAsManyAsItIsToldAndNoneMore) {
  for (int64_t count = 0; count < 20; ++count) {
    ExpectSteps<int32_t>(5, 3, count);
    ExpectSteps<int64_t>(5, 0, count);
  }
  ExpectSteps<int32_t>(std::numeric_limits<int32_t>::max() - int64_t{7} * 1000, 1000, 8);
  ExpectSteps<int64_t>(std::numeric_limits<int64_t>::max() - int64_t{7} * 1000, 1000, 8);
}

}  // namespace
}  // namespace alkaid::columns::internal
