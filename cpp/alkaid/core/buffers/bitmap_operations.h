// Operations on whole bitmaps: copy, invert, count, compare and combine, under Arrow's names and,
// as there, in namespace internal. Bits are packed as in bitmap_bits.h; offsets and lengths are in
// bits.
//
// Ownership: a function that returns a Buffer takes a new one from `pool` (null: the default pool).
// Its result starts at bit `out_offset`; all other bits are zero. The other functions write where
// the caller says; the bits around the result stay. A result may be written over an operand at the
// same offset; otherwise ranges must not overlap.
// Threads: pure functions over the caller's bytes; two threads must not write bits of one byte.
// Out of memory: kResourceExhausted. Functions that return a Buffer answer kInvalidArgument for a
// negative length or offset; the others check nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/bitmap_bits.h"
#include "alkaid/core/pools/pool_handle.h"

namespace alkaid {

class Buffer;

namespace internal {

using bit_util::CopyBitmap;
using bit_util::CountSetBits;

ALKAID_EXPORT Result<std::shared_ptr<Buffer>> CopyBitmap(PoolHandle pool, const uint8_t* bitmap,
                                                         int64_t offset, int64_t length,
                                                         int64_t out_offset = 0);

// Inverts each bit.
ALKAID_EXPORT void InvertBitmap(const uint8_t* bitmap, int64_t offset, int64_t length,
                                uint8_t* dest, int64_t dest_offset);
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> InvertBitmap(PoolHandle pool, const uint8_t* bitmap,
                                                           int64_t offset, int64_t length);

// The bits in reverse order. Not over the operand.
ALKAID_EXPORT void ReverseBitmap(const uint8_t* bitmap, int64_t offset, int64_t length,
                                 uint8_t* dest, int64_t dest_offset);
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> ReverseBitmap(PoolHandle pool, const uint8_t* bitmap,
                                                            int64_t offset, int64_t length);

// How many bits are set in both.
ALKAID_EXPORT int64_t CountAndSetBits(const uint8_t* left_bitmap, int64_t left_offset,
                                      const uint8_t* right_bitmap, int64_t right_offset,
                                      int64_t length);

ALKAID_EXPORT bool BitmapEquals(const uint8_t* left, int64_t left_offset, const uint8_t* right,
                                int64_t right_offset, int64_t length);
// A null bitmap stands for all ones.
ALKAID_EXPORT bool OptionalBitmapEquals(const uint8_t* left, int64_t left_offset,
                                        const uint8_t* right, int64_t right_offset, int64_t length);
ALKAID_EXPORT bool OptionalBitmapEquals(const std::shared_ptr<Buffer>& left, int64_t left_offset,
                                        const std::shared_ptr<Buffer>& right, int64_t right_offset,
                                        int64_t length);

// left & right, left | right, left ^ right, left & ~right, left | ~right.
ALKAID_EXPORT void BitmapAnd(const uint8_t* left, int64_t left_offset, const uint8_t* right,
                             int64_t right_offset, int64_t length, int64_t out_offset,
                             uint8_t* out);
ALKAID_EXPORT void BitmapOr(const uint8_t* left, int64_t left_offset, const uint8_t* right,
                            int64_t right_offset, int64_t length, int64_t out_offset, uint8_t* out);
ALKAID_EXPORT void BitmapXor(const uint8_t* left, int64_t left_offset, const uint8_t* right,
                             int64_t right_offset, int64_t length, int64_t out_offset,
                             uint8_t* out);
ALKAID_EXPORT void BitmapAndNot(const uint8_t* left, int64_t left_offset, const uint8_t* right,
                                int64_t right_offset, int64_t length, int64_t out_offset,
                                uint8_t* out);
ALKAID_EXPORT void BitmapOrNot(const uint8_t* left, int64_t left_offset, const uint8_t* right,
                               int64_t right_offset, int64_t length, int64_t out_offset,
                               uint8_t* out);

ALKAID_EXPORT Result<std::shared_ptr<Buffer>> BitmapAnd(PoolHandle pool, const uint8_t* left,
                                                        int64_t left_offset, const uint8_t* right,
                                                        int64_t right_offset, int64_t length,
                                                        int64_t out_offset);
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> BitmapOr(PoolHandle pool, const uint8_t* left,
                                                       int64_t left_offset, const uint8_t* right,
                                                       int64_t right_offset, int64_t length,
                                                       int64_t out_offset);
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> BitmapXor(PoolHandle pool, const uint8_t* left,
                                                        int64_t left_offset, const uint8_t* right,
                                                        int64_t right_offset, int64_t length,
                                                        int64_t out_offset);
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> BitmapAndNot(PoolHandle pool, const uint8_t* left,
                                                           int64_t left_offset,
                                                           const uint8_t* right,
                                                           int64_t right_offset, int64_t length,
                                                           int64_t out_offset);
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> BitmapOrNot(PoolHandle pool, const uint8_t* left,
                                                          int64_t left_offset, const uint8_t* right,
                                                          int64_t right_offset, int64_t length,
                                                          int64_t out_offset);
// A null bitmap stands for all ones; the result is null if both are.
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> OptionalBitmapAnd(
    PoolHandle pool, const std::shared_ptr<Buffer>& left, int64_t left_offset,
    const std::shared_ptr<Buffer>& right, int64_t right_offset, int64_t length,
    int64_t out_offset = 0);

// A bitmap of `length` bits that are all `value`, except the one at `straggler_pos`.
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> BitmapAllButOne(PoolHandle pool, int64_t length,
                                                              int64_t straggler_pos,
                                                              bool value = true);
// One bit for each byte: whether the byte is not zero.
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> BytesToBits(std::span<const uint8_t> bytes,
                                                          PoolHandle pool = {});

// Sets `length` bits to the results of that many calls of `generator`, in order.
template <class Generator>
void GenerateBits(uint8_t* bitmap, int64_t start_offset, int64_t length, Generator&& generator) {
  for (int64_t i = 0; i < length; ++i) {
    bit_util::SetBitTo(bitmap, start_offset + i, static_cast<bool>(generator()));
  }
}
template <class Generator>
void GenerateBitsUnrolled(uint8_t* bitmap, int64_t start_offset, int64_t length,
                          Generator&& generator) {
  GenerateBits(bitmap, start_offset, length, generator);
}

}  // namespace internal
}  // namespace alkaid
