#include "alkaid/core/buffers/mutable_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>

#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MutableBuffer, GivesAWritablePointerWhereABufferGivesNone) {
  uint8_t bytes[4] = {};
  Buffer fixed(bytes, 4);
  EXPECT_EQ(fixed.mutable_data(), nullptr);
  EXPECT_EQ(fixed.mutable_address(), 0u);
  EXPECT_TRUE(fixed.mutable_span_as<uint16_t>().empty());
  MutableBuffer open(bytes, 4);
  EXPECT_EQ(open.mutable_data(), bytes);
  EXPECT_EQ(open.mutable_address(), reinterpret_cast<uintptr_t>(bytes));
  open.mutable_span_as<uint16_t>()[1] = 0x0101;
  EXPECT_THAT(bytes, ElementsAre(0, 0, 1, 1));
}

TEST(MutableBuffer, WrapsMemoryOfOthersForReadingAndForWriting) {
  int32_t values[3] = {4, 5, 6};
  const auto reading = Buffer::Wrap(values, 3);
  EXPECT_EQ(reading->size(), 12);
  EXPECT_FALSE(reading->is_mutable());
  const auto writing = MutableBuffer::Wrap(values, 3);
  writing->mutable_data_as<int32_t>()[1] = 50;
  EXPECT_THAT(reading->span_as<int32_t>(), ElementsAre(4, 50, 6));
  EXPECT_EQ(Buffer::Wrap(std::span<int32_t>(values))->size(), 12);
}

TEST(ResizableBuffer, TypedSizesAreInValues) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, AllocateResizableBuffer(0));
  ALKAID_ASSERT_OK(buffer->TypedResize<int64_t>(10));
  EXPECT_EQ(buffer->size(), 80);
  ALKAID_ASSERT_OK(buffer->TypedReserve<int16_t>(1000));
  EXPECT_GE(buffer->capacity(), 2000);
  EXPECT_EQ(buffer->size(), 80);
}

TEST(ResizableBuffer, TypedSizesThatPassInt64AreOutOfMemory) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, AllocateResizableBuffer(8));
  const int64_t length = (int64_t{1} << 61) + 1;
  EXPECT_THAT(buffer->TypedResize<int64_t>(length),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr(std::to_string(length))));
  EXPECT_THAT(buffer->TypedReserve<int64_t>(length), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(buffer->size(), 8);
}

TEST(ResizableBuffer, NegativeTypedSizesAreInvalid) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, AllocateResizableBuffer(8));
  EXPECT_THAT(buffer->TypedResize<int64_t>(-1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(buffer->TypedReserve<int32_t>(INT64_MIN), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(buffer->size(), 8);
}

}  // namespace
}  // namespace alkaid
