// Readers and writers over the bytes of a Buffer, by the interfaces of io_interfaces.h.
//
// Ownership: both hold the Buffer until Close. Threads: ReadAt and WriteAt from many threads at
// once; the rest one at a time. Out of memory: only small objects are allocated; the Buffers that a
// BufferReader returns are slices.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/io_interfaces.h"

namespace alkaid::io {

class ALKAID_EXPORT BufferReader : public RandomAccessFile {
 public:
  // kInvalidArgument for a null buffer, or one that the CPU cannot read.
  static Result<std::shared_ptr<RandomAccessFile>> Make(std::shared_ptr<Buffer> buffer);
  // Takes the string over. Throws std::bad_alloc.
  static std::unique_ptr<BufferReader> FromString(std::string data);

  // Not checked: the CPU must be able to read the buffer. Null is a buffer of no bytes.
  explicit BufferReader(std::shared_ptr<Buffer> buffer)
      : buffer_(std::move(buffer)),
        data_(buffer_ != nullptr ? buffer_->data() : nullptr),
        size_(buffer_ != nullptr ? buffer_->size() : 0) {}
  // Borrows the bytes.
  BufferReader(const uint8_t* data, int64_t size)
      : BufferReader(std::make_shared<Buffer>(data, size)) {}
  explicit BufferReader(std::string_view data) : BufferReader(std::make_shared<Buffer>(data)) {}

  Status Close() override;
  Status Abort() override { return DoAbort(); }
  bool closed() const override { return !is_open_; }
  Result<int64_t> Tell() const override;
  // kOutOfRange past the end.
  Status Seek(int64_t position) override;
  Result<int64_t> GetSize() override;
  Result<int64_t> Read(int64_t nbytes, void* out) override;
  Result<std::shared_ptr<Buffer>> Read(int64_t nbytes) override;
  Status Advance(int64_t nbytes) override;
  // Valid as long as the buffer is.
  Result<std::string_view> Peek(int64_t nbytes) override { return DoPeek(nbytes); }
  using RandomAccessFile::ReadAt;
  Result<int64_t> ReadAt(int64_t position, int64_t nbytes, void* out) override;
  Result<std::shared_ptr<Buffer>> ReadAt(int64_t position, int64_t nbytes) override;
  bool supports_zero_copy() const override { return true; }

  // Null once closed.
  const std::shared_ptr<Buffer>& buffer() const { return buffer_; }

 protected:
  // For classes derived from this one, with Arrow's names.
  virtual Status DoAbort() { return Close(); }
  virtual Result<std::string_view> DoPeek(int64_t nbytes);
  Status CheckClosed() const;
  const char* NameInErrors() const override { return "BufferReader"; }

  std::shared_ptr<Buffer> buffer_;
  const uint8_t* data_;  // of the buffer
  int64_t size_;
  int64_t position_ = 0;
  bool is_open_ = true;

 private:
  // How many of `nbytes` there are from `position` on.
  Result<int64_t> Available(int64_t position, int64_t nbytes) const;
};

// Writes into a mutable Buffer and never past its end: a write that does not fit is refused as a
// whole, with kOutOfRange.
class ALKAID_EXPORT FixedSizeBufferWriter : public WritableFile {
 public:
  // kInvalidArgument for a null buffer, or one that the CPU cannot write.
  static Result<std::shared_ptr<OutputStream>> Make(std::shared_ptr<Buffer> buffer);

  // Not checked: the buffer must be non-null, mutable, and readable by the CPU.
  explicit FixedSizeBufferWriter(std::shared_ptr<Buffer> buffer) : buffer_(std::move(buffer)) {
    set_mode(FileMode::WRITE);
  }

  Status Close() override;
  bool closed() const override { return buffer_ == nullptr; }
  Result<int64_t> Tell() const override;
  // kOutOfRange past the end.
  Status Seek(int64_t position) override;
  using Writable::Write;
  Status Write(const void* data, int64_t nbytes) override;
  Status WriteAt(int64_t position, const void* data, int64_t nbytes) override;

  // No effect; for programs written for Arrow: each write is one copy by the calling thread.
  void set_memcopy_threads(int /*num_threads*/) {}
  void set_memcopy_blocksize(int64_t /*blocksize*/) {}
  void set_memcopy_threshold(int64_t /*threshold*/) {}

 private:
  std::shared_ptr<Buffer> buffer_;
  int64_t position_ = 0;
};

}  // namespace alkaid::io
