#include "alkaid/core/buffers/typed_buffer_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TypedBufferBuilder, CountsInValues) {
  TypedBufferBuilder<int32_t> builder;
  ALKAID_ASSERT_OK(builder.Append(1));
  const int32_t more[] = {2, 3};
  ALKAID_ASSERT_OK(builder.Append(more, 2));
  ALKAID_ASSERT_OK(builder.Append(int64_t{2}, 7));
  ALKAID_ASSERT_OK(builder.Advance(1));
  EXPECT_EQ(builder.length(), 6);
  EXPECT_EQ(builder.capacity(), 16);
  builder.mutable_data()[0] = 10;
  EXPECT_EQ(builder.data()[0], 10);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_THAT(buffer->span_as<int32_t>(), ElementsAre(10, 2, 3, 7, 7, 0));
  EXPECT_EQ(builder.length(), 0);
}

TEST(TypedBufferBuilder, TheUnsafeFormsNeedOnlyReservedRoom) {
  TypedBufferBuilder<double> builder;
  ALKAID_ASSERT_OK(builder.Reserve(9));
  builder.UnsafeAppend(0.5);
  const double two[] = {1.5, 2.5};
  builder.UnsafeAppend(two, 2);
  builder.UnsafeAppend(int64_t{2}, 3.5);
  const std::list<float> list = {4.5f, 5.5f};
  builder.UnsafeAppend(list.begin(), list.end());
  builder.mutable_data()[7] = 6.5;
  builder.UnsafeAdvance(1);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_THAT(buffer->span_as<double>(), ElementsAre(0.5, 1.5, 2.5, 3.5, 3.5, 4.5, 5.5, 6.5));
}

TEST(TypedBufferBuilder, HoldsPlainStructs) {
  struct Point {
    int32_t x, y, z;
  };
  TypedBufferBuilder<Point> builder;
  for (int32_t i = 0; i < 1000; ++i) ALKAID_ASSERT_OK(builder.Append(Point{i, -i, 2 * i}));
  ALKAID_ASSERT_OK(builder.Resize(600));
  EXPECT_EQ(builder.length(), 600);
  ALKAID_ASSERT_OK(builder.Append(Point{1, 2, 3}));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  const auto points = buffer->span_as<Point>();
  ASSERT_EQ(points.size(), 601u);
  EXPECT_EQ(points[599].z, 1198);
  EXPECT_EQ(points[600].y, 2);
}

TEST(TypedBufferBuilder, AMillionAppendsCostTwentyReallocationsAtMost) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  TypedBufferBuilder<int32_t> builder(&pool);
  for (int32_t i = 0; i < 1000000; ++i) ALKAID_ASSERT_OK(builder.Append(i));
  EXPECT_LE(pool.reallocations_seen(), 20);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  const auto values = buffer->span_as<int32_t>();
  ASSERT_EQ(values.size(), 1000000u);
  for (int32_t i = 0; i < 1000000; ++i) ASSERT_EQ(values[static_cast<size_t>(i)], i);
}

TEST(TypedBufferBuilder, AppendOfCopiesReservesThatManyMoreAndNoMore) {
  TypedBufferBuilder<int32_t> builder;
  for (int i = 0; i < 1000; ++i) ALKAID_ASSERT_OK(builder.Append(int64_t{1000}, i));
  EXPECT_EQ(builder.length(), 1000000);
  EXPECT_LT(builder.capacity(), 2000000);
  TypedBufferBuilder<int32_t> exact;
  ALKAID_ASSERT_OK(exact.Append(int64_t{1024}, 1));
  ALKAID_ASSERT_OK(exact.Append(int64_t{1024}, 2));
  EXPECT_EQ(exact.capacity(), 2048);
}

TEST(TypedBufferBuilder, NumbersOfValuesThatPassInt64AreOutOfMemory) {
  TypedBufferBuilder<int64_t> builder;
  ALKAID_ASSERT_OK(builder.Append(5));
  const int64_t length = (int64_t{1} << 61) + 1;
  const auto refused = StatusIs(StatusCode::kResourceExhausted, HasSubstr(std::to_string(length)));
  EXPECT_THAT(builder.Reserve(length), refused);
  EXPECT_THAT(builder.Resize(length), refused);
  EXPECT_THAT(builder.Advance(length), refused);
  EXPECT_THAT(builder.Append(length, int64_t{1}), refused);
  EXPECT_THAT(builder.Append(builder.data(), length), refused);
  EXPECT_THAT(builder.FinishWithLength(length), refused);
  EXPECT_THAT(builder.Reserve(INT64_MAX), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(builder.Reserve(INT64_MAX / 8), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(builder.length(), 1);
  EXPECT_EQ(builder.data()[0], 5);
}

TEST(TypedBufferBuilder, NegativeNumbersOfValuesAreInvalid) {
  TypedBufferBuilder<int64_t> builder;
  const auto refused = StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1"));
  EXPECT_THAT(builder.Reserve(-1), refused);
  EXPECT_THAT(builder.Resize(-1), refused);
  EXPECT_THAT(builder.Advance(-1), refused);
  EXPECT_THAT(builder.Append(int64_t{-1}, int64_t{7}), refused);
  EXPECT_THAT(builder.Append(static_cast<const int64_t*>(nullptr), -1), refused);
  EXPECT_THAT(builder.FinishWithLength(-1), refused);
  EXPECT_THAT(builder.Reserve(INT64_MIN), StatusIs(StatusCode::kInvalidArgument));
}

TEST(TypedBufferBuilder, FinishWithLengthIsInValues) {
  TypedBufferBuilder<int16_t> builder;
  ALKAID_ASSERT_OK(builder.Resize(10));
  for (int16_t i = 0; i < 10; ++i) builder.mutable_data()[i] = i;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.FinishWithLength(3));
  EXPECT_THAT(buffer->span_as<int16_t>(), ElementsAre(0, 1, 2));
}

TEST(TypedBufferBuilder, SharesItsBytesWithABufferBuilder) {
  BufferBuilder bytes;
  ALKAID_ASSERT_OK(bytes.Append("\1\0\0\0", 4));
  TypedBufferBuilder<uint32_t> builder(std::move(bytes));
  EXPECT_EQ(builder.length(), 1);
  ALKAID_ASSERT_OK(builder.Append(2));
  ALKAID_ASSERT_OK(builder.bytes_builder()->Append("\3\0\0\0", 4));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_THAT(buffer->span_as<uint32_t>(), ElementsAre(1, 2, 3));
}

TEST(TypedBufferBuilder, TakesItsBytesFromTheGivenPoolOrBuffer) {
  ProxyMemoryPool pool(default_memory_pool());
  {
    TypedBufferBuilder<int64_t> builder(&pool);
    ALKAID_ASSERT_OK(builder.Append(1));
    EXPECT_EQ(pool.bytes_allocated(), 64);
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<ResizableBuffer> start,
                              AllocateResizableBuffer(8, &pool));
  std::memset(start->mutable_data(), 0, 8);
  TypedBufferBuilder<int64_t> builder(std::move(start), &pool);
  ALKAID_ASSERT_OK(builder.Append(9));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_THAT(buffer->span_as<int64_t>(), ElementsAre(0, 9));
}

TEST(TypedBufferBuilder, ReservesInValues) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  TypedBufferBuilder<double> builder(&pool);
  ALKAID_ASSERT_OK(builder.SetReservation(3702));
  EXPECT_EQ(builder.reservation(), 3702);
  for (const int64_t count : {3271, 3702, 3500}) {
    for (int64_t i = 0; i < count; ++i) ALKAID_ASSERT_OK(builder.Append(1.0));
    EXPECT_EQ(builder.capacity(), 3704);
    builder.Reset();
  }
  EXPECT_EQ(pool.reallocations_seen(), 0);
  EXPECT_THAT(builder.SetReservation(-3), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-3")));
  EXPECT_THAT(builder.SetReservation(INT64_MAX), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(builder.reservation(), 3702);
}

TEST(TypedBufferBuilder, LeavesNothingBehindWhereverItsPoolFails) {
  const int64_t tried = ForEachAllocationFailure(default_memory_pool(), [](MemoryPool* pool) {
    TypedBufferBuilder<int32_t> builder(pool);
    for (int i = 0; i < 5000; ++i) ALKAID_RETURN_NOT_OK(builder.Append(i));
    return builder.Finish().status();
  });
  EXPECT_GE(tried, 9);
}

TEST(TypedBufferBuilder, RewindsInValues) {
  TypedBufferBuilder<int32_t> builder;
  for (int i = 0; i < 100; ++i) ALKAID_ASSERT_OK(builder.Append(i));
  const int64_t capacity = builder.capacity();
  builder.Rewind(2);
  EXPECT_EQ(builder.length(), 2);
  EXPECT_EQ(builder.capacity(), capacity);
  ALKAID_ASSERT_OK(builder.Append(7));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_THAT(buffer->span_as<int32_t>(), ElementsAre(0, 1, 7));
}

}  // namespace
}  // namespace alkaid
