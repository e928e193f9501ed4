#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "alkaid/heap/reports/process_text_internal.h"

namespace alkaid::heap {
namespace {

TEST(ProcessText, IsTheWholeOfTheFile) {
  std::ifstream file("/proc/self/environ", std::ios::binary);
  EXPECT_EQ(ProcessText("/proc/self/environ"),
            std::string(std::istreambuf_iterator<char>(file), {}));
  // A text of more than one chunk, which differs each time it is read.
  EXPECT_GT(ProcessText("/proc/self/smaps").size(), 4096U);
}

TEST(ProcessText, IsEmptyWhereThereIsNone) {
  EXPECT_EQ(ProcessText("/proc/self/no-such-text"), "");
  EXPECT_EQ(ProcessText("/proc/self"), "");
}

}  // namespace
}  // namespace alkaid::heap
