#include "alkaid/core/buffers/memory_io.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "alkaid/core/buffers/io_checks_internal.h"

namespace alkaid::io {

Result<std::shared_ptr<RandomAccessFile>> BufferReader::Make(std::shared_ptr<Buffer> buffer) try {
  if (buffer == nullptr) return status::Invalid("BufferReader: the buffer is null");
  if (!buffer->is_cpu()) {
    return status::Invalid("BufferReader: the CPU cannot read the buffer, which is on ",
                           buffer->device()->ToString());
  }
  return std::make_shared<BufferReader>(std::move(buffer));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

std::unique_ptr<BufferReader> BufferReader::FromString(std::string data) {
  return std::make_unique<BufferReader>(Buffer::FromString(std::move(data)));
}

Status BufferReader::CheckClosed() const { return internal::CheckOpen("BufferReader", !is_open_); }

Status BufferReader::Close() {
  buffer_.reset();
  data_ = nullptr;
  size_ = 0;
  is_open_ = false;
  return absl::OkStatus();
}

Result<int64_t> BufferReader::Tell() const {
  ALKAID_RETURN_NOT_OK(CheckClosed());
  return position_;
}

Status BufferReader::Seek(int64_t position) {
  ALKAID_RETURN_NOT_OK(CheckClosed());
  if (position < 0 || position > size_) {
    return status::IndexError("BufferReader: position ", position, " is outside of ", size_,
                              " bytes");
  }
  position_ = position;
  return absl::OkStatus();
}

Result<int64_t> BufferReader::GetSize() {
  ALKAID_RETURN_NOT_OK(CheckClosed());
  return size_;
}

Result<int64_t> BufferReader::Available(int64_t position, int64_t nbytes) const {
  ALKAID_RETURN_NOT_OK(CheckClosed());
  ALKAID_RETURN_NOT_OK(internal::CheckRange("BufferReader", position, nbytes));
  return std::min(nbytes, std::max<int64_t>(size_ - position, 0));
}

Result<int64_t> BufferReader::ReadAt(int64_t position, int64_t nbytes, void* out) {
  ALKAID_ASSIGN_OR_RAISE(const int64_t available, Available(position, nbytes));
  ALKAID_RETURN_NOT_OK(internal::CheckMemory("BufferReader", out, nbytes));
  if (available > 0) {
    std::memcpy(out, data_ + position, static_cast<std::size_t>(available));
  }
  return available;
}

Result<std::shared_ptr<Buffer>> BufferReader::ReadAt(int64_t position, int64_t nbytes) try {
  ALKAID_ASSIGN_OR_RAISE(const int64_t available, Available(position, nbytes));
  if (buffer_ == nullptr) return std::make_shared<Buffer>(nullptr, 0);
  return SliceBuffer(buffer_, std::min(position, size_), available);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<int64_t> BufferReader::Read(int64_t nbytes, void* out) {
  ALKAID_ASSIGN_OR_RAISE(const int64_t count, ReadAt(position_, nbytes, out));
  position_ += count;
  return count;
}

Result<std::shared_ptr<Buffer>> BufferReader::Read(int64_t nbytes) {
  ALKAID_ASSIGN_OR_RAISE(auto slice, ReadAt(position_, nbytes));
  position_ += slice->size();
  return slice;
}

Status BufferReader::Advance(int64_t nbytes) {
  ALKAID_ASSIGN_OR_RAISE(const int64_t available, Available(position_, nbytes));
  position_ += available;
  return absl::OkStatus();
}

Result<std::string_view> BufferReader::DoPeek(int64_t nbytes) {
  ALKAID_ASSIGN_OR_RAISE(const int64_t available, Available(position_, nbytes));
  return std::string_view(reinterpret_cast<const char*>(data_) + position_,
                          static_cast<std::size_t>(available));
}

Result<std::shared_ptr<OutputStream>> FixedSizeBufferWriter::Make(
    std::shared_ptr<Buffer> buffer) try {
  if (buffer == nullptr) return status::Invalid("FixedSizeBufferWriter: the buffer is null");
  if (!buffer->is_cpu()) {
    return status::Invalid("FixedSizeBufferWriter: the CPU cannot write the buffer, which is on ",
                           buffer->device()->ToString());
  }
  if (!buffer->is_mutable()) {
    return status::Invalid("FixedSizeBufferWriter: the buffer is not mutable");
  }
  return std::make_shared<FixedSizeBufferWriter>(std::move(buffer));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status FixedSizeBufferWriter::Close() {
  buffer_.reset();
  return absl::OkStatus();
}

Result<int64_t> FixedSizeBufferWriter::Tell() const {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen("FixedSizeBufferWriter", closed()));
  return position_;
}

Status FixedSizeBufferWriter::Seek(int64_t position) {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen("FixedSizeBufferWriter", closed()));
  if (position < 0 || position > buffer_->size()) {
    return status::IndexError("FixedSizeBufferWriter: position ", position, " is outside of ",
                              buffer_->size(), " bytes");
  }
  position_ = position;
  return absl::OkStatus();
}

Status FixedSizeBufferWriter::WriteAt(int64_t position, const void* data, int64_t nbytes) {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen("FixedSizeBufferWriter", closed()));
  ALKAID_RETURN_NOT_OK(internal::CheckRange("FixedSizeBufferWriter", position, nbytes));
  ALKAID_RETURN_NOT_OK(internal::CheckMemory("FixedSizeBufferWriter", data, nbytes));
  if (position > buffer_->size() || nbytes > buffer_->size() - position) {
    return status::IndexError("FixedSizeBufferWriter: ", nbytes, " bytes at ", position,
                              " do not fit into ", buffer_->size(), " bytes");
  }
  if (nbytes > 0) {
    std::memcpy(buffer_->mutable_data() + position, data, static_cast<std::size_t>(nbytes));
  }
  return absl::OkStatus();
}

Status FixedSizeBufferWriter::Write(const void* data, int64_t nbytes) {
  ALKAID_RETURN_NOT_OK(WriteAt(position_, data, nbytes));
  position_ += nbytes;
  return absl::OkStatus();
}

}  // namespace alkaid::io
