// Reading from and writing into the bytes of a Buffer, behind the interfaces of io_interfaces.h.
//
// Ownership: both hold the Buffer until Close. Threads: ReadAt and WriteAt from many at once; the
// rest one at a time. Out of memory: nothing here allocates but small objects; the Buffers that a
// BufferReader gives are slices.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/io_interfaces.h"

namespace alkaid::io {

class ALKAID_EXPORT BufferReader final : public RandomAccessFile {
 public:
  // kInvalidArgument for a null buffer, or one that the CPU can not read.
  static Result<std::shared_ptr<RandomAccessFile>> Make(std::shared_ptr<Buffer> buffer);

  // Not checked: the buffer must be there, and readable by the CPU.
  explicit BufferReader(std::shared_ptr<Buffer> buffer) : buffer_(std::move(buffer)) {}
  // Borrows the bytes.
  BufferReader(const uint8_t* data, int64_t size) : buffer_(std::make_shared<Buffer>(data, size)) {}
  explicit BufferReader(std::string_view data) : buffer_(std::make_shared<Buffer>(data)) {}

  Status Close() override;
  bool closed() const override { return buffer_ == nullptr; }
  Result<int64_t> Tell() const override;
  // kOutOfRange past the end.
  Status Seek(int64_t position) override;
  Result<int64_t> GetSize() override;
  Result<int64_t> Read(int64_t nbytes, void* out) override;
  Result<std::shared_ptr<Buffer>> Read(int64_t nbytes) override;
  Result<int64_t> ReadAt(int64_t position, int64_t nbytes, void* out) override;
  Result<std::shared_ptr<Buffer>> ReadAt(int64_t position, int64_t nbytes) override;
  bool supports_zero_copy() const override { return true; }

  // Null once closed.
  const std::shared_ptr<Buffer>& buffer() const { return buffer_; }

 private:
  // How many of `nbytes` there are from `position` on.
  Result<int64_t> Available(int64_t position, int64_t nbytes) const;

  std::shared_ptr<Buffer> buffer_;
  int64_t position_ = 0;
};

// Writes into a mutable Buffer and never past its end: what does not fit is refused whole, with
// kOutOfRange.
class ALKAID_EXPORT FixedSizeBufferWriter final : public WritableFile {
 public:
  // kInvalidArgument for a null buffer, or one that the CPU can not write.
  static Result<std::shared_ptr<OutputStream>> Make(std::shared_ptr<Buffer> buffer);

  // Not checked: the buffer must be there, mutable, and readable by the CPU.
  explicit FixedSizeBufferWriter(std::shared_ptr<Buffer> buffer) : buffer_(std::move(buffer)) {}

  Status Close() override;
  bool closed() const override { return buffer_ == nullptr; }
  Result<int64_t> Tell() const override;
  // kOutOfRange past the end.
  Status Seek(int64_t position) override;
  using Writable::Write;
  Status Write(const void* data, int64_t nbytes) override;
  Status WriteAt(int64_t position, const void* data, int64_t nbytes) override;

 private:
  std::shared_ptr<Buffer> buffer_;
  int64_t position_ = 0;
};

}  // namespace alkaid::io
