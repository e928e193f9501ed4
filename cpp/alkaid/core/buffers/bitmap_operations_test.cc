#include "alkaid/core/buffers/bitmap_operations.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::internal {
namespace {

using Bits = std::vector<bool>;

std::vector<uint8_t> RandomBytes(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes(40);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

Bits Read(const uint8_t* bitmap, int64_t offset, int64_t length) {
  Bits bits;
  for (int64_t i = 0; i < length; ++i) bits.push_back(bit_util::GetBit(bitmap, offset + i));
  return bits;
}

// Offsets and lengths around the boundaries of bytes and words.
void ForAllRanges(const std::function<void(int64_t, int64_t, int64_t)>& test) {
  for (const int64_t left : {0, 1, 7, 8, 13}) {
    for (const int64_t right : {0, 3, 8, 63}) {
      for (const int64_t length : {0, 1, 5, 8, 57, 63, 64, 65, 71, 128, 130, 200}) {
        test(left, right, length);
      }
    }
  }
}

class BitmapOperations : public ::testing::Test {
 protected:
  // Exactly the bytes that hold the bits, so that a sanitizer sees any access past them.
  static std::vector<uint8_t> Cut(const std::vector<uint8_t>& bytes, int64_t offset,
                                  int64_t length) {
    return {bytes.begin(), bytes.begin() + bit_util::BytesForBits(offset + length)};
  }

  const std::vector<uint8_t> left = RandomBytes(1);
  const std::vector<uint8_t> right = RandomBytes(2);
};

using Write = void (*)(const uint8_t*, int64_t, int64_t, uint8_t*, int64_t);
using Combine = void (*)(const uint8_t*, int64_t, const uint8_t*, int64_t, int64_t, int64_t,
                         uint8_t*);
using Combined = Result<std::shared_ptr<Buffer>> (*)(PoolHandle, const uint8_t*, int64_t,
                                                     const uint8_t*, int64_t, int64_t, int64_t);

TEST_F(BitmapOperations, CombineEachPairOfBitsAndNoOther) {
  struct Operation {
    Combine combine;
    Combined combined;
    bool (*one)(bool, bool);
  };
  const Operation operations[] = {
      {BitmapAnd, BitmapAnd, [](bool a, bool b) { return a && b; }},
      {BitmapOr, BitmapOr, [](bool a, bool b) { return a || b; }},
      {BitmapXor, BitmapXor, [](bool a, bool b) { return a != b; }},
      {BitmapAndNot, BitmapAndNot, [](bool a, bool b) { return a && !b; }},
      {BitmapOrNot, BitmapOrNot, [](bool a, bool b) { return a || !b; }},
  };
  for (const Operation& operation : operations) {
    ForAllRanges([&](int64_t l, int64_t r, int64_t length) {
      const auto a = Cut(left, l, length);
      const auto b = Cut(right, r, length);
      const int64_t at = (l + r) % 11;
      Bits expected = Read(left.data(), 0, 320);
      for (int64_t i = 0; i < length; ++i) {
        expected[at + i] =
            operation.one(bit_util::GetBit(a.data(), l + i), bit_util::GetBit(b.data(), r + i));
      }
      std::vector<uint8_t> out = left;
      operation.combine(a.data(), l, b.data(), r, length, at, out.data());
      EXPECT_EQ(Read(out.data(), 0, 320), expected) << l << " " << r << " " << length;
      ALKAID_ASSERT_OK_AND_ASSIGN(
          const auto made, operation.combined(nullptr, a.data(), l, b.data(), r, length, at));
      EXPECT_EQ(made->size(), bit_util::BytesForBits(length + at));
      EXPECT_EQ(CountSetBits(made->data(), 0, at), 0);
      EXPECT_TRUE(BitmapEquals(made->data(), at, out.data(), at, length));
    });
  }
}

TEST_F(BitmapOperations, CopyInvertAndReverse) {
  ForAllRanges([&](int64_t offset, int64_t at, int64_t length) {
    const auto from = Cut(left, offset, length);
    const Bits bits = Read(left.data(), offset, length);
    for (const bool invert : {false, true}) {
      Bits expected = Read(right.data(), 0, 320);
      Bits reversed = expected;
      for (int64_t i = 0; i < length; ++i) {
        expected[at + i] = bits[i] != invert;
        reversed[at + i] = bits[length - 1 - i];
      }
      std::vector<uint8_t> out = right;
      const auto write = invert ? static_cast<Write>(InvertBitmap) : bit_util::CopyBitmap;
      write(from.data(), offset, length, out.data(), at);
      EXPECT_EQ(Read(out.data(), 0, 320), expected) << offset << " " << at << " " << length;
      out = right;
      ReverseBitmap(from.data(), offset, length, out.data(), at);
      EXPECT_EQ(Read(out.data(), 0, 320), reversed) << offset << " " << at << " " << length;
    }
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto copy,
                                CopyBitmap(nullptr, from.data(), offset, length, at));
    EXPECT_EQ(Read(copy->data(), at, length), bits);
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto inverted,
                                InvertBitmap(nullptr, from.data(), offset, length));
    EXPECT_EQ(CountSetBits(inverted->data(), 0, inverted->size() * 8),
              length - CountSetBits(left.data(), offset, length));
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto reversed,
                                ReverseBitmap(nullptr, from.data(), offset, length));
    EXPECT_EQ(Read(reversed->data(), 0, length), Bits(bits.rbegin(), bits.rend()));
  });
}

TEST_F(BitmapOperations, CountAndCompare) {
  ForAllRanges([&](int64_t l, int64_t r, int64_t length) {
    const auto a = Cut(left, l, length);
    auto b = Cut(right, r, length);
    int64_t both = 0;
    for (int64_t i = 0; i < length; ++i) {
      both += bit_util::GetBit(a.data(), l + i) && bit_util::GetBit(b.data(), r + i);
    }
    EXPECT_EQ(CountAndSetBits(a.data(), l, b.data(), r, length), both);
    bit_util::CopyBitmap(a.data(), l, length, b.data(), r);
    EXPECT_TRUE(BitmapEquals(a.data(), l, b.data(), r, length));
    if (length == 0) return;
    const int64_t last = r + length - 1;
    bit_util::SetBitTo(b.data(), last, !bit_util::GetBit(b.data(), last));
    EXPECT_FALSE(BitmapEquals(a.data(), l, b.data(), r, length));
  });
}

TEST_F(BitmapOperations, NullStandsForOnes) {
  const uint8_t* const null = nullptr;
  const auto ones = Buffer::FromString("\xff\xff");
  const auto mixed = Buffer::FromString("\xff\xfe");
  EXPECT_TRUE(OptionalBitmapEquals(null, 0, null, 0, 5));
  EXPECT_TRUE(OptionalBitmapEquals(ones, 3, nullptr, 0, 13));
  EXPECT_TRUE(OptionalBitmapEquals(nullptr, 0, mixed, 0, 8));
  EXPECT_FALSE(OptionalBitmapEquals(nullptr, 0, mixed, 0, 9));
  EXPECT_FALSE(OptionalBitmapEquals(ones, 0, mixed, 0, 16));
  EXPECT_THAT(OptionalBitmapAnd(nullptr, nullptr, 0, nullptr, 0, 8), IsOkAndHolds(nullptr));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto one, OptionalBitmapAnd(nullptr, mixed, 2, nullptr, 0, 9));
  EXPECT_EQ(one->ToHexString(), "BF01");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto other,
                              OptionalBitmapAnd(nullptr, nullptr, 0, mixed, 2, 9));
  EXPECT_EQ(other->ToHexString(), "BF01");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto both, OptionalBitmapAnd(nullptr, ones, 0, mixed, 0, 16));
  EXPECT_EQ(both->ToHexString(), "FFFE");
}

TEST_F(BitmapOperations, MakeBitmapsOfBytesOfCallsAndOfOneBit) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto all_but_one, BitmapAllButOne(nullptr, 11, 4));
  EXPECT_EQ(all_but_one->ToHexString(), "EF07");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto one, BitmapAllButOne(nullptr, 11, 4, false));
  EXPECT_EQ(one->ToHexString(), "1000");
  const std::vector<uint8_t> bytes = {1, 0, 0, 5, 0, 0, 0, 1, 9};
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto bits, BytesToBits(bytes));
  EXPECT_EQ(bits->ToHexString(), "8901");
  uint8_t out[3] = {0xff, 0xff, 0xff};
  int calls = 0;
  GenerateBits(out, 4, 12, [&calls] { return ++calls % 3 == 0; });
  EXPECT_EQ(calls, 12);
  EXPECT_EQ(out[0], 0x4f);
  EXPECT_EQ(out[1], 0x92);
  EXPECT_EQ(out[2], 0xff);
}

TEST_F(BitmapOperations, RefuseWhatIsNoRangeAndTakeFromThePoolGiven) {
  EXPECT_THAT(CopyBitmap(nullptr, left.data(), 0, -1),
              StatusIs(StatusCode::kInvalidArgument, ::testing::HasSubstr("-1 bits")));
  EXPECT_THAT(BitmapAnd(nullptr, left.data(), 0, right.data(), 0, 8, -1),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(CopyBitmap(nullptr, left.data(), 0, INT64_MAX, 8),
              StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(BitmapAllButOne(nullptr, 4, 4), StatusIs(StatusCode::kInvalidArgument));
  ProxyMemoryPool pool(default_memory_pool());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto copy, CopyBitmap(&pool, left.data(), 0, 100));
  EXPECT_EQ(pool.bytes_allocated(), 64);
}

}  // namespace
}  // namespace alkaid::internal
