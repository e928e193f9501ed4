#include "alkaid/core/typed_buffer_builder.h"

#include <limits>

namespace alkaid {

namespace internal {

Status RefuseLength(int64_t length, int64_t value_size) {
  if (length < 0) return status::Invalid("TypedBufferBuilder: negative number of values ", length);
  return status::OutOfMemory("TypedBufferBuilder: ", length, " values of ", value_size,
                             " bytes pass the largest size, ", std::numeric_limits<int64_t>::max(),
                             " bytes");
}

}  // namespace internal

TypedBufferBuilder<bool>::TypedBufferBuilder(BufferBuilder builder)
    : bytes_builder_(std::move(builder)), bit_length_(bytes_builder_.length() * 8) {
  false_count_ = bit_length_ - bit_util::CountSetBits(data(), 0, bit_length_);
}

Status TypedBufferBuilder<bool>::Resize(int64_t new_capacity, bool shrink_to_fit) {
  if (new_capacity < 0) {
    return status::Invalid("TypedBufferBuilder<bool>::Resize: negative capacity ", new_capacity);
  }
  const int64_t old_bytes = bytes_builder_.capacity();
  ALKAID_RETURN_NOT_OK(
      bytes_builder_.Resize(bit_util::BytesForBits(new_capacity), shrink_to_fit));
  const int64_t new_bytes = bytes_builder_.capacity();
  if (new_bytes > old_bytes) {
    std::memset(mutable_data() + old_bytes, 0, static_cast<std::size_t>(new_bytes - old_bytes));
  }
  if (bit_length_ > new_capacity) {
    const int64_t there = std::min(bit_length_, new_bytes * 8);
    bit_util::SetBitsTo(mutable_data(), new_capacity, there - new_capacity, false);
    bit_length_ = new_capacity;
    false_count_ = bit_length_ - bit_util::CountSetBits(data(), 0, bit_length_);
  }
  return absl::OkStatus();
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
  return Resize(BufferBuilder::GrowByFactor(capacity(), needed), /*shrink_to_fit=*/false);
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
  ALKAID_ASSIGN_OR_RAISE(auto out,
                         bytes_builder_.FinishWithLength(bit_util::BytesForBits(final_length),
                                                         shrink_to_fit));
  bit_util::SetBitsTo(out->mutable_data(), final_length, out->size() * 8 - final_length, false);
  bit_length_ = false_count_ = 0;
  return out;
}

}  // namespace alkaid
