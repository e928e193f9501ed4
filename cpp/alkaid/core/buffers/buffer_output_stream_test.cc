#include "alkaid/core/buffers/buffer_output_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>

#include "alkaid/core/buffers/buffer_functions.h"
#include "alkaid/core/pools/capped_memory_pool.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(BufferOutputStream, GrowsByDoublingAndKeepsWhatWasWritten) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, BufferOutputStream::Create(10));
  std::string expected;
  int growths = 0;
  for (int i = 0; i < 10'000; ++i) {
    const int64_t before = stream->capacity();
    const std::string piece = std::to_string(i);
    ALKAID_ASSERT_OK(stream->Write(piece));
    expected += piece;
    if (stream->capacity() != before) {
      ++growths;
      EXPECT_GE(stream->capacity(), 2 * before);
    }
  }
  EXPECT_LE(growths, 9);
  EXPECT_THAT(stream->Tell(), IsOkAndHolds(static_cast<int64_t>(expected.size())));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, stream->Finish());
  EXPECT_EQ(buffer->ToString(), expected);
}

TEST(BufferOutputStream, IsAWriterAndSaysSo) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, BufferOutputStream::Create());
  EXPECT_EQ(stream->mode(), FileMode::WRITE);
}

TEST(BufferOutputStream, FinishedTwiceSaysWhereTheBytesAre) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, BufferOutputStream::Create());
  ALKAID_ASSERT_OK(stream->Write("abc"));
  ALKAID_ASSERT_OK(stream->Finish());
  EXPECT_THAT(stream->Finish(), StatusIs(StatusCode::kFailedPrecondition,
                                         AllOf(HasSubstr("3 bytes"), HasSubstr("earlier Finish"))));
  EXPECT_THAT(stream->Write("x"), StatusIs(StatusCode::kInvalidArgument, HasSubstr("closed")));
  ALKAID_EXPECT_OK(stream->Close());
  EXPECT_THAT(stream->Tell(), IsOkAndHolds(3));
}

TEST(BufferOutputStream, FailsWholeWhereItsPoolIsFull) {
  CappedMemoryPool pool(system_memory_pool(), 512);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, BufferOutputStream::Create(64, &pool));
  ALKAID_ASSERT_OK(stream->Write(std::string(300, 'a')));
  EXPECT_THAT(stream->Write(std::string(300, 'b')),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("512")));
  EXPECT_THAT(stream->Tell(), IsOkAndHolds(300));
  EXPECT_EQ(stream->capacity(), 512);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, stream->Finish());
  EXPECT_EQ(buffer->ToString(), std::string(300, 'a'));
}

TEST(BufferOutputStream, ResetDropsWhatWasNotFinished) {
  ProxyMemoryPool first(system_memory_pool());
  ProxyMemoryPool second(system_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, BufferOutputStream::Create(1000, &first));
  ALKAID_ASSERT_OK(stream->Write("dropped"));
  ALKAID_ASSERT_OK(stream->Reset(100, &second));
  EXPECT_EQ(first.bytes_allocated(), 0);
  EXPECT_EQ(second.bytes_allocated(), 128);
  ALKAID_ASSERT_OK(stream->Write("kept"));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, stream->Finish());
  EXPECT_EQ(buffer->ToString(), "kept");
}

TEST(BufferOutputStream, RefusesBadArguments) {
  EXPECT_THAT(BufferOutputStream::Create(-1),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1")));
  EXPECT_THAT(BufferOutputStream::Create(INT64_MAX), StatusIs(StatusCode::kResourceExhausted));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto stream, BufferOutputStream::Create());
  EXPECT_THAT(stream->Write("x", -1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(stream->Write(nullptr, 1), StatusIs(StatusCode::kInvalidArgument));
  ALKAID_EXPECT_OK(stream->Write(nullptr, 0));
  EXPECT_THAT(stream->Write(std::shared_ptr<Buffer>()), StatusIs(StatusCode::kInvalidArgument));
  ALKAID_ASSERT_OK(stream->Write("abc"));
  EXPECT_THAT(stream->Write("x", INT64_MAX),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("after 3")));
  EXPECT_THAT(stream->Write("x", INT64_MAX - 3), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(stream->Tell(), IsOkAndHolds(3));
}

TEST(BufferOutputStream, CutsTheBufferThatItWasGivenWhenItGoes) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<ResizableBuffer> buffer,
                              AllocateResizableBuffer(100));
  { BufferOutputStream stream(buffer); }
  EXPECT_EQ(buffer->size(), 0);
  {
    BufferOutputStream stream(buffer);
    ALKAID_ASSERT_OK(stream.Write(std::string(300, 'x')));
    EXPECT_EQ(buffer->size(), 512);
  }
  EXPECT_EQ(buffer->ToString(), std::string(300, 'x'));
}

}  // namespace
}  // namespace alkaid::io
