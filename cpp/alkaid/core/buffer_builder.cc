#include "alkaid/core/buffer_builder.h"

#include <functional>
#include <limits>

#include "alkaid/core/borrow_pool_internal.h"

namespace alkaid {

BufferBuilder::BufferBuilder(MemoryPool* pool, int64_t alignment)
    : pool_(internal::BorrowPool(pool)), alignment_(alignment) {}

BufferBuilder::BufferBuilder(std::shared_ptr<MemoryPool> pool, int64_t alignment)
    : pool_(std::move(pool)), alignment_(alignment) {}

BufferBuilder::BufferBuilder(std::shared_ptr<ResizableBuffer> buffer, MemoryPool* pool,
                             int64_t alignment)
    : buffer_(std::move(buffer)), pool_(internal::BorrowPool(pool)), alignment_(alignment) {
  if (buffer_ == nullptr) return;
  data_ = buffer_->mutable_data();
  capacity_ = buffer_->capacity();
  size_ = buffer_->size();
}

Status BufferBuilder::Resize(int64_t new_capacity, bool shrink_to_fit) {
  if (new_capacity < 0) [[unlikely]] {
    return status::Invalid("BufferBuilder::Resize: negative capacity ", new_capacity);
  }
  const ScopedLabel label(label_ ? label_ : Label::Current());
  if (buffer_ == nullptr) {
    ALKAID_ASSIGN_OR_RAISE(buffer_, AllocateResizableBuffer(new_capacity, alignment_, pool_));
  } else {
    ALKAID_RETURN_NOT_OK(buffer_->Resize(new_capacity, shrink_to_fit));
  }
  data_ = buffer_->mutable_data();
  capacity_ = buffer_->capacity();
  size_ = std::min(size_, new_capacity);
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
  return Resize(GrowByFactor(capacity_, needed), /*shrink_to_fit=*/false);
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
  ALKAID_RETURN_NOT_OK(Resize(size_, shrink_to_fit));
  buffer_->ZeroPadding();
  *out = std::move(buffer_);
  Reset();
  return absl::OkStatus();
}

Result<std::shared_ptr<Buffer>> BufferBuilder::Finish(bool shrink_to_fit) {
  std::shared_ptr<Buffer> out;
  ALKAID_RETURN_NOT_OK(Finish(&out, shrink_to_fit));
  return out;
}

Result<std::shared_ptr<Buffer>> BufferBuilder::FinishWithLength(int64_t final_length,
                                                                bool shrink_to_fit) {
  if (final_length < 0) {
    return status::Invalid("BufferBuilder::FinishWithLength: negative length ", final_length);
  }
  const int64_t written = capacity_;
  const int64_t old_size = std::exchange(size_, final_length);
  auto out = Finish(shrink_to_fit);
  if (!out.ok()) {
    size_ = old_size;
  } else if (final_length > written) {
    std::memset((*out)->mutable_data() + written, 0,
                static_cast<std::size_t>(final_length - written));
  }
  return out;
}

void BufferBuilder::Reset() {
  buffer_.reset();
  data_ = nullptr;
  capacity_ = size_ = 0;
}

}  // namespace alkaid
