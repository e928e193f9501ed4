// TypedBufferBuilder<T>: a BufferBuilder whose lengths and capacities are values of T; for bool,
// single bits.
//
// Ownership, threads, out of memory and bad arguments: as BufferBuilder. Include buffer_builder.h.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>

#include "alkaid/base/checked_math.h"
#include "alkaid/core/buffers/buffer_builder.h"

namespace alkaid {

namespace internal {
// The errors of all typed builders: a negative number of values, or more bytes than an int64
// counts.
ALKAID_EXPORT Status RefuseLength(int64_t length, int64_t value_size);

// What can be iterated once from begin to end. Weaker than the standard's iterators: no default
// constructor, no traits.
template <typename Iter>
concept WalkedOnce = requires(Iter& it, const Iter& end) {
  *it;
  ++it;
  static_cast<bool>(it != end);
};
// Iterators that std::copy may turn into one copy of memory.
template <typename Iter>
concept RandomAccess = requires {
  requires std::derived_from<typename std::iterator_traits<Iter>::iterator_category,
                             std::random_access_iterator_tag>;
};
}  // namespace internal

template <typename T, typename Enable = void>
class TypedBufferBuilder {
  // std::pair of plain values passes, too.
  static_assert(std::is_trivially_copy_constructible_v<T> && std::is_trivially_destructible_v<T>,
                "only plain values have bytes of their own");

 public:
  explicit TypedBufferBuilder(PoolHandle pool = default_memory_pool(),
                              int64_t alignment = kDefaultBufferAlignment)
      : bytes_builder_(std::move(pool), alignment) {}
  explicit TypedBufferBuilder(std::shared_ptr<ResizableBuffer> buffer,
                              PoolHandle pool = default_memory_pool())
      : bytes_builder_(std::move(buffer), std::move(pool)) {}
  explicit TypedBufferBuilder(BufferBuilder builder) : bytes_builder_(std::move(builder)) {}

  BufferBuilder* bytes_builder() { return &bytes_builder_; }

  // As BufferBuilder::SetReservation, in values. kInvalidArgument when negative, kResourceExhausted
  // when an int64 cannot count the bytes.
  Status SetReservation(int64_t num_elements) {
    int64_t bytes;
    if (Refused(num_elements, &bytes)) return internal::RefuseLength(num_elements, kSize);
    return bytes_builder_.SetReservation(bytes);
  }
  int64_t reservation() const { return bytes_builder_.reservation() / kSize; }

  Status Append(T value) {
    ALKAID_RETURN_NOT_OK(bytes_builder_.Reserve(kSize));
    UnsafeAppend(value);
    return absl::OkStatus();
  }
  // The values may be the builder's own.
  Status Append(const T* values, int64_t num_elements) {
    int64_t bytes;
    if (num_elements < 0 || MultiplyOverflow(num_elements, kSize, &bytes)) [[unlikely]] {
      return Reserve(num_elements);  // says what is wrong with it
    }
    return bytes_builder_.Append(values, bytes);
  }
  Status Append(int64_t num_copies, T value) {
    ALKAID_RETURN_NOT_OK(Reserve(num_copies));
    UnsafeAppend(num_copies, value);
    return absl::OkStatus();
  }

  void UnsafeAppend(T value) {
    *End() = value;
    bytes_builder_.UnsafeAdvance(kSize);
  }
  void UnsafeAppend(const T* values, int64_t num_elements) {
    bytes_builder_.UnsafeAppend(values, num_elements * kSize);
  }
  // The values from `values_begin` to `values_end`, each read once, in order: single-pass iterators
  // are enough.
  template <typename Iter>
  requires internal::WalkedOnce<Iter>
  void UnsafeAppend(Iter values_begin, Iter values_end) {
    T* end = End();
    if constexpr (internal::RandomAccess<Iter>) {
      end = std::copy(std::move(values_begin), std::move(values_end), end);
    } else {
      for (; values_begin != values_end; ++values_begin) *end++ = static_cast<T>(*values_begin);
    }
    bytes_builder_.UnsafeAdvance((end - End()) * kSize);
  }
  void UnsafeAppend(int64_t num_copies, T value) {
    std::fill_n(End(), num_copies, value);
    bytes_builder_.UnsafeAdvance(num_copies * kSize);
  }

  Status Resize(int64_t new_capacity, bool shrink_to_fit = true) {
    int64_t bytes;
    if (Refused(new_capacity, &bytes)) [[unlikely]] {
      return internal::RefuseLength(new_capacity, kSize);
    }
    return bytes_builder_.Resize(bytes, shrink_to_fit);
  }
  Status Reserve(int64_t additional_elements) {
    int64_t bytes;
    if (Refused(additional_elements, &bytes)) [[unlikely]] {
      return internal::RefuseLength(additional_elements, kSize);
    }
    return bytes_builder_.Reserve(bytes);
  }
  // Appends `length` values of all zero bytes.
  Status Advance(int64_t length) {
    int64_t bytes;
    if (Refused(length, &bytes)) [[unlikely]]
      return internal::RefuseLength(length, kSize);
    return bytes_builder_.Advance(bytes);
  }
  void UnsafeAdvance(int64_t length) { bytes_builder_.UnsafeAdvance(length * kSize); }

  Status Finish(std::shared_ptr<Buffer>* out, bool shrink_to_fit = true) {
    return bytes_builder_.Finish(out, shrink_to_fit);
  }
  Result<std::shared_ptr<Buffer>> Finish(bool shrink_to_fit = true) {
    return bytes_builder_.Finish(shrink_to_fit);
  }
  Result<std::shared_ptr<Buffer>> FinishWithLength(int64_t final_length,
                                                   bool shrink_to_fit = true) {
    int64_t bytes;
    if (Refused(final_length, &bytes)) [[unlikely]] {
      return internal::RefuseLength(final_length, kSize);
    }
    return bytes_builder_.FinishWithLength(bytes, shrink_to_fit);
  }
  void Reset() { bytes_builder_.Reset(); }
  // As BufferBuilder::Rewind, in values.
  void Rewind(int64_t position) { bytes_builder_.Rewind(position * kSize); }

  int64_t length() const { return bytes_builder_.length() / kSize; }
  int64_t capacity() const { return bytes_builder_.capacity() / kSize; }
  const T* data() const { return reinterpret_cast<const T*>(bytes_builder_.data()); }
  T* mutable_data() { return reinterpret_cast<T*>(bytes_builder_.mutable_data()); }

 private:
  static constexpr int64_t kSize = sizeof(T);

  static bool Refused(int64_t length, int64_t* bytes) {
    return MultiplyOverflow(length, kSize, bytes) || length < 0;
  }
  // Stores through T*, not bytes: so the compiler knows that a store does not change the builder
  // itself.
  T* End() { return reinterpret_cast<T*>(bytes_builder_.mutable_data() + bytes_builder_.length()); }

  BufferBuilder bytes_builder_;
};

}  // namespace alkaid

#include "alkaid/core/buffers/bitmap_builder.h"     // IWYU pragma: export
#include "alkaid/core/buffers/bitmap_operations.h"  // IWYU pragma: export
