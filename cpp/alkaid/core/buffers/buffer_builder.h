// BufferBuilder: a Buffer that is built piece by piece; TypedBufferBuilder: the same in values, or
// in single bits for bool.
//
// Capacity at least doubles when it runs out, so a million appends cost about twenty reallocations.
// Finish hands the bytes over as a Buffer, padded with zeros to its capacity, and leaves the
// builder empty for the next. A reservation makes the first growth the last one.
//
// Ownership: the builder owns its bytes until Finish. The pool must outlive the builder and the
// buffers it made, or is shared. Threads: one at a time. Out of memory, or more bytes than an int64
// counts: kResourceExhausted, and the contents stay as they were. Negative lengths:
// kInvalidArgument. The Unsafe functions check nothing: Reserve first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/observers/builder_events.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/pool_handle.h"

namespace alkaid {

// Lengths and capacities in bytes.
class ALKAID_EXPORT BufferBuilder {
 public:
  // Every buffer that the builder makes holds the pool as the builder does.
  explicit BufferBuilder(PoolHandle pool = default_memory_pool(),
                         int64_t alignment = kDefaultBufferAlignment);
  // Appends after the bytes of `buffer`, which the next Finish hands out; later buffers come from
  // `pool`.
  explicit BufferBuilder(std::shared_ptr<ResizableBuffer> buffer,
                         PoolHandle pool = default_memory_pool(),
                         int64_t alignment = kDefaultBufferAlignment);
  // What was moved from is empty.
  BufferBuilder(BufferBuilder&& other) noexcept { *this = std::move(other); }
  BufferBuilder& operator=(BufferBuilder&& other) noexcept {
    if (this == &other) return *this;
    EndContents(capacity_);
    buffer_ = std::move(other.buffer_);
    pool_ = other.pool_;
    alignment_ = other.alignment_;
    data_ = std::exchange(other.data_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
    size_ = std::exchange(other.size_, 0);
    label_ = other.label_;
    reservation_ = other.reservation_;
    so_far_ = std::exchange(other.so_far_, Contents());
    return *this;
  }
  ~BufferBuilder() { EndContents(capacity_); }

  // Sets the capacity, rounded up to 64. A capacity below length() drops the bytes past it. A
  // smaller capacity gives memory back when `shrink_to_fit`; giving all of it back ends the
  // contents, as Reset does.
  Status Resize(int64_t new_capacity, bool shrink_to_fit = true);

  // The label of what the builder allocates from now on, in any scope. The label "" means the
  // scope's label again (core/observers/label.h). Finish and Reset keep it.
  void SetLabel(Label label) { label_ = label; }
  Label label() const { return label_; }

  // The most bytes that the builder is expected to hold before it is emptied; 0: unknown. When the
  // builder has to grow, it grows to at least this at once, so contents within it are never
  // reallocated or copied. Larger contents are no error: beyond the reservation capacity doubles as
  // usual. A reservation for which there is no memory is no error either: the builder then grows as
  // if there were none. Takes no memory before it is needed. Finish, Reset and moves keep it.
  //
  // The best value is the largest size of all. Finish gives back what was not used, which is a
  // reallocation; `Finish(false)` does not, and pads all of it with zeros; Reset does neither.
  // Resize ignores the reservation. Without one the builder takes advice (builder_events.h), if
  // there is any. kInvalidArgument when negative.
  Status SetReservation(int64_t nbytes);
  int64_t reservation() const { return reservation_; }

  // Makes room for `additional_bytes` more.
  Status Reserve(int64_t additional_bytes) {
    if (static_cast<uint64_t>(additional_bytes) <= static_cast<uint64_t>(capacity_ - size_)) {
      return absl::OkStatus();
    }
    return Grow(additional_bytes);
  }

  // The capacity to go to when `new_capacity` is needed: at least twice the current one.
  static int64_t GrowByFactor(int64_t current_capacity, int64_t new_capacity) {
    int64_t doubled;
    if (__builtin_add_overflow(current_capacity, current_capacity, &doubled)) return new_capacity;
    return std::max(new_capacity, doubled);
  }

  // The bytes may be the builder's own.
  Status Append(const void* data, int64_t length) {
    if (static_cast<uint64_t>(length) > static_cast<uint64_t>(capacity_ - size_)) [[unlikely]] {
      return AppendGrowing(data, length);
    }
    UnsafeAppend(data, length);
    return absl::OkStatus();
  }
  Status Append(std::string_view bytes) {
    return Append(bytes.data(), static_cast<int64_t>(bytes.size()));
  }
  Status Append(int64_t num_copies, uint8_t value) {
    ALKAID_RETURN_NOT_OK(Reserve(num_copies));
    UnsafeAppend(num_copies, value);
    return absl::OkStatus();
  }
  // Appends `length` zeros.
  Status Advance(int64_t length) { return Append(length, uint8_t{0}); }

  void UnsafeAppend(const void* data, int64_t length) {
    if (length > 0) std::memcpy(data_ + size_, data, static_cast<std::size_t>(length));
    size_ += length;
  }
  void UnsafeAppend(std::string_view bytes) {
    UnsafeAppend(bytes.data(), static_cast<int64_t>(bytes.size()));
  }
  void UnsafeAppend(int64_t num_copies, uint8_t value) {
    if (num_copies > 0) std::memset(data_ + size_, value, static_cast<std::size_t>(num_copies));
    size_ += num_copies;
  }
  // Counts `length` bytes that are already there; writes none.
  void UnsafeAdvance(int64_t length) { size_ += length; }

  // Hands the bytes over and empties the builder. `shrink_to_fit` gives unused capacity back, at
  // the cost of a reallocation. On failure the contents stay as they were.
  Status Finish(std::shared_ptr<Buffer>* out, bool shrink_to_fit = true);
  Result<std::shared_ptr<Buffer>> Finish(bool shrink_to_fit = true);
  // The same with another length, for bytes that were written through mutable_data(). Bytes past
  // capacity() are zero.
  Result<std::shared_ptr<Buffer>> FinishWithLength(int64_t final_length, bool shrink_to_fit = true);

  // Drops the bytes.
  void Reset();
  // Goes back to `position`, from 0 to length(); capacity stays. This does not end the contents,
  // not even at 0: what is reported at their end (builder_events.h) covers all that time.
  void Rewind(int64_t position) {
    so_far_.high_water = std::max(so_far_.high_water, size_);
    size_ = position;
  }

  int64_t capacity() const { return capacity_; }
  int64_t length() const { return size_; }
  // Null while the builder has no capacity.
  const uint8_t* data() const { return data_; }
  uint8_t* mutable_data() { return data_; }
  template <typename T>
  const T* data_as() const {
    return reinterpret_cast<const T*>(data_);
  }
  template <typename T>
  T* mutable_data_as() {
    return reinterpret_cast<T*>(data_);
  }

 private:
  // The slow path of Reserve: errors, and growth.
  Status Grow(int64_t additional_bytes);
  Status AppendGrowing(const void* data, int64_t length);
  Status Resize(BuilderGrowthReason reason, int64_t new_capacity, bool shrink_to_fit);
  // Not inlined into FinishWithLength: users look for both frames in stack traces.
  Status Finish(int64_t final_length, bool shrink_to_fit, std::shared_ptr<Buffer>* out);
  // Grows to at least `needed` bytes, and to what is reserved or advised.
  Status GrowTo(int64_t needed);
  void CountGrowth(BuilderGrowthReason reason, Label label, const uint8_t* old_data,
                   int64_t old_capacity);
  // Reports the end of the contents, and starts new ones. `capacity`: the most they had.
  void EndContents(int64_t capacity) {
    if (capacity != 0) NotifyEnd(capacity);
  }
  void NotifyEnd(int64_t capacity);

  std::shared_ptr<ResizableBuffer> buffer_;
  PoolHandle pool_;
  uint8_t* data_ = nullptr;
  int64_t capacity_ = 0;
  int64_t size_ = 0;
  int64_t alignment_ = kDefaultBufferAlignment;
  Label label_;

  // What happened to the contents since the builder was last empty. Written only when it grows,
  // shrinks or goes back; placed after the members that appends touch.
  struct Contents {
    int64_t high_water = 0;
    int64_t bytes_copied = 0;
    uint32_t reallocations = 0;
    Label label;  // the label of the first growth
  };
  Contents so_far_;
  int64_t reservation_ = 0;
};

}  // namespace alkaid

#include "alkaid/core/buffers/typed_buffer_builder.h"  // IWYU pragma: export
