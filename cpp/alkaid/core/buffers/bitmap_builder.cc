#include "alkaid/core/buffers/bitmap_builder.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "alkaid/core/buffers/bitmap_bits.h"

namespace alkaid {

namespace {

// In whole words: a buffer that is not the pool's may not round up by itself.
int64_t BytesOfWords(int64_t bits) {
  constexpr int64_t kWordBytes = sizeof(uint64_t);
  return (bit_util::BytesForBits(bits) + kWordBytes - 1) & ~(kWordBytes - 1);
}

}  // namespace

TypedBufferBuilder<bool>::TypedBufferBuilder(BufferBuilder builder)
    : bytes_builder_(std::move(builder)) {
  UnsafeAdvance(bytes_builder_.length() * 8);
  ZeroFrom(bytes_builder_.length());
}

TypedBufferBuilder<bool>& TypedBufferBuilder<bool>::operator=(TypedBufferBuilder&& other) noexcept {
  if (this == &other) return *this;
  CountBytes();
  bytes_builder_ = std::move(other.bytes_builder_);
  bit_length_ = other.bit_length_;
  word_end_ = other.word_end_;
  word_ = other.word_;
  counted_ = other.counted_;
  false_count_ = other.false_count_;
  is_shared_ = other.is_shared_;
  other.Reset();
  return *this;
}

uint64_t TypedBufferBuilder<bool>::OpenWord() {
  CloseWord();
  const int64_t used = bit_length_ & (kWordBits - 1);
  // The bits past the last may hold anything, and must read as zero.
  const Word there = LittleEndian(Words()[bit_length_ / kWordBits]);
  word_ = there & ((uint64_t{1} << used) - 1);
  word_end_ = bit_length_ - used + kWordBits;
  return word_;
}

void TypedBufferBuilder<bool>::UnsafeAdvance(int64_t length) {
  CloseWord();
  false_count_ += length - bit_util::CountSetBits(data(), bit_length_, length);
  bit_length_ += length;
  counted_ = word_end_ = bit_length_;
}

void TypedBufferBuilder<bool>::UnsafeAppend(const uint8_t* bitmap, int64_t offset,
                                            int64_t num_elements) {
  bit_util::CopyBitmap(bitmap, offset, num_elements, bytes_builder_.mutable_data(), bit_length_);
  UnsafeAdvance(num_elements);
}

void TypedBufferBuilder<bool>::UnsafeAppend(int64_t num_copies, bool value) {
  bit_util::SetBitsTo(bytes_builder_.mutable_data(), bit_length_, num_copies, value);
  UnsafeAdvance(num_copies);
}

Status TypedBufferBuilder<bool>::Resize(int64_t new_capacity, bool shrink_to_fit) {
  if (new_capacity < 0) {
    return status::Invalid("TypedBufferBuilder<bool>::Resize: negative capacity ", new_capacity);
  }
  CloseWord();
  CountBytes();
  const int64_t old_bytes = bytes_builder_.capacity();
  ALKAID_RETURN_NOT_OK(bytes_builder_.Resize(BytesOfWords(new_capacity), shrink_to_fit));
  ZeroFrom(old_bytes);
  if (bit_length_ > new_capacity) DropFrom(new_capacity);
  return absl::OkStatus();
}

void TypedBufferBuilder<bool>::DropFrom(int64_t length) {
  const int64_t there = std::min(bit_length_, bytes_builder_.capacity() * 8);
  bit_util::SetBitsTo(bytes_builder_.mutable_data(), length, there - length, false);
  bit_length_ = counted_ = false_count_ = 0;
  UnsafeAdvance(length);
}

Status TypedBufferBuilder<bool>::Grow(int64_t additional_elements) {
  if (additional_elements < 0) {
    return status::Invalid("TypedBufferBuilder<bool>: negative number of bits ",
                           additional_elements);
  }
  int64_t needed;
  if (AddOverflow(bit_length_, additional_elements, &needed)) {
    return status::OutOfMemory("TypedBufferBuilder<bool>: ", additional_elements,
                               " bits more than ", bit_length_, " pass the largest number, ",
                               std::numeric_limits<int64_t>::max());
  }
  CloseWord();
  CountBytes();
  const int64_t old_bytes = bytes_builder_.capacity();
  ALKAID_RETURN_NOT_OK(bytes_builder_.Reserve(BytesOfWords(needed) - bytes_builder_.length()));
  ZeroFrom(old_bytes);
  return absl::OkStatus();
}

void TypedBufferBuilder<bool>::ZeroFrom(int64_t old_bytes) {
  const int64_t more = bytes_builder_.capacity() - old_bytes;
  if (more <= 0) return;
  std::memset(bytes_builder_.mutable_data() + old_bytes, 0, static_cast<std::size_t>(more));
}

Status TypedBufferBuilder<bool>::Advance(int64_t length) {
  if (!is_shared_) return Append(length, false);
  ALKAID_RETURN_NOT_OK(Reserve(length));
  UnsafeAdvance(length);
  return absl::OkStatus();
}

Status TypedBufferBuilder<bool>::SetReservation(int64_t num_elements) {
  if (num_elements < 0) {
    return status::Invalid("TypedBufferBuilder<bool>: negative reservation ", num_elements);
  }
  return bytes_builder_.SetReservation(BytesOfWords(num_elements));
}

int64_t TypedBufferBuilder<bool>::reservation() const {
  int64_t bits;
  const bool too_many = MultiplyOverflow(bytes_builder_.reservation(), int64_t{8}, &bits);
  return too_many ? std::numeric_limits<int64_t>::max() : bits;
}

Status TypedBufferBuilder<bool>::Finish(std::shared_ptr<Buffer>* out, bool shrink_to_fit) {
  ALKAID_ASSIGN_OR_RAISE(*out, Finish(shrink_to_fit));
  return absl::OkStatus();
}

Result<std::shared_ptr<Buffer>> TypedBufferBuilder<bool>::Finish(bool shrink_to_fit) {
  return FinishWithLength(bit_length_, shrink_to_fit);
}

Result<std::shared_ptr<Buffer>> TypedBufferBuilder<bool>::FinishWithLength(int64_t final_length,
                                                                           bool shrink_to_fit) {
  if (final_length < 0) {
    return status::Invalid("TypedBufferBuilder<bool>::FinishWithLength: negative length ",
                           final_length);
  }
  CountBytes();
  ALKAID_ASSIGN_OR_RAISE(auto out, bytes_builder_.FinishWithLength(
                                       bit_util::BytesForBits(final_length), shrink_to_fit));
  bit_util::SetBitsTo(out->mutable_data(), final_length, out->size() * 8 - final_length, false);
  Reset();
  return out;
}

void TypedBufferBuilder<bool>::Reset() {
  CountBytes();
  bytes_builder_.Reset();
  bit_length_ = word_end_ = counted_ = false_count_ = 0;
  is_shared_ = false;
}

void TypedBufferBuilder<bool>::Rewind(int64_t position) {
  CountBytes();
  DropFrom(position);
}

}  // namespace alkaid
