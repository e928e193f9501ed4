#include "alkaid/core/buffers/memory_io.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "alkaid/testing/matchers.h"
#include "fixtures/vault_device.h"

namespace alkaid::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(BufferReader, ReadsOnFromItsPosition) {
  BufferReader reader("hello world");
  char out[6] = {};
  EXPECT_THAT(reader.Read(5, out), IsOkAndHolds(5));
  EXPECT_STREQ(out, "hello");
  EXPECT_THAT(reader.Tell(), IsOkAndHolds(5));
  ALKAID_ASSERT_OK(reader.Advance(1));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto rest, reader.Read(100));
  EXPECT_EQ(rest->ToString(), "world");
  EXPECT_THAT(reader.Read(5, out), IsOkAndHolds(0));
  ALKAID_ASSERT_OK(reader.Seek(4));
  EXPECT_THAT(reader.Read(1, out), IsOkAndHolds(1));
  EXPECT_EQ(out[0], 'o');
  EXPECT_THAT(reader.GetSize(), IsOkAndHolds(11));
}

TEST(BufferReader, ReadAtGivesASliceOfTheBufferAndLeavesThePosition) {
  const auto buffer = Buffer::FromString("0123456789");
  BufferReader reader(buffer);
  EXPECT_TRUE(reader.supports_zero_copy());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto slice, reader.ReadAt(2, 3));
  EXPECT_EQ(slice->data(), buffer->data() + 2);
  EXPECT_EQ(slice->parent(), buffer);
  char out[3];
  EXPECT_THAT(reader.ReadAt(8, 3, out), IsOkAndHolds(2));
  EXPECT_THAT(reader.ReadAt(100, 3, out), IsOkAndHolds(0));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto after, reader.ReadAt(INT64_MAX, INT64_MAX));
  EXPECT_EQ(after->size(), 0);
  EXPECT_THAT(reader.Tell(), IsOkAndHolds(0));
}

TEST(BufferReader, SlicesThatItGaveOutliveIt) {
  std::shared_ptr<Buffer> slice;
  {
    BufferReader reader(Buffer::FromString("0123456789"));
    ALKAID_ASSERT_OK_AND_ASSIGN(slice, reader.Read(4));
  }
  EXPECT_EQ(slice->ToString(), "0123");
}

TEST(BufferReader, RefusesBadArgumentsAndUseAfterClose) {
  BufferReader reader("abc");
  char out[3];
  EXPECT_THAT(reader.Read(-1, out), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1")));
  EXPECT_THAT(reader.Read(-1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(reader.ReadAt(-2, 1, out), StatusIs(StatusCode::kOutOfRange, HasSubstr("-2")));
  EXPECT_THAT(reader.ReadAt(0, 1, nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(reader.Seek(4),
              StatusIs(StatusCode::kOutOfRange, AllOf(HasSubstr("4"), HasSubstr("3 bytes"))));
  EXPECT_THAT(reader.Seek(-1), StatusIs(StatusCode::kOutOfRange));
  ALKAID_ASSERT_OK(reader.Close());
  ALKAID_ASSERT_OK(reader.Close());
  EXPECT_TRUE(reader.closed());
  const auto closed = StatusIs(StatusCode::kInvalidArgument, HasSubstr("closed"));
  EXPECT_THAT(reader.Read(1, out), closed);
  EXPECT_THAT(reader.Read(1), closed);
  EXPECT_THAT(reader.ReadAt(0, 1), closed);
  EXPECT_THAT(reader.Seek(0), closed);
  EXPECT_THAT(reader.Tell(), closed);
  EXPECT_THAT(reader.GetSize(), closed);
}

TEST(BufferReader, PeeksWithoutMoving) {
  const auto buffer = Buffer::FromString("0123456789");
  BufferReader reader(buffer);
  ALKAID_ASSERT_OK(reader.Advance(4));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto bytes, reader.Peek(3));
  EXPECT_EQ(bytes, "456");
  EXPECT_EQ(static_cast<const void*>(bytes.data()), buffer->data() + 4);
  EXPECT_THAT(reader.Peek(100), IsOkAndHolds("456789"));
  EXPECT_THAT(reader.Tell(), IsOkAndHolds(4));
  EXPECT_THAT(reader.Peek(-1), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1")));
  ALKAID_ASSERT_OK(reader.Close());
  EXPECT_THAT(reader.Peek(1), StatusIs(StatusCode::kInvalidArgument, HasSubstr("closed")));
}

TEST(BufferReader, AdvancesWithoutASliceAndStopsAtTheEnd) {
  BufferReader reader("0123456789");
  ALKAID_ASSERT_OK(reader.Advance(100));
  EXPECT_THAT(reader.Tell(), IsOkAndHolds(10));
  EXPECT_THAT(reader.Advance(-1), StatusIs(StatusCode::kInvalidArgument));
}

TEST(BufferReader, TakesAStringOver) {
  std::string text(100, 'x');
  const char* const bytes = text.data();
  const auto reader = BufferReader::FromString(std::move(text));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto slice, reader->Read(50));
  EXPECT_EQ(slice->data_as<char>(), bytes);
}

TEST(BufferReader, IsEmptyOverNoBuffer) {
  BufferReader reader(std::shared_ptr<Buffer>(nullptr));
  EXPECT_FALSE(reader.closed());
  char out[1];
  EXPECT_THAT(reader.GetSize(), IsOkAndHolds(0));
  EXPECT_THAT(reader.Read(1, out), IsOkAndHolds(0));
  EXPECT_THAT(reader.Peek(1), IsOkAndHolds(""));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto nothing, reader.Read(1));
  EXPECT_EQ(nothing->size(), 0);
}

TEST(BufferReader, NeedsABufferThatTheCPUCanRead) {
  EXPECT_THAT(BufferReader::Make(nullptr), StatusIs(StatusCode::kInvalidArgument));
  const auto device = VaultDevice::Make(3);
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> there,
                              device->default_memory_manager()->AllocateBuffer(4));
  EXPECT_THAT(BufferReader::Make(there),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("VaultDevice(3)")));
  EXPECT_THAT(FixedSizeBufferWriter::Make(there),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("VaultDevice(3)")));
}

class FixedSizeBufferWriterTest : public ::testing::Test {
 protected:
  uint8_t bytes[8] = {'.', '.', '.', '.', '.', '.', '.', '.'};
  FixedSizeBufferWriter writer{std::make_shared<MutableBuffer>(bytes, 8)};
  std::string Text() const { return std::string(reinterpret_cast<const char*>(bytes), 8); }
};

TEST_F(FixedSizeBufferWriterTest, WritesOnFromItsPosition) {
  ALKAID_ASSERT_OK(writer.Write("abc"));
  ALKAID_ASSERT_OK(writer.Write(Buffer::FromString("de")));
  EXPECT_THAT(writer.Tell(), IsOkAndHolds(5));
  ALKAID_ASSERT_OK(writer.Seek(7));
  ALKAID_ASSERT_OK(writer.Write("h", 1));
  ALKAID_ASSERT_OK(writer.WriteAt(0, "A", 1));
  ALKAID_ASSERT_OK(writer.Flush());
  EXPECT_THAT(writer.Tell(), IsOkAndHolds(8));
  EXPECT_EQ(Text(), "Abcde..h");
}

TEST_F(FixedSizeBufferWriterTest, RefusesWholeWhatDoesNotFit) {
  ALKAID_ASSERT_OK(writer.Write("abcdef"));
  EXPECT_THAT(writer.Write("ghi"),
              StatusIs(StatusCode::kOutOfRange,
                       AllOf(HasSubstr("3 bytes at 6"), HasSubstr("into 8 bytes"))));
  EXPECT_THAT(writer.WriteAt(9, "x", 1), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(writer.WriteAt(1, "x", INT64_MAX), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(writer.Tell(), IsOkAndHolds(6));
  EXPECT_EQ(Text(), "abcdef..");
}

TEST_F(FixedSizeBufferWriterTest, RefusesBadArgumentsAndUseAfterClose) {
  EXPECT_THAT(writer.Write("x", -1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(writer.WriteAt(-1, "x", 1), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(writer.Write(nullptr, 1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(writer.Write(std::shared_ptr<Buffer>()), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(writer.Seek(9), StatusIs(StatusCode::kOutOfRange));
  ALKAID_ASSERT_OK(writer.Close());
  EXPECT_TRUE(writer.closed());
  EXPECT_THAT(writer.Write("x"), StatusIs(StatusCode::kInvalidArgument, HasSubstr("closed")));
  EXPECT_THAT(writer.Tell(), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(writer.Seek(0), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(Text(), "........");
}

TEST_F(FixedSizeBufferWriterTest, RefusesBuffersOfADeviceAsASource) {
  const auto device = VaultDevice::Make(3);
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> there,
                              device->default_memory_manager()->AllocateBuffer(4));
  EXPECT_THAT(writer.Write(there),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("VaultDevice(3)")));
}

TEST(FixedSizeBufferWriter, NeedsAMutableBuffer) {
  EXPECT_THAT(FixedSizeBufferWriter::Make(nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(FixedSizeBufferWriter::Make(Buffer::FromString("x")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not mutable")));
}

}  // namespace
}  // namespace alkaid::io
