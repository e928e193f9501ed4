#include "alkaid/core/buffers/bitmap_operations.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "alkaid/base/checked_math.h"
#include "alkaid/core/buffers/buffer.h"

namespace alkaid::internal {
namespace {

constexpr int64_t kWordBits = 64;

uint64_t LittleEndian(uint64_t word) {
  return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

uint64_t LowBits(int64_t count) {
  return count == kWordBits ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
}

// The bytes that hold `count` bits, from 1 to 64: up to nine. The first eight and the ninth are
// treated apart.
struct Place {
  Place(int64_t offset, int64_t count)
      : byte(offset >> 3),
        shift(offset & 7),
        bytes(static_cast<std::size_t>(std::min<int64_t>((shift + count + 7) >> 3, 8))),
        in_ninth(std::max<int64_t>(shift + count - kWordBits, 0)) {}

  int64_t byte;
  int64_t shift;
  std::size_t bytes;
  int64_t in_ninth;  // bits in the ninth byte
};

// Touches no byte that holds none of the bits.
uint64_t LoadBits(const uint8_t* bits, int64_t offset, int64_t count) {
  const Place place(offset, count);
  uint64_t word = 0;
  std::memcpy(&word, bits + place.byte, place.bytes);
  word = LittleEndian(word) >> place.shift;
  if (place.in_ninth != 0) {
    word |= static_cast<uint64_t>(bits[place.byte + 8]) << (kWordBits - place.shift);
  }
  return word & LowBits(count);
}

void StoreBits(uint8_t* bits, int64_t offset, int64_t count, uint64_t value) {
  const Place place(offset, count);
  const uint64_t mask = LowBits(count);
  uint64_t word = 0;
  std::memcpy(&word, bits + place.byte, place.bytes);
  word = (LittleEndian(word) & ~(mask << place.shift)) | ((value & mask) << place.shift);
  word = LittleEndian(word);
  std::memcpy(bits + place.byte, &word, place.bytes);
  if (place.in_ninth == 0) return;
  const auto ninth_mask = static_cast<unsigned>(LowBits(place.in_ninth));
  const auto ninth = static_cast<unsigned>(value >> (kWordBits - place.shift));
  uint8_t& byte = bits[place.byte + 8];
  byte = static_cast<uint8_t>((byte & ~ninth_mask) | (ninth & ninth_mask));
}

// Calls do_word(i, count) for each word of the `length` bits; the word begins at bit i.
template <typename DoWord>
void ForEachWord(int64_t length, const DoWord& do_word) {
  for (int64_t i = 0; i < length; i += kWordBits) do_word(i, std::min(kWordBits, length - i));
}

uint64_t Reversed(uint64_t word) {
  word = ((word >> 1) & 0x5555555555555555) | ((word & 0x5555555555555555) << 1);
  word = ((word >> 2) & 0x3333333333333333) | ((word & 0x3333333333333333) << 2);
  word = ((word >> 4) & 0x0f0f0f0f0f0f0f0f) | ((word & 0x0f0f0f0f0f0f0f0f) << 4);
  return __builtin_bswap64(word);
}

struct Operands {
  const uint8_t* left;
  int64_t left_offset;
  const uint8_t* right;
  int64_t right_offset;
};

template <typename Operation>
void Combine(const Operands& of, int64_t length, int64_t out_offset, uint8_t* out,
             const Operation& operation) {
  ForEachWord(length, [&](int64_t i, int64_t count) {
    const uint64_t left = LoadBits(of.left, of.left_offset + i, count);
    const uint64_t right = LoadBits(of.right, of.right_offset + i, count);
    StoreBits(out, out_offset + i, count, operation(left, right));
  });
}

// A bitmap of zeros into which `write` writes `length` bits from `out_offset` on.
template <typename Write>
Result<std::shared_ptr<Buffer>> NewBitmap(PoolHandle pool, int64_t length, int64_t out_offset,
                                          const Write& write) {
  int64_t bits;
  if (length < 0 || out_offset < 0) {
    return status::Invalid("bitmap of ", length, " bits from bit ", out_offset, " on: negative");
  }
  if (AddOverflow(length, out_offset, &bits)) {
    return status::OutOfMemory("bitmap of ", length, " bits from bit ", out_offset,
                               " on: more bits than an int64 counts");
  }
  ALKAID_ASSIGN_OR_RAISE(auto bitmap, AllocateEmptyBitmap(bits, std::move(pool)));
  write(bitmap->mutable_data());
  return bitmap;
}

template <typename Operation>
Result<std::shared_ptr<Buffer>> Combined(PoolHandle pool, const Operands& of, int64_t length,
                                         int64_t out_offset, const Operation& operation) {
  return NewBitmap(std::move(pool), length, out_offset,
                   [&](uint8_t* out) { Combine(of, length, out_offset, out, operation); });
}

constexpr auto kAnd = [](uint64_t left, uint64_t right) { return left & right; };
constexpr auto kOr = [](uint64_t left, uint64_t right) { return left | right; };
constexpr auto kXor = [](uint64_t left, uint64_t right) { return left ^ right; };
constexpr auto kAndNot = [](uint64_t left, uint64_t right) { return left & ~right; };
constexpr auto kOrNot = [](uint64_t left, uint64_t right) { return left | ~right; };

const uint8_t* DataOrNull(const std::shared_ptr<Buffer>& buffer) {
  return buffer == nullptr ? nullptr : buffer->data();
}

}  // namespace

Result<std::shared_ptr<Buffer>> CopyBitmap(PoolHandle pool, const uint8_t* bitmap, int64_t offset,
                                           int64_t length, int64_t out_offset) {
  return NewBitmap(std::move(pool), length, out_offset, [&](uint8_t* out) {
    bit_util::CopyBitmap(bitmap, offset, length, out, out_offset);
  });
}

void InvertBitmap(const uint8_t* bitmap, int64_t offset, int64_t length, uint8_t* dest,
                  int64_t dest_offset) {
  ForEachWord(length, [&](int64_t i, int64_t count) {
    StoreBits(dest, dest_offset + i, count, ~LoadBits(bitmap, offset + i, count));
  });
}
Result<std::shared_ptr<Buffer>> InvertBitmap(PoolHandle pool, const uint8_t* bitmap, int64_t offset,
                                             int64_t length) {
  return NewBitmap(std::move(pool), length, 0,
                   [&](uint8_t* out) { InvertBitmap(bitmap, offset, length, out, 0); });
}

void ReverseBitmap(const uint8_t* bitmap, int64_t offset, int64_t length, uint8_t* dest,
                   int64_t dest_offset) {
  ForEachWord(length, [&](int64_t i, int64_t count) {
    const uint64_t word = LoadBits(bitmap, offset + length - i - count, count);
    StoreBits(dest, dest_offset + i, count, Reversed(word) >> (kWordBits - count));
  });
}
Result<std::shared_ptr<Buffer>> ReverseBitmap(PoolHandle pool, const uint8_t* bitmap,
                                              int64_t offset, int64_t length) {
  return NewBitmap(std::move(pool), length, 0,
                   [&](uint8_t* out) { ReverseBitmap(bitmap, offset, length, out, 0); });
}

int64_t CountAndSetBits(const uint8_t* left_bitmap, int64_t left_offset,
                        const uint8_t* right_bitmap, int64_t right_offset, int64_t length) {
  int64_t set = 0;
  ForEachWord(length, [&](int64_t i, int64_t count) {
    set += std::popcount(LoadBits(left_bitmap, left_offset + i, count) &
                         LoadBits(right_bitmap, right_offset + i, count));
  });
  return set;
}

bool BitmapEquals(const uint8_t* left, int64_t left_offset, const uint8_t* right,
                  int64_t right_offset, int64_t length) {
  for (int64_t i = 0; i < length; i += kWordBits) {
    const int64_t count = std::min(kWordBits, length - i);
    if (LoadBits(left, left_offset + i, count) != LoadBits(right, right_offset + i, count)) {
      return false;
    }
  }
  return true;
}

bool OptionalBitmapEquals(const uint8_t* left, int64_t left_offset, const uint8_t* right,
                          int64_t right_offset, int64_t length) {
  if (left != nullptr && right != nullptr) {
    return BitmapEquals(left, left_offset, right, right_offset, length);
  }
  if (left != nullptr) return CountSetBits(left, left_offset, length) == length;
  return right == nullptr || CountSetBits(right, right_offset, length) == length;
}
bool OptionalBitmapEquals(const std::shared_ptr<Buffer>& left, int64_t left_offset,
                          const std::shared_ptr<Buffer>& right, int64_t right_offset,
                          int64_t length) {
  return OptionalBitmapEquals(DataOrNull(left), left_offset, DataOrNull(right), right_offset,
                              length);
}

void BitmapAnd(const uint8_t* left, int64_t left_offset, const uint8_t* right, int64_t right_offset,
               int64_t length, int64_t out_offset, uint8_t* out) {
  Combine({left, left_offset, right, right_offset}, length, out_offset, out, kAnd);
}
Result<std::shared_ptr<Buffer>> BitmapAnd(PoolHandle pool, const uint8_t* left, int64_t left_offset,
                                          const uint8_t* right, int64_t right_offset,
                                          int64_t length, int64_t out_offset) {
  return Combined(std::move(pool), {left, left_offset, right, right_offset}, length, out_offset,
                  kAnd);
}

void BitmapOr(const uint8_t* left, int64_t left_offset, const uint8_t* right, int64_t right_offset,
              int64_t length, int64_t out_offset, uint8_t* out) {
  Combine({left, left_offset, right, right_offset}, length, out_offset, out, kOr);
}
Result<std::shared_ptr<Buffer>> BitmapOr(PoolHandle pool, const uint8_t* left, int64_t left_offset,
                                         const uint8_t* right, int64_t right_offset, int64_t length,
                                         int64_t out_offset) {
  return Combined(std::move(pool), {left, left_offset, right, right_offset}, length, out_offset,
                  kOr);
}

void BitmapXor(const uint8_t* left, int64_t left_offset, const uint8_t* right, int64_t right_offset,
               int64_t length, int64_t out_offset, uint8_t* out) {
  Combine({left, left_offset, right, right_offset}, length, out_offset, out, kXor);
}
Result<std::shared_ptr<Buffer>> BitmapXor(PoolHandle pool, const uint8_t* left, int64_t left_offset,
                                          const uint8_t* right, int64_t right_offset,
                                          int64_t length, int64_t out_offset) {
  return Combined(std::move(pool), {left, left_offset, right, right_offset}, length, out_offset,
                  kXor);
}

void BitmapAndNot(const uint8_t* left, int64_t left_offset, const uint8_t* right,
                  int64_t right_offset, int64_t length, int64_t out_offset, uint8_t* out) {
  Combine({left, left_offset, right, right_offset}, length, out_offset, out, kAndNot);
}
Result<std::shared_ptr<Buffer>> BitmapAndNot(PoolHandle pool, const uint8_t* left,
                                             int64_t left_offset, const uint8_t* right,
                                             int64_t right_offset, int64_t length,
                                             int64_t out_offset) {
  return Combined(std::move(pool), {left, left_offset, right, right_offset}, length, out_offset,
                  kAndNot);
}

void BitmapOrNot(const uint8_t* left, int64_t left_offset, const uint8_t* right,
                 int64_t right_offset, int64_t length, int64_t out_offset, uint8_t* out) {
  Combine({left, left_offset, right, right_offset}, length, out_offset, out, kOrNot);
}
Result<std::shared_ptr<Buffer>> BitmapOrNot(PoolHandle pool, const uint8_t* left,
                                            int64_t left_offset, const uint8_t* right,
                                            int64_t right_offset, int64_t length,
                                            int64_t out_offset) {
  return Combined(std::move(pool), {left, left_offset, right, right_offset}, length, out_offset,
                  kOrNot);
}

Result<std::shared_ptr<Buffer>> OptionalBitmapAnd(PoolHandle pool,
                                                  const std::shared_ptr<Buffer>& left,
                                                  int64_t left_offset,
                                                  const std::shared_ptr<Buffer>& right,
                                                  int64_t right_offset, int64_t length,
                                                  int64_t out_offset) {
  if (left == nullptr && right == nullptr) return nullptr;
  if (left == nullptr)
    return CopyBitmap(std::move(pool), right->data(), right_offset, length, out_offset);
  if (right == nullptr)
    return CopyBitmap(std::move(pool), left->data(), left_offset, length, out_offset);
  return BitmapAnd(std::move(pool), left->data(), left_offset, right->data(), right_offset, length,
                   out_offset);
}

Result<std::shared_ptr<Buffer>> BitmapAllButOne(PoolHandle pool, int64_t length,
                                                int64_t straggler_pos, bool value) {
  if (straggler_pos < 0 || straggler_pos >= length) {
    return status::Invalid("BitmapAllButOne: bit ", straggler_pos, " is not one of ", length);
  }
  return NewBitmap(std::move(pool), length, 0, [&](uint8_t* out) {
    bit_util::SetBitsTo(out, 0, length, value);
    bit_util::SetBitTo(out, straggler_pos, !value);
  });
}

Result<std::shared_ptr<Buffer>> BytesToBits(std::span<const uint8_t> bytes, PoolHandle pool) {
  const auto length = static_cast<int64_t>(bytes.size());
  return NewBitmap(std::move(pool), length, 0, [&](uint8_t* out) {
    GenerateBits(out, 0, length, [next = bytes.begin()]() mutable { return *next++ != 0; });
  });
}

}  // namespace alkaid::internal
