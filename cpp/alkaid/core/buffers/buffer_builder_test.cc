#include "alkaid/core/buffers/buffer_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/pools/capped_memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(BufferBuilder, JoinsWhatItIsGiven) {
  BufferBuilder builder;
  ALKAID_ASSERT_OK(builder.Append("hello ", 6));
  ALKAID_ASSERT_OK(builder.Append(std::string_view("world")));
  ALKAID_ASSERT_OK(builder.Append(3, uint8_t{'!'}));
  ALKAID_ASSERT_OK(builder.Advance(2));
  EXPECT_EQ(builder.length(), 16);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_EQ(buffer->ToString(), std::string("hello world!!!\0\0", 16));
  EXPECT_EQ(builder.length(), 0);
  EXPECT_EQ(builder.capacity(), 0);
}

TEST(BufferBuilder, KeepsItsAlignmentWhileItGrowsOnEachBackend) {
  const std::string block(512, 'x');
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto pool, CreateMemoryPool(backend));
    std::vector<std::shared_ptr<Buffer>> live;
    for (int i = 0; i < 6; ++i) {
      BufferBuilder builder(pool.get(), /*alignment=*/512);
      for (int blocks = 1; blocks <= 300; ++blocks) {
        ALKAID_ASSERT_OK(builder.Append(block));
        ASSERT_EQ(reinterpret_cast<uintptr_t>(builder.data()) % 512, 0u)
            << backend << ", at " << builder.length() << " bytes";
      }
      builder.Rewind(512 << i);
      ALKAID_ASSERT_OK_AND_ASSIGN(live.emplace_back(), builder.Finish());
      ASSERT_EQ(live.back()->address() % 512, 0u) << backend << ", finished";
    }
  }
}

TEST(BufferBuilder, TheFinishedBufferIsPaddedWithZeros) {
  for (const bool shrink_to_fit : {true, false}) {
    BufferBuilder builder;
    ALKAID_ASSERT_OK(builder.Append(1000, uint8_t{0xff}));
    builder.Rewind(10);
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish(shrink_to_fit));
    EXPECT_EQ(buffer->size(), 10);
    EXPECT_EQ(buffer->capacity(), shrink_to_fit ? 64 : 1024);
    for (int64_t i = 10; i < buffer->capacity(); ++i) ASSERT_EQ(buffer->data()[i], 0) << i;
  }
}

TEST(BufferBuilder, FinishesEmptyAsABufferOfNoBytes) {
  BufferBuilder builder;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  ASSERT_NE(buffer, nullptr);
  EXPECT_EQ(buffer->size(), 0);
}

TEST(BufferBuilder, BuildsOneBufferAfterAnother) {
  BufferBuilder builder;
  ALKAID_ASSERT_OK(builder.Append("first"));
  std::shared_ptr<Buffer> first;
  ALKAID_ASSERT_OK(builder.Finish(&first));
  ALKAID_ASSERT_OK(builder.Append("second"));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto second, builder.Finish());
  EXPECT_EQ(first->ToString(), "first");
  EXPECT_EQ(second->ToString(), "second");
}

TEST(BufferBuilder, TakesItsBytesFromItsPoolAtItsAlignment) {
  ProxyMemoryPool pool(default_memory_pool());
  {
    BufferBuilder builder(&pool, 1024);
    for (int i = 0; i < 100; ++i) {
      ALKAID_ASSERT_OK(builder.Append(100, static_cast<uint8_t>(i)));
      ASSERT_EQ(reinterpret_cast<uintptr_t>(builder.data()) % 1024, 0u);
    }
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
    EXPECT_EQ(buffer->address() % 1024, 0u);
    EXPECT_EQ(pool.bytes_allocated(), 10048);
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(BufferBuilder, AndItsBuffersHoldAPoolThatTheyShare) {
  auto pool = std::make_shared<ProxyMemoryPool>(default_memory_pool());
  const std::weak_ptr<MemoryPool> watch = pool;
  std::shared_ptr<Buffer> buffer;
  {
    BufferBuilder builder(std::move(pool));
    ALKAID_ASSERT_OK(builder.Append("kept"));
    ALKAID_ASSERT_OK(builder.Finish(&buffer));
  }
  EXPECT_FALSE(watch.expired());
  buffer.reset();
  EXPECT_TRUE(watch.expired());
}

TEST(BufferBuilder, GoesOnBehindTheBytesOfAGivenBuffer) {
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<ResizableBuffer> start, AllocateResizableBuffer(5));
  std::memcpy(start->mutable_data(), "hello", 5);
  const uint8_t* const data = start->data();
  BufferBuilder builder(std::move(start));
  EXPECT_EQ(builder.length(), 5);
  EXPECT_EQ(builder.capacity(), 64);
  ALKAID_ASSERT_OK(builder.Append(" world"));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_EQ(buffer->ToString(), "hello world");
  EXPECT_EQ(buffer->data(), data);
}

TEST(BufferBuilder, CapacityAtLeastDoubles) {
  EXPECT_EQ(BufferBuilder::GrowByFactor(64, 65), 128);
  EXPECT_EQ(BufferBuilder::GrowByFactor(64, 1000), 1000);
  EXPECT_EQ(BufferBuilder::GrowByFactor(0, 1), 1);
  EXPECT_EQ(BufferBuilder::GrowByFactor(INT64_MAX - 1, INT64_MAX), INT64_MAX);
  FaultInjectingMemoryPool pool(default_memory_pool());
  BufferBuilder builder(&pool);
  for (int i = 0; i < 1000000; ++i) ALKAID_ASSERT_OK(builder.Append("x", 1));
  EXPECT_LE(pool.reallocations_seen(), 20);
}

TEST(BufferBuilder, GrowsAtOnceToWhatIsReservedAfterEachEmptying) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  BufferBuilder builder(&pool);
  ALKAID_ASSERT_OK(builder.SetReservation(10000));
  EXPECT_EQ(builder.reservation(), 10000);
  EXPECT_EQ(builder.capacity(), 0);
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 10000; ++i) ALKAID_ASSERT_OK(builder.Append("x", 1));
    EXPECT_EQ(builder.capacity(), 10048);
    EXPECT_EQ(pool.reallocations_seen(), 0);
    std::shared_ptr<Buffer> out;
    if (round % 2 == 0) {
      builder.Reset();
    } else {
      ALKAID_ASSERT_OK(builder.Finish(&out, /*shrink_to_fit=*/false));
    }
    BufferBuilder moved = std::move(builder);
    builder = std::move(moved);
  }
}

TEST(BufferBuilder, AReservationThatIsTooSmallIsNoFault) {
  BufferBuilder builder;
  ALKAID_ASSERT_OK(builder.SetReservation(100));
  for (int i = 0; i < 1000; ++i) ALKAID_ASSERT_OK(builder.Append("y"));
  ALKAID_ASSERT_OK(builder.Append(100000, uint8_t{'y'}));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_EQ(buffer->ToString(), std::string(101000, 'y'));
}

TEST(BufferBuilder, AReservationForWhichThereIsNoMemoryIsNoFault) {
  CappedMemoryPool pool(default_memory_pool(), 4096);
  BufferBuilder builder(&pool);
  for (const int64_t absurd : {int64_t{1} << 40, INT64_MAX}) {
    ALKAID_ASSERT_OK(builder.SetReservation(absurd));
    ALKAID_ASSERT_OK(builder.Append(1000, uint8_t{1}));
    EXPECT_EQ(builder.capacity(), 1024);
    EXPECT_THAT(builder.Append(8000, uint8_t{1}), StatusIs(StatusCode::kResourceExhausted));
    EXPECT_EQ(builder.length(), 1000);
    builder.Reset();
  }
}

TEST(BufferBuilder, ANegativeReservationIsInvalidAndChangesNothing) {
  BufferBuilder builder;
  ALKAID_ASSERT_OK(builder.SetReservation(640));
  EXPECT_THAT(builder.SetReservation(-1), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1")));
  EXPECT_EQ(builder.reservation(), 640);
}

TEST(BufferBuilder, ReserveMakesRoomForThatManyMore) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  BufferBuilder builder(&pool);
  ALKAID_ASSERT_OK(builder.Append("0123456789"));
  ALKAID_ASSERT_OK(builder.Reserve(1000));
  EXPECT_GE(builder.capacity(), 1010);
  const int64_t before = pool.reallocations_seen();
  ALKAID_ASSERT_OK(builder.Append(1000, uint8_t{1}));
  ALKAID_ASSERT_OK(builder.Reserve(0));
  EXPECT_EQ(pool.reallocations_seen(), before);
}

TEST(BufferBuilder, ReserveOfAbsurdSizesIsOutOfMemory) {
  BufferBuilder builder;
  EXPECT_THAT(builder.Reserve(INT64_MAX), StatusIs(StatusCode::kResourceExhausted));
  ALKAID_ASSERT_OK(builder.Append("1234"));
  EXPECT_THAT(builder.Reserve(INT64_MAX),
              StatusIs(StatusCode::kResourceExhausted,
                       AllOf(HasSubstr(std::to_string(INT64_MAX)), HasSubstr("more than 4"))));
  EXPECT_THAT(builder.Append(INT64_MAX, uint8_t{0}), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(builder.Advance(INT64_MAX - 10), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(builder.Resize(INT64_MAX), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(builder.FinishWithLength(INT64_MAX), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(builder.length(), 4);
  EXPECT_EQ(std::memcmp(builder.data(), "1234", 4), 0);
}

TEST(BufferBuilder, NegativeLengthsAreInvalidAndNamed) {
  BufferBuilder builder;
  const auto refused = StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1"));
  EXPECT_THAT(builder.Reserve(-1), refused);
  EXPECT_THAT(builder.Resize(-1), refused);
  EXPECT_THAT(builder.Append("x", -1), refused);
  EXPECT_THAT(builder.Append(-1, uint8_t{0}), refused);
  EXPECT_THAT(builder.Advance(-1), refused);
  EXPECT_THAT(builder.FinishWithLength(-1), refused);
  EXPECT_THAT(builder.Reserve(INT64_MIN), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(builder.length(), 0);
}

TEST(BufferBuilder, AnAlignmentThatIsNoPowerOfTwoIsInvalid) {
  BufferBuilder builder(default_memory_pool(), 48);
  EXPECT_THAT(builder.Append("x"), StatusIs(StatusCode::kInvalidArgument, HasSubstr("48")));
}

TEST(BufferBuilder, ResizeBelowTheLengthDropsTheBytesBehind) {
  BufferBuilder builder;
  ALKAID_ASSERT_OK(builder.Append(std::string(200, 'x')));
  ALKAID_ASSERT_OK(builder.Resize(10));
  EXPECT_EQ(builder.length(), 10);
  EXPECT_EQ(builder.capacity(), 64);
  ALKAID_ASSERT_OK(builder.Append("yy"));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_EQ(buffer->ToString(), std::string(10, 'x') + "yy");
}

TEST(BufferBuilder, FinishWithLengthTakesBytesThatWereWrittenDirectly) {
  BufferBuilder builder;
  ALKAID_ASSERT_OK(builder.Resize(100));
  std::memset(builder.mutable_data(), 'z', 100);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.FinishWithLength(7));
  EXPECT_EQ(buffer->ToString(), "zzzzzzz");
}

TEST(BufferBuilder, FinishWithLengthPastTheCapacityAddsZeros) {
  BufferBuilder builder;
  ALKAID_ASSERT_OK(builder.Append(std::string(64, 'x')));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.FinishWithLength(5000));
  EXPECT_EQ(buffer->ToString(), std::string(64, 'x') + std::string(5000 - 64, '\0'));
}

TEST(BufferBuilder, MovedFromIsEmptyAndMovedToGoesOn) {
  BufferBuilder from;
  ALKAID_ASSERT_OK(from.Append("abc"));
  BufferBuilder to(std::move(from));
  EXPECT_EQ(from.length(), 0);  // NOLINT(bugprone-use-after-move): this is the promise
  EXPECT_EQ(from.data(), nullptr);
  ALKAID_ASSERT_OK(to.Append("def"));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, to.Finish());
  EXPECT_EQ(buffer->ToString(), "abcdef");
}

TEST(BufferBuilder, ResetDropsTheBytes) {
  ProxyMemoryPool pool(default_memory_pool());
  BufferBuilder builder(&pool);
  ALKAID_ASSERT_OK(builder.Append("abc"));
  builder.Reset();
  EXPECT_EQ(pool.bytes_allocated(), 0);
  EXPECT_EQ(builder.length(), 0);
  ALKAID_ASSERT_OK(builder.Append("d"));
  EXPECT_EQ(builder.length(), 1);
}

TEST(BufferBuilder, HoldsWhatItHeldWhenThePoolFails) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  BufferBuilder builder(&pool);
  ALKAID_ASSERT_OK(builder.Append(100, uint8_t{'a'}));
  pool.fail_after(1);
  EXPECT_THAT(builder.Append(100, uint8_t{'b'}), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(builder.length(), 100);
  builder.Rewind(5);
  pool.fail_after(1);
  EXPECT_THAT(builder.Finish(), StatusIs(StatusCode::kResourceExhausted));
  pool.fail_after(1);
  EXPECT_THAT(builder.FinishWithLength(1), StatusIs(StatusCode::kResourceExhausted));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_EQ(buffer->ToString(), "aaaaa");
}

TEST(BufferBuilder, LeavesNothingBehindWhereverItsPoolFails) {
  const int64_t tried = ForEachAllocationFailure(default_memory_pool(), [](MemoryPool* pool) {
    BufferBuilder builder(pool);
    for (int i = 0; i < 1000; ++i) ALKAID_RETURN_NOT_OK(builder.Append("0123456789"));
    return builder.Finish().status();
  });
  EXPECT_GE(tried, 8);
}

TEST(BufferBuilder, BytesOfTheBuilderItselfMayBeAppendedWhileItGrows) {
  BufferBuilder builder(system_memory_pool());
  ASSERT_TRUE(builder.Append("0123456789").ok());
  std::string expected = "0123456789";
  while (expected.size() < 100000) {
    ASSERT_TRUE(builder.Append(builder.data() + 3, builder.length() - 3).ok());
    expected += expected.substr(3);
  }
  const auto buffer = builder.Finish();
  ASSERT_TRUE(buffer.ok());
  EXPECT_EQ((*buffer)->ToString(), expected);
}

TEST(TypedBufferBuilder, ValuesOfTheBuilderItselfMayBeAppendedWhileItGrows) {
  TypedBufferBuilder<int32_t> builder(system_memory_pool());
  for (int32_t i = 0; i < 16; ++i) ASSERT_TRUE(builder.Append(i).ok());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(builder.Append(builder.data(), builder.length()).ok());
  ASSERT_EQ(builder.length(), 16 << 10);
  for (int64_t i = 0; i < builder.length(); ++i) ASSERT_EQ(builder.data()[i], i % 16);
}

}  // namespace
}  // namespace alkaid
