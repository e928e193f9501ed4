#include "alkaid/core/buffers/bitmap_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/bitmap_bits.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::HasSubstr;

// A builder and a plain vector that get the same bits.
class Pair {
 public:
  void Append(bool value) {
    ALKAID_EXPECT_OK(builder.Append(value));
    expected.push_back(value);
  }
  void AppendCopies(int64_t count, bool value) {
    ALKAID_EXPECT_OK(builder.Append(count, value));
    expected.insert(expected.end(), static_cast<size_t>(count), value);
  }
  void Check() const {
    ASSERT_EQ(builder.length(), static_cast<int64_t>(expected.size()));
    EXPECT_EQ(builder.false_count(), std::count(expected.begin(), expected.end(), false));
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(bit_util::GetBit(builder.data(), static_cast<int64_t>(i)), expected[i]) << i;
    }
  }
  void FinishAndCheck() {
    Check();
    const auto buffer = builder.Finish();
    ASSERT_THAT(buffer, IsOk());
    const auto bits = static_cast<int64_t>(expected.size());
    ASSERT_EQ((*buffer)->size(), (bits + 7) / 8);
    for (int64_t i = 0; i < bits; ++i) {
      ASSERT_EQ(bit_util::GetBit((*buffer)->data(), i), expected[static_cast<size_t>(i)]) << i;
    }
    for (int64_t i = bits; i < (*buffer)->capacity() * 8; ++i) {
      ASSERT_FALSE(bit_util::GetBit((*buffer)->data(), i)) << i;
    }
    EXPECT_EQ(builder.length(), 0);
    EXPECT_EQ(builder.false_count(), 0);
    expected.clear();
  }

  TypedBufferBuilder<bool> builder;
  std::vector<bool> expected;
};

TEST(BitmapBuilder, PacksTheBitsAndCountsTheFalseOnes) {
  Pair pair;
  for (int i = 0; i < 100; ++i) {
    pair.Append(i % 3 == 0);
    pair.Check();
  }
  pair.FinishAndCheck();
  pair.Append(true);
  pair.FinishAndCheck();
}

TEST(BitmapBuilder, EveryMixOfAppendsGivesTheBitsInOrder) {
  std::mt19937 random(7);
  const std::vector<uint8_t> source = [&random] {
    std::vector<uint8_t> bytes(64);
    for (auto& byte : bytes) byte = static_cast<uint8_t>(random() % 4 == 0 ? 0 : random());
    return bytes;
  }();
  for (int round = 0; round < 20; ++round) {
    Pair pair;
    for (int step = 0; step < 60; ++step) {
      const auto count = static_cast<int64_t>(random() % 50);
      const bool value = random() % 2 != 0;
      switch (random() % 6) {
        case 0:
          for (int64_t i = 0; i < count; ++i) pair.Append(random() % 2 != 0);
          break;
        case 1:
          pair.AppendCopies(count, value);
          break;
        case 2:
          ALKAID_ASSERT_OK(pair.builder.Append(source.data(), count));
          for (int64_t i = 0; i < count; ++i) pair.expected.push_back(source[i] != 0);
          break;
        case 3: {
          const auto offset = static_cast<int64_t>(random() % 20);
          ALKAID_ASSERT_OK(pair.builder.Reserve(count));
          pair.builder.UnsafeAppend(source.data(), offset, count);
          for (int64_t i = 0; i < count; ++i) {
            pair.expected.push_back(bit_util::GetBit(source.data(), offset + i));
          }
          break;
        }
        case 4:
          ALKAID_ASSERT_OK(pair.builder.Advance(count));
          pair.expected.insert(pair.expected.end(), static_cast<size_t>(count), false);
          break;
        case 5:
          ALKAID_ASSERT_OK(pair.builder.Reserve(count));
          for (int64_t i = 0; i < count; ++i) pair.builder.UnsafeAppend(value);
          pair.expected.insert(pair.expected.end(), static_cast<size_t>(count), value);
          break;
      }
    }
    pair.FinishAndCheck();
  }
}

TEST(BitmapBuilder, AGeneratorIsAskedOncePerBit) {
  TypedBufferBuilder<bool> builder;
  ALKAID_ASSERT_OK(builder.Append(true));
  ALKAID_ASSERT_OK(builder.Reserve(100));
  int asked = 0;
  builder.UnsafeAppend<true>(50, [&asked] { return asked++ % 5 == 0; });
  EXPECT_EQ(asked, 50);
  EXPECT_EQ(builder.false_count(), 40);
  builder.UnsafeAppend<false>(50, [] { return false; });
  EXPECT_EQ(builder.false_count(), 40) << "these were not to be counted";
  EXPECT_EQ(builder.length(), 101);
  ALKAID_ASSERT_OK(builder.Append(false));
  EXPECT_EQ(builder.false_count(), 41);
  EXPECT_TRUE(bit_util::GetBit(builder.data(), 46));
  EXPECT_FALSE(bit_util::GetBit(builder.data(), 47));
}

TEST(BitmapBuilder, SeesWhatIsWrittenThroughMutableDataBetweenAppends) {
  TypedBufferBuilder<bool> builder;
  for (int i = 0; i < 10; ++i) ALKAID_ASSERT_OK(builder.Append(false));
  bit_util::SetBit(builder.mutable_data(), 3);
  for (int i = 0; i < 10; ++i) ALKAID_ASSERT_OK(builder.Append(true));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_EQ(buffer->ToHexString(), "08FC0F");
}

TEST(BitmapBuilder, BitsWrittenBehindTheEndDoNotShowUpLater) {
  TypedBufferBuilder<bool> builder;
  ALKAID_ASSERT_OK(builder.Append(true));
  builder.mutable_data()[0] = 0xff;
  ALKAID_ASSERT_OK(builder.Append(false));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_EQ(buffer->ToHexString(), "01");
}

TEST(BitmapBuilder, FinishWithLengthTakesBitsThatWereWrittenDirectly) {
  TypedBufferBuilder<bool> builder;
  ALKAID_ASSERT_OK(builder.Resize(100));
  bit_util::SetBit(builder.mutable_data(), 2);
  bit_util::SetBit(builder.mutable_data(), 12);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.FinishWithLength(12));
  EXPECT_EQ(buffer->ToHexString(), "0400");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto grown, builder.FinishWithLength(1000));
  EXPECT_EQ(grown->size(), 125);
  EXPECT_EQ(bit_util::CountSetBits(grown->data(), 0, 1000), 0);
}

TEST(BitmapBuilder, AMillionAppendsCostTwentyReallocationsAtMost) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  TypedBufferBuilder<bool> builder(&pool);
  for (int i = 0; i < 1000000; ++i) ALKAID_ASSERT_OK(builder.Append(i % 7 == 0));
  EXPECT_LE(pool.reallocations_seen(), 20);
  EXPECT_EQ(builder.length(), 1000000);
  EXPECT_EQ(builder.false_count(), 1000000 - 142858);
}

TEST(BitmapBuilder, ResizeBelowTheLengthDropsTheBitsBehind) {
  TypedBufferBuilder<bool> builder;
  ALKAID_ASSERT_OK(builder.Append(int64_t{1000}, true));
  ALKAID_ASSERT_OK(builder.Append(int64_t{1000}, false));
  ALKAID_ASSERT_OK(builder.Resize(1003));
  EXPECT_EQ(builder.length(), 1003);
  EXPECT_EQ(builder.false_count(), 3);
  ALKAID_ASSERT_OK(builder.Resize(13));
  EXPECT_EQ(builder.length(), 13);
  EXPECT_EQ(builder.false_count(), 0);
  ALKAID_ASSERT_OK(builder.Advance(3));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_EQ(buffer->ToHexString(), "FF1F");
}

TEST(BitmapBuilder, GoesOnBehindTheBytesOfABufferBuilder) {
  BufferBuilder bytes;
  ALKAID_ASSERT_OK(bytes.Append("\x0f", 1));
  TypedBufferBuilder<bool> builder(std::move(bytes));
  EXPECT_EQ(builder.length(), 8);
  EXPECT_EQ(builder.false_count(), 4);
  ALKAID_ASSERT_OK(builder.Append(true));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_EQ(buffer->ToHexString(), "0F01");
}

// Has exactly as many bytes as were requested.
class ExactBuffer final : public ResizableBuffer {
 public:
  explicit ExactBuffer(int64_t size) : ResizableBuffer(nullptr, 0) {
    EXPECT_THAT(Resize(size, true), IsOk());
  }
  Status Resize(int64_t new_size, bool) override {
    ALKAID_RETURN_NOT_OK(Reserve(new_size));
    size_ = new_size;
    return absl::OkStatus();
  }
  Status Reserve(int64_t new_capacity) override {
    if (new_capacity <= capacity_) return absl::OkStatus();
    auto bytes = std::make_unique<uint8_t[]>(static_cast<size_t>(new_capacity));
    std::copy_n(bytes_.get(), size_, bytes.get());
    bytes_ = std::move(bytes);
    data_ = bytes_.get();
    capacity_ = new_capacity;
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
};

TEST(BitmapBuilder, StaysInsideABufferWhoseCapacityIsNoWholeNumberOfWords) {
  for (int64_t bytes = 0; bytes < 20; ++bytes) {
    std::shared_ptr<ResizableBuffer> start = std::make_shared<ExactBuffer>(bytes);
    TypedBufferBuilder<bool> builder{BufferBuilder(std::move(start))};
    EXPECT_EQ(builder.length(), bytes * 8);
    for (int i = 0; i < 300; ++i) ALKAID_ASSERT_OK(builder.Append(true));
    ALKAID_ASSERT_OK(builder.Append(int64_t{71}, true));
    ALKAID_ASSERT_OK(builder.Append(false));
    EXPECT_EQ(builder.false_count(), bytes * 8 + 1);
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
    EXPECT_EQ(bit_util::CountSetBits(buffer->data(), bytes * 8, 372), 371);
    EXPECT_EQ(bit_util::CountSetBits(buffer->data(), 0, bytes * 8), 0);
  }
}

TEST(BitmapBuilder, MovedFromIsEmptyAndMovedToGoesOn) {
  TypedBufferBuilder<bool> from;
  for (int i = 0; i < 5; ++i) ALKAID_ASSERT_OK(from.Append(true));
  TypedBufferBuilder<bool> to(std::move(from));
  EXPECT_EQ(from.length(), 0);  // NOLINT(bugprone-use-after-move): this is the promise
  EXPECT_EQ(from.false_count(), 0);
  ALKAID_ASSERT_OK(to.Append(false));
  ALKAID_ASSERT_OK(from.Append(true));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto first, from.Finish());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto second, to.Finish());
  EXPECT_EQ(first->ToHexString(), "01");
  EXPECT_EQ(second->ToHexString(), "1F");
}

TEST(BitmapBuilder, RefusesNegativeAndAbsurdLengths) {
  TypedBufferBuilder<bool> builder;
  ALKAID_ASSERT_OK(builder.Append(true));
  const auto negative = StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1"));
  EXPECT_THAT(builder.Reserve(-1), negative);
  EXPECT_THAT(builder.Resize(-1), negative);
  EXPECT_THAT(builder.Advance(-1), negative);
  EXPECT_THAT(builder.Append(int64_t{-1}, true), negative);
  EXPECT_THAT(builder.FinishWithLength(-1), negative);
  EXPECT_THAT(builder.Reserve(INT64_MAX),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr(std::to_string(INT64_MAX))));
  EXPECT_THAT(builder.Resize(INT64_MAX), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(builder.length(), 1);
}

TEST(BitmapBuilder, HoldsWhatItHeldWhenThePoolFails) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  TypedBufferBuilder<bool> builder(&pool);
  ALKAID_ASSERT_OK(builder.Append(int64_t{512}, true));
  pool.fail_after(1);
  EXPECT_THAT(builder.Append(true), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(builder.length(), 512);
  ALKAID_ASSERT_OK(builder.Append(false));
  EXPECT_EQ(builder.false_count(), 1);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
  EXPECT_EQ(bit_util::CountSetBits(buffer->data(), 0, 513), 512);
}

TEST(BitmapBuilder, ReservesInBits) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  TypedBufferBuilder<bool> builder(&pool);
  ALKAID_ASSERT_OK(builder.SetReservation(10000));
  EXPECT_EQ(builder.reservation(), 10048);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10000; ++i) ALKAID_ASSERT_OK(builder.Append(i % 3 == 0));
    EXPECT_EQ(builder.capacity(), 10240);
    EXPECT_EQ(builder.false_count(), 6666);
    builder.Reset();
  }
  EXPECT_EQ(pool.reallocations_seen(), 0);
  EXPECT_THAT(builder.SetReservation(-3), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-3")));
  ALKAID_ASSERT_OK(builder.bytes_builder()->SetReservation(INT64_MAX));
  EXPECT_EQ(builder.reservation(), INT64_MAX);
  ALKAID_ASSERT_OK(builder.Append(true));
  EXPECT_EQ(builder.capacity(), 512);
}

TEST(BitmapBuilder, RewindsToAnyBit) {
  for (const int64_t position : {0, 1, 8, 63, 64, 65, 130, 199, 200}) {
    TypedBufferBuilder<bool> builder;
    for (int i = 0; i < 200; ++i) ALKAID_ASSERT_OK(builder.Append(i % 3 == 0));
    const int64_t capacity = builder.capacity();
    builder.Rewind(position);
    EXPECT_EQ(builder.length(), position);
    EXPECT_EQ(builder.capacity(), capacity);
    EXPECT_EQ(builder.false_count(), position - (position + 2) / 3) << position;
    EXPECT_EQ(bit_util::CountSetBits(builder.data(), 0, 200), (position + 2) / 3) << position;
    ALKAID_ASSERT_OK(builder.Append(false));
    ALKAID_ASSERT_OK(builder.Append(true));
    ALKAID_ASSERT_OK(builder.Append(int64_t{70}, false));
    EXPECT_EQ(builder.length(), position + 72);
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto buffer, builder.Finish());
    for (int64_t i = 0; i < buffer->capacity() * 8; ++i) {
      const bool expected = i < position ? i % 3 == 0 : i == position + 1;
      ASSERT_EQ(bit_util::GetBit(buffer->data(), i), expected) << position << ", bit " << i;
    }
  }
}

}  // namespace
}  // namespace alkaid
