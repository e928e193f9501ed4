// TypedBufferBuilder<bool>: a BufferBuilder of single bits, packed as bitmap_bits.h says, that
// counts the false ones.
//
// Appending one bit costs about a nanosecond: the word that is being filled is kept beside the
// buffer and only stored, never loaded, so appends do not wait for each other's memory. Such a
// store would undo what the caller writes through a pointer to the bits. So after a call of
// mutable_data() or bytes_builder(), each append loads and stores just its own bit, until the bits
// are handed over or dropped. The pointer is good until the builder grows, as with other builders,
// and an append costs a few nanoseconds more. Writes through the pointer do not change
// false_count(), which counts appended values only.
//
// Ownership, threads, out of memory and bad arguments: as BufferBuilder. Include buffer_builder.h.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "alkaid/core/buffers/bitmap_bits.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/buffers/typed_buffer_builder.h"

namespace alkaid {

// Lengths and capacities in bits. The bits after the last are zero, unless the caller writes them
// through mutable_data().
template <>
class ALKAID_EXPORT TypedBufferBuilder<bool, void> {
 public:
  explicit TypedBufferBuilder(PoolHandle pool = default_memory_pool(),
                              int64_t alignment = kDefaultBufferAlignment)
      : bytes_builder_(std::move(pool), alignment) {}
  // Appends after the whole bytes that `builder` holds.
  explicit TypedBufferBuilder(BufferBuilder builder);
  // What was moved from is empty.
  TypedBufferBuilder(TypedBufferBuilder&& other) noexcept { *this = std::move(other); }
  TypedBufferBuilder& operator=(TypedBufferBuilder&& other) noexcept;
  ~TypedBufferBuilder() { CountBytes(); }

  BufferBuilder* bytes_builder() {
    ShareBits();
    return &bytes_builder_;
  }

  // As BufferBuilder::SetReservation, in bits; rounded up to whole words. All that is reserved is
  // set to zero when it is allocated.
  Status SetReservation(int64_t num_elements);
  int64_t reservation() const;

  Status Append(bool value) {
    // Read before the branch, so that a loop of appends keeps the word in a register.
    uint64_t word = word_;
    if (bit_length_ == word_end_) [[unlikely]] {
      ALKAID_RETURN_NOT_OK(Reserve(1));
      if (is_shared_) {
        AppendShared(value);
        return absl::OkStatus();
      }
      word = OpenWord();
    }
    AppendToWord(word, value);
    return absl::OkStatus();
  }
  // One value a byte: zero is false.
  Status Append(const uint8_t* valid_bytes, int64_t num_elements) {
    ALKAID_RETURN_NOT_OK(Reserve(num_elements));
    UnsafeAppend(valid_bytes, num_elements);
    return absl::OkStatus();
  }
  Status Append(int64_t num_copies, bool value) {
    ALKAID_RETURN_NOT_OK(Reserve(num_copies));
    UnsafeAppend(num_copies, value);
    return absl::OkStatus();
  }

  void UnsafeAppend(bool value) {
    uint64_t word = word_;
    if (bit_length_ == word_end_) [[unlikely]] {
      if (is_shared_) return AppendShared(value);
      word = OpenWord();
    }
    AppendToWord(word, value);
  }
  void UnsafeAppend(const uint8_t* bytes, int64_t num_elements) {
    UnsafeAppend<true>(num_elements, [&bytes] { return *bytes++ != 0; });
  }
  // Bits of another bitmap, from bit `offset` on.
  void UnsafeAppend(const uint8_t* bitmap, int64_t offset, int64_t num_elements);
  void UnsafeAppend(int64_t num_copies, bool value);
  // Appends the values of `num_elements` calls of `generator()`. Without `count_falses` they do not
  // count in false_count().
  template <bool count_falses, typename Generator>
  void UnsafeAppend(int64_t num_elements, Generator&& generator) {
    const int64_t false_before = false_count();
    for (int64_t i = 0; i < num_elements; ++i) UnsafeAppend(static_cast<bool>(generator()));
    CloseWord();
    if constexpr (!count_falses) false_count_ = false_before;
  }

  Status Resize(int64_t new_capacity, bool shrink_to_fit = true);
  Status Reserve(int64_t additional_elements) {
    if (additional_elements >= 0 && additional_elements <= capacity() - bit_length_) {
      return absl::OkStatus();
    }
    return Grow(additional_elements);
  }
  // Appends `length` false bits. Bits past the last that were written through mutable_data() are
  // taken as they are.
  Status Advance(int64_t length);

  Status Finish(std::shared_ptr<Buffer>* out, bool shrink_to_fit = true);
  Result<std::shared_ptr<Buffer>> Finish(bool shrink_to_fit = true);
  Result<std::shared_ptr<Buffer>> FinishWithLength(int64_t final_length, bool shrink_to_fit = true);
  void Reset();
  // As BufferBuilder::Rewind, in bits. Recounts the false bits before `position`, and clears those
  // from it on.
  void Rewind(int64_t position);

  int64_t length() const { return bit_length_; }
  // Whole words only.
  int64_t capacity() const { return (bytes_builder_.capacity() & ~(kWordBytes - 1)) * 8; }
  const uint8_t* data() const { return bytes_builder_.data(); }
  uint8_t* mutable_data() {
    ShareBits();
    return bytes_builder_.mutable_data();
  }
  // How many of the appended bits are false.
  int64_t false_count() const { return false_count_ + FalseInWord(); }

 private:
  // As wide as uint64_t, but another type, and not a byte type: so the compiler knows that storing
  // one does not change the builder's own members.
  using Word = std::conditional_t<std::is_same_v<uint64_t, unsigned long>, unsigned long long,
                                  unsigned long>;
  // Foreign buffers may have alignments below eight bytes.
  using StoredWord [[gnu::aligned(1)]] = Word;
  static constexpr int64_t kWordBytes = sizeof(Word);
  static constexpr int64_t kWordBits = kWordBytes * 8;
  static_assert(kWordBits == 64);

  static Word LittleEndian(Word word) {
    return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
  }
  StoredWord* Words() { return reinterpret_cast<StoredWord*>(bytes_builder_.mutable_data()); }

  // `word`: the bits so far of the word that is open, for which there is capacity.
  void AppendToWord(uint64_t word, bool value) {
    const auto place = static_cast<uint64_t>(bit_length_);
    word |= uint64_t{value} << (place % kWordBits);
    Words()[place / kWordBits] = LittleEndian(word);
    word_ = word;
    ++bit_length_;
  }
  // Opens the word that the next bit goes into, which must have capacity, and returns it.
  uint64_t OpenWord();
  // Closes the word and counts its bits. Called before anything but AppendToWord touches the bits.
  void CloseWord() {
    false_count_ = false_count();
    counted_ = word_end_ = bit_length_;
  }
  // From now on the caller may write to the bits too, so no word is kept open.
  void ShareBits() {
    CloseWord();
    is_shared_ = true;
  }
  void AppendShared(bool value) {
    bit_util::SetBitTo(bytes_builder_.mutable_data(), bit_length_, value);
    ++bit_length_;
    false_count_ += !value;
    counted_ = word_end_ = bit_length_;
  }
  // Counts `length` bits that are already there.
  void UnsafeAdvance(int64_t length);
  // The false bits that are not counted yet; all of them are in the open word.
  int64_t FalseInWord() const {
    if (counted_ == bit_length_) return 0;
    return bit_length_ - counted_ - std::popcount(word_ >> (counted_ & (kWordBits - 1)));
  }
  // The slow path of Reserve: errors, and growth.
  Status Grow(int64_t additional_elements);
  // Drops the bits from `length` on; the capacity may already be smaller than that.
  void DropFrom(int64_t length);
  // Clears all bits of the capacity from byte `old_bytes` on.
  void ZeroFrom(int64_t old_bytes);
  // Sets the byte builder's length, which it reports for its contents.
  void CountBytes() { bytes_builder_.Rewind((bit_length_ + 7) / 8); }

  BufferBuilder bytes_builder_;
  int64_t bit_length_ = 0;
  int64_t word_end_ = 0;  // where the open word ends; bit_length_ when none is open
  uint64_t word_ = 0;     // the open word's bits so far
  int64_t counted_ = 0;   // false_count_ covers the bits before this; never before the open word
  int64_t false_count_ = 0;
  bool is_shared_ = false;  // the caller may hold a pointer to the bits
};

}  // namespace alkaid
