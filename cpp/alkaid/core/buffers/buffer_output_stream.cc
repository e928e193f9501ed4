#include "alkaid/core/buffers/buffer_output_stream.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "alkaid/core/buffers/buffer_functions.h"
#include "alkaid/core/buffers/io_checks_internal.h"

namespace alkaid::io {
namespace {

constexpr int64_t kMinCapacity = 256;  // bytes, once the stream has grown

}  // namespace

BufferOutputStream::BufferOutputStream() { set_mode(FileMode::WRITE); }

BufferOutputStream::BufferOutputStream(const std::shared_ptr<ResizableBuffer>& buffer)
    : buffer_(buffer), is_open_(true), capacity_(buffer->size()) {
  set_mode(FileMode::WRITE);
}

BufferOutputStream::~BufferOutputStream() {
  // Sets the size of a buffer that the program gave and still holds.
  BufferOutputStream::Close().IgnoreError();
}

Result<std::shared_ptr<BufferOutputStream>> BufferOutputStream::Create(int64_t initial_capacity,
                                                                       PoolHandle pool) try {
  std::shared_ptr<BufferOutputStream> stream(new BufferOutputStream);
  ALKAID_RETURN_NOT_OK(stream->Reset(initial_capacity, std::move(pool)));
  return stream;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status BufferOutputStream::Reset(int64_t initial_capacity, PoolHandle pool) try {
  if (initial_capacity < 0) {
    return status::Invalid("BufferOutputStream: negative capacity ", initial_capacity);
  }
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<ResizableBuffer> buffer,
                         AllocateResizableBuffer(initial_capacity, std::move(pool)));
  buffer_ = std::move(buffer);
  is_open_ = true;
  capacity_ = initial_capacity;
  position_ = 0;
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status BufferOutputStream::Close() try {
  if (!is_open_) return absl::OkStatus();
  if (position_ < capacity_) {
    ALKAID_RETURN_NOT_OK(buffer_->Resize(position_, /*shrink_to_fit=*/false));
  }
  is_open_ = false;
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status BufferOutputStream::Write(const void* data, int64_t nbytes) try {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen("BufferOutputStream", closed()));
  ALKAID_RETURN_NOT_OK(internal::CheckRange("BufferOutputStream", position_, nbytes));
  ALKAID_RETURN_NOT_OK(internal::CheckMemory("BufferOutputStream", data, nbytes));
  if (nbytes == 0) return absl::OkStatus();
  if (nbytes >= capacity_ - position_) ALKAID_RETURN_NOT_OK(Reserve(nbytes));
  std::memcpy(buffer_->mutable_data() + position_, data, static_cast<std::size_t>(nbytes));
  position_ += nbytes;
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status BufferOutputStream::Reserve(int64_t nbytes) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  if (nbytes > kMax - position_) {
    return status::OutOfMemory("BufferOutputStream: ", nbytes, " bytes after ", position_,
                               " pass the largest size, ", kMax, " bytes");
  }
  int64_t capacity = std::max(kMinCapacity, capacity_);
  while (capacity < position_ + nbytes) capacity = capacity > kMax / 2 ? kMax : capacity * 2;
  if (capacity > capacity_) {
    ALKAID_RETURN_NOT_OK(buffer_->Resize(capacity));
    capacity_ = capacity;
  }
  return absl::OkStatus();
}

Result<std::shared_ptr<Buffer>> BufferOutputStream::Finish() {
  if (buffer_ == nullptr) {
    return status::FailedPrecondition("BufferOutputStream: its ", position_,
                                      " bytes were handed over by an earlier Finish");
  }
  ALKAID_RETURN_NOT_OK(BufferOutputStream::Close());
  buffer_->ZeroPadding();
  return std::move(buffer_);
}

}  // namespace alkaid::io
