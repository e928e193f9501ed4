#include <gtest/gtest.h>

#include <string>

#include "alkaid/base/notice_internal.h"

namespace alkaid::internal {
namespace {

TEST(Notice, IsOneLineOnStderrThatSaysWhoSpeaks) {
  ::testing::internal::CaptureStderr();
  Notice("no heap file a.heap");
  Notice("");
  Notice(2, std::string(" of "), 3);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "alkaid: no heap file a.heap\nalkaid: \nalkaid: 2 of 3\n");
}

TEST(Notice, TellsTheMessageOfAStatusWithoutItsCode) {
  EXPECT_EQ(MessageOf(status::DataLoss("byte 7 of ", "a.npy")), "byte 7 of a.npy");
  EXPECT_EQ(MessageOf(absl::OkStatus()), "");
}

}  // namespace
}  // namespace alkaid::internal
