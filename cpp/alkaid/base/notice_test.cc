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

TEST(Notice, MayComeInPieces) {
  ::testing::internal::CaptureStderr();
  Notice("no heap file ", "a.heap", ": ", "out of memory");
  Notice("1", "2", "3", "4", "5", "6", "7", "8");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "alkaid: no heap file a.heap: out of memory\nalkaid: 12345678\n");
  const std::string path(10'000, 'x');
  ::testing::internal::CaptureStderr();
  Notice("no heap file ", path, ": ", "out of memory");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "alkaid: no heap file " + path + ": out of memory\n");
}

TEST(Notice, TellsTheMessageOfAStatusWithoutItsCode) {
  EXPECT_EQ(MessageOf(status::DataLoss("byte 7 of ", "a.npy")), "byte 7 of a.npy");
  EXPECT_EQ(MessageOf(absl::OkStatus()), "");
  const Status status = status::DataLoss("byte 7 of ", "a.npy");
  EXPECT_EQ(MessageIn(status), MessageOf(status));
}

}  // namespace
}  // namespace alkaid::internal
