#include "alkaid/core/buffers/buffer_builder.h"

#include <functional>
#include <limits>

#include "alkaid/core/pools/fault_report_internal.h"

namespace alkaid {
namespace {

// All of the capacity is the builder's to write. The debug mode of pools takes the bytes by which a
// buffer's capacity was rounded up for padding, unless capacity was requested.
void ClaimCapacity(ResizableBuffer* buffer) {
  if (internal::MemoryDebugOn() && buffer != nullptr) [[unlikely]]
    buffer->Reserve(buffer->capacity()).IgnoreError();
}

}  // namespace

BufferBuilder::BufferBuilder(PoolHandle pool, int64_t alignment)
    : pool_(std::move(pool)), alignment_(alignment) {}

BufferBuilder::BufferBuilder(std::shared_ptr<ResizableBuffer> buffer, PoolHandle pool,
                             int64_t alignment)
    : buffer_(std::move(buffer)), pool_(std::move(pool)), alignment_(alignment) {
  if (buffer_ == nullptr) return;
  ClaimCapacity(buffer_.get());
  data_ = buffer_->mutable_data();
  capacity_ = buffer_->capacity();
  size_ = buffer_->size();
}

Status BufferBuilder::SetReservation(int64_t nbytes) {
  if (nbytes < 0) return status::Invalid("BufferBuilder: negative reservation ", nbytes);
  reservation_ = nbytes;
  return absl::OkStatus();
}

Status BufferBuilder::Resize(int64_t new_capacity, bool shrink_to_fit) {
  if (new_capacity < 0) [[unlikely]] {
    return status::Invalid("BufferBuilder::Resize: negative capacity ", new_capacity);
  }
  const int64_t old_capacity = capacity_;
  ALKAID_RETURN_NOT_OK(Resize(BuilderGrowthReason::kResized, new_capacity, shrink_to_fit));
  ClaimCapacity(buffer_.get());
  // All contents are gone; what follows is new.
  if (capacity_ == 0) EndContents(old_capacity);
  return absl::OkStatus();
}

Status BufferBuilder::Resize(BuilderGrowthReason reason, int64_t new_capacity,
                             bool shrink_to_fit) try {
  const uint8_t* const old_data = data_;
  const int64_t old_capacity = capacity_;
  const Label counting = label_ ? label_ : Label::Current();
  const ScopedLabel label(counting);
  if (buffer_ == nullptr) {
    ALKAID_ASSIGN_OR_RAISE(buffer_, AllocateResizableBuffer(new_capacity, alignment_, pool_));
  } else if (Status status = buffer_->Resize(new_capacity, shrink_to_fit); !status.ok())
      [[unlikely]] {
    // The pool can have moved the bytes even so (pool_buffer_internal.h).
    data_ = buffer_->mutable_data();
    capacity_ = buffer_->capacity();
    if (size_ > capacity_) Rewind(capacity_);
    return status;
  }
  data_ = buffer_->mutable_data();
  capacity_ = buffer_->capacity();
  if (capacity_ != old_capacity) CountGrowth(reason, counting, old_data, old_capacity);
  if (size_ > new_capacity) Rewind(new_capacity);
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

void BufferBuilder::CountGrowth(BuilderGrowthReason reason, Label label, const uint8_t* old_data,
                                int64_t old_capacity) {
  if (old_capacity != 0) {
    ++so_far_.reallocations;
    // An allocator does not know how much of a block is used, so it copies all of it.
    if (data_ != old_data) so_far_.bytes_copied += std::min(old_capacity, capacity_);
  }
  if (!so_far_.label) so_far_.label = label;
  if (capacity_ < old_capacity) return;
  internal::NotifyBuilderGrowth({.label = label,
                                 .reason = reason,
                                 .old_data = old_capacity != 0 ? old_data : nullptr,
                                 .new_data = data_,
                                 .size = size_,
                                 .old_capacity = old_capacity,
                                 .new_capacity = capacity_});
}

void BufferBuilder::NotifyEnd(int64_t capacity) {
  internal::NotifyBuilderEnd({.label = so_far_.label ? so_far_.label : label_,
                              .size = size_,
                              .high_water = std::max(so_far_.high_water, size_),
                              .capacity = capacity,
                              .reallocations = so_far_.reallocations,
                              .bytes_copied = so_far_.bytes_copied});
  so_far_ = {};
}

Status BufferBuilder::GrowTo(int64_t needed) {
  const int64_t doubled = GrowByFactor(capacity_, needed);
  int64_t wished = reservation_;
  auto reason = BuilderGrowthReason::kReserved;
  if (wished == 0 && capacity_ == 0) {
    wished = internal::AdviseBuilder(label_ ? label_ : Label::Current());
    reason = BuilderGrowthReason::kAdvised;
  }
  // If there is no memory for the wish, there may still be enough for what is needed.
  if (wished <= doubled || !Resize(reason, wished, /*shrink_to_fit=*/false).ok()) {
    ALKAID_RETURN_NOT_OK(Resize(BuilderGrowthReason::kNeeded, doubled, /*shrink_to_fit=*/false));
  }
  ClaimCapacity(buffer_.get());
  return absl::OkStatus();
}

Status BufferBuilder::Grow(int64_t additional_bytes) {
  if (additional_bytes < 0) {
    return status::Invalid("BufferBuilder: negative number of bytes ", additional_bytes);
  }
  int64_t needed;
  if (AddOverflow(size_, additional_bytes, &needed)) {
    return status::OutOfMemory("BufferBuilder: ", additional_bytes, " bytes more than ", size_,
                               " pass the largest size, ", std::numeric_limits<int64_t>::max(),
                               " bytes");
  }
  return GrowTo(needed);
}

Status BufferBuilder::AppendGrowing(const void* data, int64_t length) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  // Growing moves the builder's own bytes.
  const std::less<const uint8_t*> before;
  const bool own = data_ != nullptr && !before(bytes, data_) && before(bytes, data_ + size_);
  const int64_t offset = own ? bytes - data_ : 0;
  ALKAID_RETURN_NOT_OK(Grow(length));
  UnsafeAppend(own ? data_ + offset : bytes, length);
  return absl::OkStatus();
}

Status BufferBuilder::Finish(std::shared_ptr<Buffer>* out, bool shrink_to_fit) {
  ALKAID_ASSIGN_OR_RAISE(*out, Finish(shrink_to_fit));
  return absl::OkStatus();
}

Result<std::shared_ptr<Buffer>> BufferBuilder::Finish(bool shrink_to_fit) {
  return FinishWithLength(size_, shrink_to_fit);
}

Result<std::shared_ptr<Buffer>> BufferBuilder::FinishWithLength(int64_t final_length,
                                                                bool shrink_to_fit) {
  if (final_length < 0) {
    return status::Invalid("BufferBuilder::FinishWithLength: negative length ", final_length);
  }
  std::shared_ptr<Buffer> out;
  ALKAID_RETURN_NOT_OK(Finish(final_length, shrink_to_fit, &out));
  return out;
}

Status BufferBuilder::Finish(int64_t final_length, bool shrink_to_fit,
                             std::shared_ptr<Buffer>* out) {
  const int64_t written = capacity_;
  ALKAID_RETURN_NOT_OK(Resize(BuilderGrowthReason::kResized, final_length, shrink_to_fit));
  if (final_length > written) {
    std::memset(data_ + written, 0, static_cast<std::size_t>(final_length - written));
  }
  buffer_->ZeroPadding();
  size_ = final_length;
  EndContents(std::max(capacity_, written));
  *out = std::move(buffer_);
  capacity_ = 0;
  Reset();
  return absl::OkStatus();
}

void BufferBuilder::Reset() {
  EndContents(capacity_);
  buffer_.reset();
  data_ = nullptr;
  capacity_ = size_ = 0;
}

}  // namespace alkaid
