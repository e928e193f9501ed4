#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::io {
namespace {

using ::testing::HasSubstr;

class FileSegment : public ::testing::Test {
 protected:
  const std::shared_ptr<Buffer> buffer = Buffer::FromString("0123456789");
  const std::shared_ptr<RandomAccessFile> file = std::make_shared<BufferReader>(buffer);
};

TEST_F(FileSegment, GivesSlicesOfWhatItsFileSlices) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, RandomAccessFile::GetStream(file, 2, 5));
  EXPECT_TRUE(stream->supports_zero_copy());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto slice, stream->Read(100));
  EXPECT_EQ(slice->data(), buffer->data() + 2);
  EXPECT_EQ(slice->ToString(), "23456");
  EXPECT_THAT(file->Tell(), IsOkAndHolds(0));
}

TEST_F(FileSegment, EndsWhereTheFileDoes) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, RandomAccessFile::GetStream(file, 8, INT64_MAX));
  char out[8];
  EXPECT_THAT(stream->Read(8, out), IsOkAndHolds(2));
  EXPECT_THAT(stream->Read(8, out), IsOkAndHolds(0));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto past,
                              RandomAccessFile::GetStream(file, INT64_MAX, INT64_MAX));
  EXPECT_THAT(past->Read(8, out), IsOkAndHolds(0));
}

TEST_F(FileSegment, RefusesBadArgumentsAndUseAfterClose) {
  EXPECT_THAT(RandomAccessFile::GetStream(nullptr, 0, 1),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("null")));
  EXPECT_THAT(RandomAccessFile::GetStream(file, -3, 1),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("-3")));
  EXPECT_THAT(RandomAccessFile::GetStream(file, 0, -4),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("-4")));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, RandomAccessFile::GetStream(file, 0, 5));
  EXPECT_THAT(stream->Read(-1), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1")));
  ALKAID_ASSERT_OK(stream->Close());
  ALKAID_ASSERT_OK(stream->Close());
  EXPECT_TRUE(stream->closed());
  EXPECT_FALSE(stream->supports_zero_copy());
  const auto closed = StatusIs(StatusCode::kInvalidArgument, HasSubstr("closed"));
  EXPECT_THAT(stream->Read(1), closed);
  EXPECT_THAT(stream->Tell(), closed);
  EXPECT_FALSE(file->closed());
}

}  // namespace
}  // namespace alkaid::io
